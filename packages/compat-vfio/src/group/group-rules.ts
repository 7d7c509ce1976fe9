import type { RefusalRule } from '@ioasis/core';

/** Codes of {@link groupRules}. */
export type GroupRefusalCode =
  | 'GROUP_OPEN_TWICE'
  | 'GROUP_HAS_CDEV'
  | 'GROUP_NOIOMMU_RAWIO'
  | 'GROUP_CONTAINER_BADF'
  | 'GROUP_CONTAINER_SET'
  | 'GROUP_CONTAINER_KIND'
  | 'GROUP_MIXES_NOIOMMU'
  | 'GROUP_NOT_IN_CONTAINER'
  | 'GROUP_DEVICES_OPEN'
  | 'GROUP_NO_CONTAINER'
  | 'GROUP_DMA_OWNED'
  | 'GROUP_NO_IOMMU_TYPE'
  | 'GROUP_NO_SUCH_DEVICE'
  | 'GROUP_DEVICE_NAME_LENGTH'
  | 'GROUP_DEVICE_OPTION'
  | 'GROUP_NOIOMMU_COMPAT_IOAS';

/** What group files refuse. */
export const groupRules: Readonly<Record<GroupRefusalCode, RefusalRule>> = {
  GROUP_OPEN_TWICE: {
    errno: 'EBUSY',
    rule: 'a group file is open at most once; descriptors may be duplicated',
    source: 'group.c vfio_group_fops_open',
  },
  GROUP_HAS_CDEV: {
    errno: 'EBUSY',
    rule: 'a group cannot be opened while one of its devices is bound through its own device file',
    source: 'group.c vfio_group_fops_open',
  },
  GROUP_NOIOMMU_RAWIO: {
    errno: 'EPERM',
    rule: 'a no-iommu group needs CAP_SYS_RAWIO',
    source: 'group.c vfio_group_fops_open, container.c vfio_container_attach_group',
  },
  GROUP_CONTAINER_BADF: {
    errno: 'EBADF',
    rule: 'the descriptor given to SET_CONTAINER is not open',
    source: 'group.c vfio_group_ioctl_set_container',
  },
  GROUP_CONTAINER_SET: {
    errno: 'EINVAL',
    rule: 'the group is in a container already',
    source: 'group.c vfio_group_ioctl_set_container',
    hint: 'VFIO_GROUP_UNSET_CONTAINER first',
  },
  GROUP_CONTAINER_KIND: {
    errno: 'EBADFD',
    rule: 'the descriptor given to SET_CONTAINER is neither a container nor an iommufd',
    source: 'group.c vfio_group_ioctl_set_container; recordings: device/* dev/group',
  },
  GROUP_MIXES_NOIOMMU: {
    errno: 'EPERM',
    rule: 'groups with and without an IOMMU do not share a container',
    source: 'container.c vfio_container_attach_group',
  },
  GROUP_NOT_IN_CONTAINER: {
    errno: 'EINVAL',
    rule: 'the group is in no container that it could leave',
    source: 'group.c vfio_group_ioctl_unset_container',
  },
  GROUP_DEVICES_OPEN: {
    errno: 'EBUSY',
    rule: 'a group leaves the classic container only when none of its devices is open',
    source: 'group.c vfio_group_ioctl_unset_container',
    hint: 'close the device descriptors; iommufd would let the group go',
  },
  GROUP_NO_CONTAINER: {
    errno: 'EINVAL',
    rule: 'a device can be opened through its group only when the group is in a container',
    source: 'group.c vfio_df_group_open',
    hint: 'VFIO_GROUP_SET_CONTAINER first',
  },
  GROUP_DMA_OWNED: {
    errno: 'EPERM',
    rule: 'the DMA of the group belongs to somebody else: a host driver, another container or another iommufd',
    source: 'iommu.c iommu_group_claim_dma_owner',
    hint: 'bind every device of the group to vfio-pci and close the other user',
  },
  GROUP_NO_IOMMU_TYPE: {
    errno: 'EINVAL',
    rule: 'a device can be opened only after VFIO_SET_IOMMU on the classic container',
    source: 'container.c vfio_group_use_container',
    hint: 'VFIO_SET_IOMMU on the container first',
  },
  GROUP_NO_SUCH_DEVICE: {
    errno: 'ENODEV',
    rule: 'the group has no device of this name that is bound to vfio-pci',
    source: 'group.c vfio_device_get_from_name',
  },
  GROUP_DEVICE_NAME_LENGTH: {
    errno: 'EINVAL',
    rule: 'the name must end with a zero byte inside one page',
    source: 'group.c vfio_group_ioctl_get_device_fd (strndup_user)',
  },
  GROUP_DEVICE_OPTION: {
    errno: 'EINVAL',
    rule: 'after the name of a device that is not a virtual function only spaces may follow',
    source: 'vfio_pci_core.c vfio_pci_core_match',
  },
  GROUP_NOIOMMU_COMPAT_IOAS: {
    errno: 'EPERM',
    rule: 'a device without IOMMU opens only with CAP_SYS_RAWIO and without a compatibility IOAS',
    source: 'group.c vfio_df_group_open',
  },
};
