import type { RefusalRule } from '@ioasis/core';

/** Codes of {@link containerRules}. */
export type ContainerRefusalCode =
  | 'VFIO_ARGUMENT_UNREADABLE'
  | 'VFIO_ANSWER_UNWRITABLE'
  | 'VFIO_ARGSZ'
  | 'VFIO_UNKNOWN_IOCTL'
  | 'COMPAT_TYPE'
  | 'COMPAT_NOIOMMU_MODE'
  | 'COMPAT_NOIOMMU_RAWIO'
  | 'COMPAT_MAP_FLAGS'
  | 'COMPAT_UNMAP_FLAGS'
  | 'COMPAT_UNMAP_ALL_RANGE'
  | 'COMPAT_UNMAP_EMPTY'
  | 'COMPAT_DIRTY_PAGES';

/** What every VFIO descriptor refuses, and the container as iommufd serves it. */
export const containerRules: Readonly<Record<ContainerRefusalCode, RefusalRule>> = {
  VFIO_ARGUMENT_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'the argument structure must be readable up to its minimum size',
    source: 'copy_from_user in every VFIO ioctl',
  },
  VFIO_ANSWER_UNWRITABLE: {
    errno: 'EFAULT',
    rule: 'the argument structure must be writable; what the call did stays done',
    source: 'copy_to_user; recordings: vfio/map-errors',
  },
  VFIO_ARGSZ: {
    errno: 'EINVAL',
    rule: 'argsz must be at least the minimum size of the structure',
    source: 'every VFIO ioctl with argsz',
  },
  VFIO_UNKNOWN_IOCTL: {
    errno: 'ENOTTY',
    rule: 'this kind of descriptor does not know the request',
    source: 'drivers/vfio; the numbers 112 to 120 mean different things on containers and on devices',
  },
  COMPAT_TYPE: {
    errno: 'EINVAL',
    rule: 'iommufd serves the types TYPE1_IOMMU (1) and TYPE1v2_IOMMU (3) only',
    source: 'vfio_compat.c iommufd_vfio_set_iommu',
    hint: 'use type 3; TYPE1_NESTING was replaced by HWPT_ALLOC with NEST_PARENT',
  },
  COMPAT_NOIOMMU_MODE: {
    errno: 'EINVAL',
    rule: 'a container with a no-iommu group translates nothing: the type1 types are refused',
    source: 'vfio_compat.c iommufd_vfio_set_iommu',
    hint: 'use type 8 (NOIOMMU)',
  },
  COMPAT_NOIOMMU_RAWIO: {
    errno: 'EPERM',
    rule: 'no-iommu needs CAP_SYS_RAWIO',
    source: 'vfio_compat.c iommufd_vfio_set_iommu',
  },
  COMPAT_MAP_FLAGS: {
    errno: 'EINVAL',
    rule: 'flags of MAP_DMA may only hold READ and WRITE; VADDR does not exist here',
    source: 'vfio_compat.c iommufd_vfio_map_dma',
  },
  COMPAT_UNMAP_FLAGS: {
    errno: 'EINVAL',
    rule: 'flags of UNMAP_DMA may only hold ALL; GET_DIRTY_BITMAP and VADDR do not exist here',
    source: 'vfio_compat.c iommufd_vfio_unmap_dma',
    hint: 'dirty pages: IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP',
  },
  COMPAT_UNMAP_ALL_RANGE: {
    errno: 'EINVAL',
    rule: 'with ALL both iova and size must be 0',
    source: 'vfio_compat.c iommufd_vfio_unmap_dma',
  },
  COMPAT_UNMAP_EMPTY: {
    errno: 'ENOENT',
    rule: 'before the fix of 2025 an unmap of a range without mappings failed on iommufd',
    source: 'vfio_compat.c of Linux 6.2; "empty compat unmap succeeds" in later and stable kernels',
    hint: 'take ENOENT of an unmap for success',
  },
  COMPAT_DIRTY_PAGES: {
    errno: 'ENOTTY',
    rule: 'iommufd has no VFIO_IOMMU_DIRTY_PAGES',
    source: 'vfio_compat.c iommufd_vfio_ioctl; recordings: vfio/dirty-pages',
    hint: 'IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP on a page table that was allocated for it',
  },
};
