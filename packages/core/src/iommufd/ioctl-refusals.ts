import type { RefusalRule } from '../errno/index.js';

const main = 'Linux 6.12 drivers/iommu/iommufd/main.c';

/** Codes of {@link ioctlRules}. */
export type IoctlRefusalCode =
  | 'IOCTL_SIZE_UNREADABLE'
  | 'IOCTL_UNKNOWN'
  | 'IOCTL_TOO_SMALL'
  | 'IOCTL_UNREADABLE'
  | 'IOCTL_TAIL_NOT_ZERO'
  | 'IOCTL_NOT_WRITABLE'
  | 'OBJECT_NOT_FOUND'
  | 'OBJECT_BUSY'
  | 'OBJECT_NO_MEMORY';

/** How the structure of an ioctl is taken, and objects by id. */
export const ioctlRules: Readonly<Record<IoctlRefusalCode, RefusalRule>> = {
  IOCTL_SIZE_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'The first 4 bytes of the argument, its size, must be readable',
    source: `${main} iommufd_fops_ioctl`,
    hint: 'pass the address of the structure',
  },
  IOCTL_UNKNOWN: {
    errno: 'ENOTTY',
    rule: 'The request number must be one that this kernel knows',
    source: `${main} iommufd_fops_ioctl`,
  },
  IOCTL_TOO_SMALL: {
    errno: 'EINVAL',
    rule: "size must reach the last field of the structure's first version",
    source: `${main} iommufd_fops_ioctl`,
    hint: 'set size to sizeof the structure',
  },
  IOCTL_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'All size bytes of the argument must be readable',
    source: 'include/linux/uaccess.h copy_struct_from_user',
  },
  IOCTL_TAIL_NOT_ZERO: {
    errno: 'E2BIG',
    rule: 'Bytes beyond the structure that this kernel knows must be zero',
    source: 'include/linux/uaccess.h copy_struct_from_user',
    hint: 'a field that a newer kernel has is set: leave it zero or ask for less',
  },
  IOCTL_NOT_WRITABLE: {
    errno: 'EFAULT',
    rule: 'The argument must be writable for the answer; what the call did stays done',
    source: 'drivers/iommu/iommufd/iommufd_private.h iommufd_ucmd_respond',
  },
  OBJECT_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'The id must be that of an object of this open file',
    source: `${main} iommufd_object_remove`,
  },
  OBJECT_BUSY: {
    errno: 'EBUSY',
    rule: 'An object can be destroyed when nothing uses it',
    source: `${main} iommufd_object_remove`,
    hint: 'destroy, detach or close what heldBy names first',
  },
  OBJECT_NO_MEMORY: {
    errno: 'ENOMEM',
    rule: 'A new object must fit the memory budget',
    source: `${main} _iommufd_object_alloc`,
  },
};
