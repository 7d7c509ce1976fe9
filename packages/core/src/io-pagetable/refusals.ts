import {
  errnoName,
  refusalTable,
  type ErrnoNumber,
  type Facts,
  type Refusal,
  type RefusalTable,
} from '../errno/index.js';

const rules = {
  MAP_LENGTH_ZERO: {
    errno: 'EINVAL',
    rule: 'a map has at least one byte',
    source: 'iopt_alloc_pages',
  },
  MAP_LENGTH_TOO_LARGE: {
    errno: 'EINVAL',
    rule: 'the length leaves a page below 2^64',
    source: 'iopt_alloc_pages: length > SIZE_MAX - PAGE_SIZE',
  },
  MAP_USER_RANGE_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'user address + length does not pass the end of the address space (the exclusive end counts)',
    source: 'iopt_alloc_pages',
  },
  MAP_LENGTH_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'the length is a multiple of the IOVA alignment',
    source: 'iopt_alloc_area_pages',
  },
  MAP_IOVA_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'a fixed IOVA is a multiple of the IOVA alignment',
    source: 'iopt_check_iova',
  },
  MAP_IOVA_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'IOVA + length - 1 does not pass the end of the address space',
    source: 'iopt_check_iova',
  },
  MAP_IOVA_RESERVED: {
    errno: 'EINVAL',
    rule: 'a fixed IOVA range keeps clear of reserved ranges (aperture of a domain, MSI window or reserved region of a device)',
    source: 'iopt_check_iova',
    hint: 'take the range from IOMMU_IOAS_IOVA_RANGES',
  },
  MAP_IOVA_OCCUPIED: {
    errno: 'EEXIST',
    rule: 'a fixed IOVA range has no mapping in it',
    source: 'iopt_check_iova',
    hint: 'unmap the blocking area first',
  },
  MAP_USER_ADDRESS_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'the offset of the user address in its page is a multiple of the IOVA alignment',
    source: 'iopt_insert_area',
  },
  MAP_PAGES_READ_ONLY: {
    errno: 'EPERM',
    rule: 'a writable copy needs pages that were mapped writable',
    source: 'iopt_insert_area',
    hint: 'copy without IOMMU_IOAS_MAP_WRITEABLE, or map the source writable',
  },
  AUTO_LENGTH_TOO_LARGE: {
    errno: 'EOVERFLOW',
    rule: 'a map with automatic IOVA is shorter than 2^63 - 1 bytes',
    source: 'iopt_alloc_iova',
  },
  AUTO_ALIGNMENT_TOO_SMALL: {
    errno: 'EINVAL',
    rule: 'the alignment that length and user address allow is at least the IOVA alignment',
    source: 'iopt_alloc_iova',
    hint: 'align the user address to the IOVA alignment, or give a fixed IOVA',
  },
  IOVA_SPACE_EXHAUSTED: {
    errno: 'ENOSPC',
    rule: 'a hole that is long and aligned enough exists inside the allowed ranges',
    source: 'iopt_alloc_iova',
  },
  PIN_FAULT: {
    errno: 'EFAULT',
    rule: 'every page of the user range is mapped, allows the access and can be pinned for long',
    source: 'pfn_reader_user_pin',
    hint: 'a hole, a read-only mapping under a writable map and device memory cannot be pinned',
  },
  PIN_RANGE_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'the whole pages of a user range end below the end of the address space (the exclusive end counts)',
    source: 'gup_fast_fallback',
  },
  MEMLOCK_EXCEEDED: {
    errno: 'ENOMEM',
    rule: 'pinned pages stay within RLIMIT_MEMLOCK of the mapping process',
    source: 'incr_user_locked_vm, __account_locked_vm',
    hint: 'raise RLIMIT_MEMLOCK or give the process CAP_IPC_LOCK',
  },
  IOPT_OUT_OF_MEMORY: {
    errno: 'ENOMEM',
    rule: 'the kernel can allocate what the call needs',
    source: 'GFP_KERNEL_ACCOUNT allocations',
    hint: 'the memory budget of the machine is used up, or a failure was injected',
  },
  BACKEND_REFUSED: {
    errno: 'EIO',
    rule: 'the IOMMU driver accepts the call; its own errno is passed on',
    source: 'iommu_map, iommu_dirty_ops',
  },
  UNMAP_LENGTH_ZERO: {
    errno: 'EINVAL',
    rule: 'an unmap has at least one byte',
    source: 'iopt_unmap_iova',
  },
  UNMAP_RANGE_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'IOVA + length - 1 does not pass the end of the address space',
    source: 'iopt_unmap_iova',
  },
  UNMAP_CUTS_AREA: {
    errno: 'ENOENT',
    rule: 'an unmap covers areas as a whole; those in front of the one it would cut are gone already',
    source: 'iopt_unmap_iova_range',
    hint: 'unmap the whole area',
  },
  AREA_BUSY: {
    errno: 'EBUSY',
    rule: 'no other call is making or taking down the area',
    source: 'iopt_unmap_iova_range, iopt_area_split',
  },
  ACCESS_KEEPS_PAGES: {
    errno: 'EDEADLK',
    rule: 'an access gives its pages back when its unmap callback is called',
    source: 'iopt_unmap_iova_range: EDEADLOCK after 100 tries',
  },
  COPY_LENGTH_ZERO: { errno: 'EINVAL', rule: 'a copy has at least one byte', source: 'iopt_get_pages' },
  COPY_RANGE_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'source IOVA + length - 1 does not pass the end of the address space',
    source: 'iopt_get_pages',
  },
  COPY_SOURCE_HOLE: {
    errno: 'ENOENT',
    rule: 'the source range is covered by areas without a hole',
    source: 'iopt_get_pages',
  },
  CUT_AREA_BUSY: {
    errno: 'EBUSY',
    rule: 'an area is not cut while it is made or while an unmap waits for its accesses',
    source: 'iopt_area_split',
  },
  CUT_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'both halves start at multiples of the IOVA alignment, in IOVA and in the pages',
    source: 'iopt_area_split',
  },
  CUT_ACCESS_HELD: {
    errno: 'EINVAL',
    rule: 'an area with pages pinned by an access is not cut',
    source: 'iopt_area_split',
  },
  CUT_LARGE_PAGES: {
    errno: 'EINVAL',
    rule: 'an area that a domain may hold in large pages is not cut',
    source: 'iopt_area_split',
    hint: 'disable large pages before mapping',
  },
  RESERVE_OVER_AREA: {
    errno: 'EADDRINUSE',
    rule: 'a range that becomes reserved has no mapping in it',
    source: 'iopt_reserve_iova',
    hint: 'unmap the blocking area before attaching',
  },
  RESERVE_OVER_ALLOWED: {
    errno: 'EADDRINUSE',
    rule: 'a range that becomes reserved keeps clear of allowed ranges',
    source: 'iopt_reserve_iova',
  },
  ALLOWED_OVER_RESERVED: {
    errno: 'EADDRINUSE',
    rule: 'an allowed range keeps clear of reserved ranges',
    source: 'iopt_set_allow_iova',
  },
  MSI_WINDOWS_CONFLICT: {
    errno: 'EINVAL',
    rule: 'a device has one software MSI window, or hardware MSI windows, not both',
    source: 'iopt_table_enforce_dev_resv_regions',
  },
  RESERVED_REGIONS_UNREAD: {
    errno: 'EINVAL',
    rule: 'the reserved regions of the device can be read',
    source: 'iopt_table_enforce_dev_resv_regions: iommufd_should_fail',
    hint: 'a failure was injected',
  },
  DOMAIN_PAGE_TOO_LARGE: {
    errno: 'EINVAL',
    rule: 'the smallest page of a domain is no larger than PAGE_SIZE',
    source: 'iopt_table_add_domain',
  },
  ALIGNMENT_IN_USE: {
    errno: 'EADDRINUSE',
    rule: 'every existing area fits the larger IOVA alignment',
    source: 'iopt_check_iova_alignment',
    hint: 'unmap the area that is not aligned',
  },
  LARGE_PAGES_IN_USE: {
    errno: 'EINVAL',
    rule: 'large pages are disabled before a domain and an area meet',
    source: 'iopt_disable_large_pages',
  },
  ACCESS_CANNOT_PIN: {
    errno: 'EINVAL',
    rule: 'only an access created for pinning pins pages',
    source: 'iommufd_access_pin_pages',
  },
  ACCESS_LENGTH_ZERO: {
    errno: 'EINVAL',
    rule: 'an access has at least one byte',
    source: 'iommufd_access_pin_pages, iommufd_access_rw',
  },
  ACCESS_RANGE_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'IOVA + length - 1 does not pass the end of the address space',
    source: 'iommufd_access_pin_pages, iommufd_access_rw',
  },
  ACCESS_HOLE: {
    errno: 'ENOENT',
    rule: 'the range is covered by areas without a hole',
    source: 'iommufd_access_pin_pages, iommufd_access_rw',
  },
  ACCESS_UNMAP_WAITS: {
    errno: 'EINVAL',
    rule: 'no unmap waits for the area',
    source: 'iommufd_access_pin_pages, iommufd_access_rw: prevent_access',
  },
  ACCESS_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'pinning starts at the start of a page and passes from area to area at page boundaries',
    source: 'iopt_area_contig_is_aligned',
  },
  ACCESS_PROTECTION: {
    errno: 'EPERM',
    rule: 'reading needs a readable area, writing a writable one',
    source: 'check_area_prot',
  },
  ACCESS_PAGES_READ_ONLY: {
    errno: 'EPERM',
    rule: 'writing needs pages that were mapped writable',
    source: 'iopt_pages_rw_access',
  },
  ACCESS_COPY_FAULT: {
    errno: 'EFAULT',
    rule: 'the user memory behind the range can be read or written by its process',
    source: 'iopt_pages_rw_access',
  },
  DIRTY_LENGTH_ZERO: {
    errno: 'EINVAL',
    rule: 'a dirty range has at least one byte',
    source: 'iommufd_check_iova_range',
  },
  DIRTY_RANGE_OVERFLOW: {
    errno: 'EOVERFLOW',
    rule: 'IOVA + length - 1 does not pass the end of the address space',
    source: 'iommufd_check_iova_range',
  },
  DIRTY_RANGE_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'both ends of a dirty range are multiples of the IOVA alignment',
    source: 'iommufd_check_iova_range',
  },
  DIRTY_PAGE_SIZE_ZERO: {
    errno: 'EINVAL',
    rule: 'the page size of a dirty bitmap is not 0',
    source: 'iommufd_check_iova_range',
  },
  DIRTY_PAGE_SIZE_UNALIGNED: {
    errno: 'EINVAL',
    rule: 'both ends of a dirty range are multiples of the bitmap page size',
    source: 'iommufd_check_iova_range',
  },
  DIRTY_UNSUPPORTED: {
    errno: 'EOPNOTSUPP',
    rule: 'the domain was allocated with IOMMU_HWPT_ALLOC_DIRTY_TRACKING',
    source: 'iopt_set_dirty_tracking, iommu_read_and_clear_dirty',
  },
} as const;

/** Codes with which io-pagetable refuses. */
export type IoPageTableCode = keyof typeof rules;

/** Refusals of this room; the documentation prints the table. */
export const refusals: RefusalTable<IoPageTableCode> = refusalTable('io-pagetable', rules);

/** A refusal that carries the driver's errno number. */
export function backendRefused(errno: number, facts: Facts): Refusal {
  return { ...refusals.refusal('BACKEND_REFUSED', facts), errno: errnoName(errno as ErrnoNumber) };
}
