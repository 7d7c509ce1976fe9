import { refusalTable, type RefusalRule, type RefusalTable } from '../errno/index.js';

const main = 'Linux 6.12 drivers/iommu/iommufd/main.c';
const ioas = 'Linux 6.12 drivers/iommu/iommufd/ioas.c';
const hwpt = 'Linux 6.12 drivers/iommu/iommufd/hw_pagetable.c';
const device = 'Linux 6.12 drivers/iommu/iommufd/device.c';
const fault = 'Linux 6.12 drivers/iommu/iommufd/fault.c';
const compat = 'Linux 6.12 drivers/iommu/iommufd/vfio_compat.c';

/** Codes of {@link iommufdRefusals}. */
export type IommufdRefusalCode =
  | 'IOCTL_SIZE_UNREADABLE'
  | 'IOCTL_UNKNOWN'
  | 'IOCTL_TOO_SMALL'
  | 'IOCTL_UNREADABLE'
  | 'IOCTL_TAIL_NOT_ZERO'
  | 'IOCTL_NOT_WRITABLE'
  | 'OBJECT_NOT_FOUND'
  | 'OBJECT_BUSY'
  | 'OBJECT_NO_MEMORY'
  | 'IOAS_NOT_FOUND'
  | 'IOAS_ALLOC_FLAGS'
  | 'IOVA_RANGES_RESERVED_FIELD'
  | 'IOVA_RANGES_NOT_WRITABLE'
  | 'IOVA_RANGES_ARRAY_TOO_SHORT'
  | 'ALLOW_IOVAS_RESERVED_FIELD'
  | 'ALLOW_IOVAS_UNREADABLE'
  | 'ALLOW_IOVAS_EMPTY'
  | 'ALLOW_IOVAS_OVERLAP'
  | 'MAP_FLAGS'
  | 'MAP_RESERVED_FIELD'
  | 'MAP_NUMBER_TOO_LARGE'
  | 'MAP_NO_PERMISSION'
  | 'COPY_FLAGS'
  | 'COPY_NUMBER_TOO_LARGE'
  | 'COPY_NO_PERMISSION'
  | 'UNMAP_NUMBER_TOO_LARGE'
  | 'UNMAP_NOTHING_MAPPED'
  | 'OPTION_RESERVED_FIELD'
  | 'OPTION_UNKNOWN'
  | 'OPTION_OP'
  | 'OPTION_RLIMIT_OBJECT'
  | 'OPTION_RLIMIT_PERMISSION'
  | 'OPTION_RLIMIT_BUSY'
  | 'OPTION_RLIMIT_VALUE'
  | 'OPTION_HUGE_PAGES_VALUE'
  | 'VFIO_IOAS_RESERVED_FIELD'
  | 'VFIO_IOAS_OP'
  | 'COMPAT_IOAS_MISSING'
  | 'COMPAT_IOAS_NO_IOMMU'
  | 'COMPAT_NO_IOMMU_AFTER_IOAS'
  | 'DEVICE_NOT_FOUND'
  | 'BIND_NOT_COHERENT'
  | 'BIND_MSI_NOT_ISOLATED'
  | 'BIND_GROUP_OWNED'
  | 'ATTACH_TARGET_NOT_FOUND'
  | 'ATTACH_TARGET_KIND'
  | 'ATTACH_GROUP_ELSEWHERE'
  | 'ATTACH_NO_PAGE_REQUESTS'
  | 'ATTACH_NO_MEMORY'
  | 'REPLACE_NOT_ATTACHED'
  | 'HWPT_NOT_FOUND'
  | 'HWPT_NESTED_NOT_FOUND'
  | 'HWPT_ALLOC_RESERVED_FIELD'
  | 'HWPT_ALLOC_DATA_WITHOUT_TYPE'
  | 'HWPT_ALLOC_TYPE_WITHOUT_DATA'
  | 'HWPT_ALLOC_TARGET_NOT_FOUND'
  | 'HWPT_ALLOC_TARGET_KIND'
  | 'HWPT_ALLOC_FLAGS'
  | 'HWPT_ALLOC_NO_DIRTY_TRACKING'
  | 'HWPT_ALLOC_NOT_COHERENT'
  | 'HWPT_ALLOC_DATA_UNREADABLE'
  | 'HWPT_NESTED_FLAGS'
  | 'HWPT_NESTED_NO_DATA'
  | 'HWPT_NESTED_UNSUPPORTED'
  | 'HWPT_NESTED_PARENT_AUTOMATIC'
  | 'HWPT_NESTED_PARENT_FLAG'
  | 'HWPT_NESTED_PARENT_DRIVER'
  | 'FAULT_NOT_FOUND'
  | 'HW_INFO_FLAGS'
  | 'HW_INFO_RESERVED_FIELD'
  | 'HW_INFO_NOT_WRITABLE'
  | 'SET_DIRTY_FLAGS'
  | 'GET_DIRTY_FLAGS'
  | 'GET_DIRTY_RESERVED_FIELD'
  | 'INVALIDATE_RESERVED_FIELD'
  | 'INVALIDATE_ARRAY'
  | 'INVALIDATE_LIMIT'
  | 'INVALIDATE_UNREADABLE'
  | 'FAULT_ALLOC_FLAGS'
  | 'FAULT_READ_SIZE'
  | 'FAULT_READ_TOO_SHORT'
  | 'FAULT_READ_NOT_WRITABLE'
  | 'FAULT_WRITE_SIZE'
  | 'FAULT_WRITE_UNREADABLE'
  | 'FAULT_WRITE_CODE'
  | 'FAULT_WRITE_COOKIE'
  | 'ACCESS_NOT_ATTACHED'
  | 'ACCESS_BUSY'
  | 'DRIVER_E2BIG'
  | 'DRIVER_EIO'
  | 'DRIVER_EINVAL'
  | 'DRIVER_ENOMEM'
  | 'DRIVER_ENOSPC'
  | 'DRIVER_EBUSY'
  | 'DRIVER_ENODEV'
  | 'DRIVER_EOPNOTSUPP'
  | 'DRIVER_EFAULT'
  | 'DRIVER_ENOENT'
  | 'DRIVER_ETIMEDOUT';

const rules: Readonly<Record<IommufdRefusalCode, RefusalRule>> = {
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
  IOAS_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'The id must be that of an IOAS of this open file',
    source: `${main} iommufd_get_object`,
    hint: 'IOMMU_IOAS_ALLOC makes one',
  },
  IOAS_ALLOC_FLAGS: { errno: 'EOPNOTSUPP', rule: 'flags must be 0', source: `${ioas} iommufd_ioas_alloc_ioctl` },
  IOVA_RANGES_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${ioas} iommufd_ioas_iova_ranges`,
  },
  IOVA_RANGES_NOT_WRITABLE: {
    errno: 'EFAULT',
    rule: 'The array of ranges must be writable for as many elements as num_iovas and the ranges need',
    source: `${ioas} iommufd_ioas_iova_ranges`,
  },
  IOVA_RANGES_ARRAY_TOO_SHORT: {
    errno: 'EMSGSIZE',
    rule: 'num_iovas must be at least the number of ranges; the number and the alignment were written back',
    source: `${ioas} iommufd_ioas_iova_ranges`,
    hint: 'call again with the num_iovas that was written back',
  },
  ALLOW_IOVAS_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${ioas} iommufd_ioas_allow_iovas`,
  },
  ALLOW_IOVAS_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'The array of ranges must be readable',
    source: `${ioas} iommufd_ioas_load_iovas`,
  },
  ALLOW_IOVAS_EMPTY: {
    errno: 'EINVAL',
    rule: 'last of an allowed range must be above start: a range of one byte is refused too',
    source: `${ioas} iommufd_ioas_load_iovas`,
  },
  ALLOW_IOVAS_OVERLAP: {
    errno: 'EINVAL',
    rule: 'Ranges of one list must not overlap',
    source: `${ioas} iommufd_ioas_load_iovas`,
  },
  MAP_FLAGS: {
    errno: 'EOPNOTSUPP',
    rule: 'flags may hold FIXED_IOVA, WRITEABLE and READABLE',
    source: `${ioas} iommufd_ioas_map`,
  },
  MAP_RESERVED_FIELD: { errno: 'EOPNOTSUPP', rule: '__reserved must be 0', source: `${ioas} iommufd_ioas_map` },
  MAP_NUMBER_TOO_LARGE: {
    errno: 'EOVERFLOW',
    rule: 'iova and length must be below 2^64 - 1, iova even where it is not used',
    source: `${ioas} iommufd_ioas_map`,
  },
  MAP_NO_PERMISSION: {
    errno: 'EINVAL',
    rule: 'A mapping must be readable, writable or both',
    source: `${ioas} iommufd_ioas_map`,
    hint: 'set WRITEABLE or READABLE',
  },
  COPY_FLAGS: {
    errno: 'EOPNOTSUPP',
    rule: 'flags may hold FIXED_IOVA, WRITEABLE and READABLE',
    source: `${ioas} iommufd_ioas_copy`,
  },
  COPY_NUMBER_TOO_LARGE: {
    errno: 'EOVERFLOW',
    rule: 'length, src_iova and dst_iova must be below 2^64 - 1',
    source: `${ioas} iommufd_ioas_copy`,
  },
  COPY_NO_PERMISSION: {
    errno: 'EINVAL',
    rule: 'A mapping must be readable, writable or both',
    source: `${ioas} iommufd_ioas_copy`,
    hint: 'set WRITEABLE or READABLE',
  },
  UNMAP_NUMBER_TOO_LARGE: {
    errno: 'EOVERFLOW',
    rule: 'iova and length must be below 2^64 - 1, unless they are 0 and 2^64 - 1 for everything',
    source: `${ioas} iommufd_ioas_unmap`,
  },
  UNMAP_NOTHING_MAPPED: {
    errno: 'ENOENT',
    rule: 'The range must hold at least one mapping',
    source: `${ioas} iommufd_ioas_unmap`,
  },
  OPTION_RESERVED_FIELD: { errno: 'EOPNOTSUPP', rule: '__reserved must be 0', source: `${main} iommufd_option` },
  OPTION_UNKNOWN: {
    errno: 'EOPNOTSUPP',
    rule: 'option_id must be RLIMIT_MODE (0) or HUGE_PAGES (1)',
    source: `${main} iommufd_option`,
  },
  OPTION_OP: {
    errno: 'EOPNOTSUPP',
    rule: 'op must be SET (0) or GET (1)',
    source: `${ioas} iommufd_option_rlimit_mode`,
  },
  OPTION_RLIMIT_OBJECT: {
    errno: 'EOPNOTSUPP',
    rule: 'RLIMIT_MODE belongs to the open file: object_id must be 0',
    source: `${ioas} iommufd_option_rlimit_mode`,
  },
  OPTION_RLIMIT_PERMISSION: {
    errno: 'EPERM',
    rule: 'Setting RLIMIT_MODE needs CAP_SYS_RESOURCE',
    source: `${ioas} iommufd_option_rlimit_mode`,
  },
  OPTION_RLIMIT_BUSY: {
    errno: 'EBUSY',
    rule: 'RLIMIT_MODE can be set only while the open file has no object at all',
    source: `${ioas} iommufd_option_rlimit_mode`,
    hint: 'set it right after open',
  },
  OPTION_RLIMIT_VALUE: {
    errno: 'EINVAL',
    rule: 'RLIMIT_MODE is 0 (count for the user) or 1 (count for the process)',
    source: `${ioas} iommufd_option_rlimit_mode`,
  },
  OPTION_HUGE_PAGES_VALUE: {
    errno: 'EINVAL',
    rule: 'HUGE_PAGES is 0 or 1',
    source: `${ioas} iommufd_ioas_option_huge_pages`,
  },
  VFIO_IOAS_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${compat} iommufd_vfio_ioas`,
  },
  VFIO_IOAS_OP: {
    errno: 'EOPNOTSUPP',
    rule: 'op must be GET (0), SET (1) or CLEAR (2)',
    source: `${compat} iommufd_vfio_ioas`,
  },
  COMPAT_IOAS_MISSING: {
    errno: 'ENODEV',
    rule: 'The VFIO calls need the compatibility IOAS, and this open file has none',
    source: `${compat} get_compat_ioas`,
    hint: 'add a group with VFIO_GROUP_SET_CONTAINER or name an IOAS with IOMMU_VFIO_IOAS SET',
  },
  COMPAT_IOAS_NO_IOMMU: {
    errno: 'EINVAL',
    rule: 'A file that serves a group without IOMMU never gets a compatibility IOAS',
    source: `${compat} iommufd_vfio_compat_ioas_create`,
  },
  COMPAT_NO_IOMMU_AFTER_IOAS: {
    errno: 'EINVAL',
    rule: 'A file that has a compatibility IOAS cannot serve a group without IOMMU',
    source: `${compat} iommufd_vfio_compat_set_no_iommu`,
  },
  DEVICE_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'dev_id must be that of a device bound to this open file',
    source: `${main} iommufd_get_object`,
  },
  BIND_NOT_COHERENT: {
    errno: 'EINVAL',
    rule: 'DMA of the device must be coherent with the caches',
    source: `${device} iommufd_device_bind`,
  },
  BIND_MSI_NOT_ISOLATED: {
    errno: 'EPERM',
    rule: 'Interrupts of the device must be isolated, unless unsafe interrupts are allowed',
    source: `${device} iommufd_device_bind`,
    hint: 'enable interrupt remapping or allowUnsafeInterrupts',
  },
  BIND_GROUP_OWNED: {
    errno: 'EPERM',
    rule: 'All devices of a group that are in use must belong to one open file',
    source: 'Linux 6.12 drivers/iommu/iommu.c iommu_device_claim_dma_owner',
  },
  ATTACH_TARGET_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'pt_id must be that of an IOAS or of a page table of this open file',
    source: `${device} iommufd_device_change_pt`,
  },
  ATTACH_TARGET_KIND: {
    errno: 'EINVAL',
    rule: 'A device attaches to an IOAS or to a page table, not to another kind of object',
    source: `${device} iommufd_device_change_pt`,
  },
  ATTACH_GROUP_ELSEWHERE: {
    errno: 'EINVAL',
    rule: 'All devices of a group use one page table',
    source: `${device} iommufd_hw_pagetable_attach`,
    hint: "attach to the page table of the group, or replace the group's",
  },
  ATTACH_NO_PAGE_REQUESTS: {
    errno: 'ENODEV',
    rule: 'A page table with a fault queue needs a device whose IOMMU takes page requests',
    source: `${fault} iommufd_fault_iopf_enable`,
  },
  ATTACH_NO_MEMORY: {
    errno: 'ENOMEM',
    rule: 'The attachment must fit the memory budget',
    source: `${device} iommufd_hwpt_attach_device`,
  },
  REPLACE_NOT_ATTACHED: {
    errno: 'EINVAL',
    rule: 'Only a device that is attached can be moved',
    source: `${device} iommufd_device_do_replace`,
    hint: 'attach first',
  },
  HWPT_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'hwpt_id must be that of a page table over an IOAS',
    source: `${main} iommufd_get_object`,
  },
  HWPT_NESTED_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'hwpt_id must be that of a nested page table',
    source: `${main} iommufd_get_object`,
  },
  HWPT_ALLOC_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${hwpt} iommufd_hwpt_alloc`,
  },
  HWPT_ALLOC_DATA_WITHOUT_TYPE: {
    errno: 'EINVAL',
    rule: 'data_len must be 0 when data_type is NONE',
    source: `${hwpt} iommufd_hwpt_alloc`,
  },
  HWPT_ALLOC_TYPE_WITHOUT_DATA: {
    errno: 'EINVAL',
    rule: 'data_len must not be 0 when data_type is set',
    source: `${hwpt} iommufd_hwpt_alloc`,
  },
  HWPT_ALLOC_TARGET_NOT_FOUND: {
    errno: 'EINVAL',
    rule: 'pt_id must be that of an object of this open file',
    source: `${hwpt} iommufd_hwpt_alloc`,
  },
  HWPT_ALLOC_TARGET_KIND: {
    errno: 'EINVAL',
    rule: 'pt_id must be that of an IOAS or of a page table that may be a parent',
    source: `${hwpt} iommufd_hwpt_alloc`,
  },
  HWPT_ALLOC_FLAGS: {
    errno: 'EOPNOTSUPP',
    rule: 'flags of a page table over an IOAS may hold NEST_PARENT and DIRTY_TRACKING',
    source: `${hwpt} iommufd_hwpt_paging_alloc`,
    hint: 'a fault queue belongs to a nested page table on this kernel',
  },
  HWPT_ALLOC_NO_DIRTY_TRACKING: {
    errno: 'EOPNOTSUPP',
    rule: 'DIRTY_TRACKING needs a device whose IOMMU can do it',
    source: `${hwpt} iommufd_hwpt_paging_alloc`,
    hint: 'GET_HW_INFO tells in out_capabilities',
  },
  HWPT_ALLOC_NOT_COHERENT: {
    errno: 'EINVAL',
    rule: 'A driver that can enforce coherency must do so on a new page table',
    source: `${hwpt} iommufd_hwpt_paging_enforce_cc`,
  },
  HWPT_ALLOC_DATA_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'The driver data must be readable',
    source: 'include/linux/iommu.h iommu_copy_struct_from_user',
  },
  HWPT_NESTED_FLAGS: {
    errno: 'EOPNOTSUPP',
    rule: 'flags of a nested page table may hold FAULT_ID_VALID only',
    source: `${hwpt} iommufd_hwpt_nested_alloc`,
  },
  HWPT_NESTED_NO_DATA: {
    errno: 'EOPNOTSUPP',
    rule: 'A nested page table needs driver data',
    source: `${hwpt} iommufd_hwpt_nested_alloc`,
  },
  HWPT_NESTED_UNSUPPORTED: {
    errno: 'EOPNOTSUPP',
    rule: 'The IOMMU of the device must support nesting',
    source: `${hwpt} iommufd_hwpt_nested_alloc`,
  },
  HWPT_NESTED_PARENT_AUTOMATIC: {
    errno: 'EINVAL',
    rule: 'A page table that attach made by itself is never a parent',
    source: `${hwpt} iommufd_hwpt_nested_alloc`,
    hint: 'allocate one with NEST_PARENT',
  },
  HWPT_NESTED_PARENT_FLAG: {
    errno: 'EINVAL',
    rule: 'The parent must have been allocated with NEST_PARENT',
    source: `${hwpt} iommufd_hwpt_nested_alloc`,
  },
  HWPT_NESTED_PARENT_DRIVER: {
    errno: 'EINVAL',
    rule: 'Parent and device must be behind the same kind of IOMMU',
    source: `${hwpt} iommufd_hwpt_nested_alloc`,
  },
  FAULT_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'fault_id must be that of a fault queue',
    source: `${main} iommufd_get_object`,
  },
  HW_INFO_FLAGS: { errno: 'EOPNOTSUPP', rule: 'flags must be 0', source: `${device} iommufd_get_hw_info` },
  HW_INFO_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${device} iommufd_get_hw_info`,
  },
  HW_INFO_NOT_WRITABLE: {
    errno: 'EFAULT',
    rule: 'The data buffer must be writable for data_len bytes',
    source: `${device} iommufd_get_hw_info`,
  },
  SET_DIRTY_FLAGS: {
    errno: 'EOPNOTSUPP',
    rule: 'flags may hold ENABLE only',
    source: `${hwpt} iommufd_hwpt_set_dirty_tracking`,
  },
  GET_DIRTY_FLAGS: {
    errno: 'EOPNOTSUPP',
    rule: 'flags may hold NO_CLEAR only',
    source: `${hwpt} iommufd_hwpt_get_dirty_bitmap`,
  },
  GET_DIRTY_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${hwpt} iommufd_hwpt_get_dirty_bitmap`,
  },
  INVALIDATE_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${hwpt} iommufd_hwpt_invalidate`,
  },
  INVALIDATE_ARRAY: {
    errno: 'EINVAL',
    rule: 'An array of entries needs an address and a length of each entry',
    source: `${hwpt} iommufd_hwpt_invalidate`,
  },
  INVALIDATE_LIMIT: {
    errno: 'EINVAL',
    rule: 'entry_len must not exceed a page and entry_num not 2^19',
    source: `${hwpt} iommufd_hwpt_invalidate`,
  },
  INVALIDATE_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'The array of entries must be readable; entries before the unreadable one were handled',
    source: 'include/linux/iommu.h iommu_copy_struct_from_user_array',
  },
  FAULT_ALLOC_FLAGS: { errno: 'EOPNOTSUPP', rule: 'flags must be 0', source: `${fault} iommufd_fault_alloc` },
  FAULT_READ_SIZE: {
    errno: 'ESPIPE',
    rule: 'A read of a fault queue takes a multiple of 40 bytes',
    source: `${fault} iommufd_fault_fops_read`,
  },
  FAULT_READ_TOO_SHORT: {
    errno: 'EINVAL',
    rule: 'The buffer must hold the whole first group of page requests',
    source: `${fault} iommufd_fault_fops_read`,
  },
  FAULT_READ_NOT_WRITABLE: {
    errno: 'EFAULT',
    rule: 'The buffer must be writable; the group stays queued',
    source: `${fault} iommufd_fault_fops_read`,
  },
  FAULT_WRITE_SIZE: {
    errno: 'ESPIPE',
    rule: 'A write to a fault queue takes a multiple of 8 bytes',
    source: `${fault} iommufd_fault_fops_write`,
  },
  FAULT_WRITE_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'The answers must be readable',
    source: `${fault} iommufd_fault_fops_write`,
  },
  FAULT_WRITE_CODE: {
    errno: 'EINVAL',
    rule: 'An answer is SUCCESS (0) or INVALID (1)',
    source: `${fault} iommufd_fault_fops_write`,
  },
  FAULT_WRITE_COOKIE: {
    errno: 'EINVAL',
    rule: 'The cookie must be that of a group that was read and not yet answered',
    source: `${fault} iommufd_fault_fops_write`,
  },
  ACCESS_NOT_ATTACHED: {
    errno: 'ENOENT',
    rule: 'A kernel access must be attached to an IOAS',
    source: `${device} iommufd_access_replace, iommufd_access_pin_pages, iommufd_access_rw`,
  },
  ACCESS_BUSY: {
    errno: 'EBUSY',
    rule: 'A kernel access cannot move while it is being moved',
    source: `${device} iommufd_access_change_ioas`,
  },
  DRIVER_E2BIG: {
    errno: 'E2BIG',
    rule: 'The IOMMU driver does not know the end of what the user gave it, and it is not zero',
    source: 'IommuBackend',
  },
  DRIVER_EIO: { errno: 'EIO', rule: 'The IOMMU driver refused what the user gave it', source: 'IommuBackend' },
  DRIVER_EINVAL: {
    errno: 'EINVAL',
    rule: 'The IOMMU driver calls domain and device incompatible',
    source: 'IommuBackend',
  },
  DRIVER_ENOMEM: { errno: 'ENOMEM', rule: 'The IOMMU driver has no memory', source: 'IommuBackend' },
  DRIVER_ENOSPC: { errno: 'ENOSPC', rule: 'The IOMMU has no tag or slot left', source: 'IommuBackend' },
  DRIVER_EBUSY: { errno: 'EBUSY', rule: 'The IOMMU driver is using the device otherwise', source: 'IommuBackend' },
  DRIVER_ENODEV: { errno: 'ENODEV', rule: 'The IOMMU driver cannot serve the device', source: 'IommuBackend' },
  DRIVER_EOPNOTSUPP: {
    errno: 'EOPNOTSUPP',
    rule: 'The IOMMU driver does not support a flag or the type of the data',
    source: 'IommuBackend',
  },
  DRIVER_EFAULT: {
    errno: 'EFAULT',
    rule: 'The IOMMU driver could not read what the user gave it',
    source: 'IommuBackend',
  },
  DRIVER_ENOENT: { errno: 'ENOENT', rule: 'The IOMMU driver did not find what was named', source: 'IommuBackend' },
  DRIVER_ETIMEDOUT: { errno: 'ETIMEDOUT', rule: 'The IOMMU did not answer a command in time', source: 'IommuBackend' },
};

/** Every reason for which /dev/iommu refuses a call before or beside the IO page table; `io-pagetable` has its own rows. */
export const iommufdRefusals: RefusalTable<IommufdRefusalCode> = refusalTable('iommufd', rules);
