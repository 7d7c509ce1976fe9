import type { RefusalRule } from '../errno/index.js';

const main = 'Linux 6.12 drivers/iommu/iommufd/main.c';
const ioas = 'Linux 6.12 drivers/iommu/iommufd/ioas.c';
const compat = 'Linux 6.12 drivers/iommu/iommufd/vfio_compat.c';

/** Codes of {@link ioasRules}. */
export type IoasRefusalCode =
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
  | 'COMPAT_NO_IOMMU_AFTER_IOAS';

/** IO address spaces, options and the compatibility IOAS. */
export const ioasRules: Readonly<Record<IoasRefusalCode, RefusalRule>> = {
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
};
