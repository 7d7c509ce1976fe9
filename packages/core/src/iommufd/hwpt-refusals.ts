import type { RefusalRule } from '../errno/index.js';

const main = 'Linux 6.12 drivers/iommu/iommufd/main.c';
const hwpt = 'Linux 6.12 drivers/iommu/iommufd/hw_pagetable.c';

/** Codes of {@link hwptRules}. */
export type HwptRefusalCode =
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
  | 'SET_DIRTY_FLAGS'
  | 'GET_DIRTY_FLAGS'
  | 'GET_DIRTY_RESERVED_FIELD'
  | 'INVALIDATE_RESERVED_FIELD'
  | 'INVALIDATE_ARRAY'
  | 'INVALIDATE_LIMIT'
  | 'INVALIDATE_UNREADABLE';

/** Page tables, dirty tracking and invalidation. */
export const hwptRules: Readonly<Record<HwptRefusalCode, RefusalRule>> = {
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
};
