import { errnoName, refusalTable, type Facts, type Refusal, type RefusalTable } from '@ioasis/core';
import { left, type Either } from 'fp-ts/lib/Either.js';

/** Why the classic container refused. */
export type Type1RefusalCode =
  | 'TYPE1_NOT_SET'
  | 'TYPE1_NO_GROUP'
  | 'TYPE1_SET_TWICE'
  | 'TYPE1_UNKNOWN_TYPE'
  | 'TYPE1_NOT_A_TYPE'
  | 'TYPE1_NO_NESTING'
  | 'TYPE1_ATTACH_VADDR_INVALID'
  | 'TYPE1_ATTACH_TWICE'
  | 'TYPE1_APERTURE_CONFLICT'
  | 'TYPE1_RESERVED_CONFLICT'
  | 'TYPE1_NO_USABLE_IOVA'
  | 'TYPE1_MSI_NOT_ISOLATED'
  | 'TYPE1_MAP_FLAGS'
  | 'TYPE1_MAP_NO_ACCESS'
  | 'TYPE1_MAP_VADDR_AND_ACCESS'
  | 'TYPE1_MAP_EMPTY'
  | 'TYPE1_MAP_ALIGNMENT'
  | 'TYPE1_MAP_WRAPS'
  | 'TYPE1_MAP_EXISTS'
  | 'TYPE1_MAP_LIMIT'
  | 'TYPE1_MAP_OUTSIDE'
  | 'TYPE1_NO_MEMORY'
  | 'TYPE1_PIN_FAILED'
  | 'TYPE1_MEMLOCK'
  | 'TYPE1_PIN_NEEDS_V2'
  | 'TYPE1_PIN_VADDR_INVALID'
  | 'TYPE1_PIN_NO_MAPPING'
  | 'TYPE1_PIN_PROTECTION'
  | 'TYPE1_VADDR_NO_MAPPING'
  | 'TYPE1_VADDR_MISMATCH'
  | 'TYPE1_VADDR_INVALID_ALREADY'
  | 'TYPE1_UNMAP_FLAGS'
  | 'TYPE1_UNMAP_FLAGS_EXCLUDE'
  | 'TYPE1_UNMAP_ALIGNMENT'
  | 'TYPE1_UNMAP_ALL_RANGE'
  | 'TYPE1_UNMAP_SIZE'
  | 'TYPE1_UNMAP_WRAPS'
  | 'TYPE1_UNMAP_BISECTS'
  | 'TYPE1_DIRTY_NEEDS_V2'
  | 'TYPE1_DIRTY_FLAGS'
  | 'TYPE1_DIRTY_OFF'
  | 'TYPE1_BITMAP_ARGSZ'
  | 'TYPE1_BITMAP_POINTER'
  | 'TYPE1_BITMAP_SIZE'
  | 'TYPE1_BITMAP_PGSIZE'
  | 'TYPE1_BITMAP_RANGE'
  | 'TYPE1_BITMAP_BISECTS'
  | 'TYPE1_BITMAP_UNWRITABLE'
  | 'TYPE1_BITMAP_TOO_MANY_PAGES'
  | 'TYPE1_DRIVER_REFUSED';

/** The refusals of the classic container (vfio_iommu_type1). */
export const type1Refusals: RefusalTable<Type1RefusalCode> = refusalTable('compat-vfio/type1', {
  TYPE1_NOT_SET: {
    errno: 'EINVAL',
    rule: 'before SET_IOMMU the classic container knows GET_API_VERSION, CHECK_EXTENSION and SET_IOMMU only',
    source: 'container.c vfio_fops_unl_ioctl; recordings: device/type1-* dev/group',
    hint: 'VFIO_GROUP_SET_CONTAINER and VFIO_SET_IOMMU come before mapping',
  },
  TYPE1_NO_GROUP: {
    errno: 'EINVAL',
    rule: 'SET_IOMMU needs a group in the container: the group is the privilege',
    source: 'container.c vfio_ioctl_set_iommu',
    hint: 'VFIO_GROUP_SET_CONTAINER first',
  },
  TYPE1_SET_TWICE: {
    errno: 'EINVAL',
    rule: 'the container has a type already; it loses it with its last group',
    source: 'container.c vfio_ioctl_set_iommu',
  },
  TYPE1_UNKNOWN_TYPE: {
    errno: 'ENODEV',
    rule: 'no IOMMU driver offers this type',
    source: 'container.c vfio_ioctl_set_iommu; recordings: dev/group/set-iommu-types',
    hint: 'types that CHECK_EXTENSION answers with 1 and that name a container: 1, 3, 6',
  },
  TYPE1_NOT_A_TYPE: {
    errno: 'EINVAL',
    rule: 'the number is an extension but not a type of container',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_open',
  },
  TYPE1_NO_NESTING: {
    errno: 'EINVAL',
    rule: 'the IOMMU driver cannot nest a domain that exists already',
    source: 'iommu.c iommu_enable_nesting; recordings: dev/group/set-iommu-types',
    hint: 'nesting: /dev/iommu, HWPT_ALLOC with NEST_PARENT',
  },
  TYPE1_ATTACH_VADDR_INVALID: {
    errno: 'EBUSY',
    rule: 'no group joins while virtual addresses are invalidated: joining may pin',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_attach_group',
    hint: 'MAP_DMA with VADDR first',
  },
  TYPE1_ATTACH_TWICE: {
    errno: 'EINVAL',
    rule: 'the group is attached already',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_attach_group',
  },
  TYPE1_APERTURE_CONFLICT: {
    errno: 'EINVAL',
    rule: "the group's aperture must overlap the container's and hold every mapping that exists",
    source: 'vfio_iommu_type1.c vfio_iommu_aper_conflict',
  },
  TYPE1_RESERVED_CONFLICT: {
    errno: 'EINVAL',
    rule: 'an existing mapping lies in a reserved region of the group',
    source: 'vfio_iommu_type1.c vfio_iommu_resv_conflict',
    hint: 'unmap it first, and read IOVA_RANGE after every group',
  },
  TYPE1_NO_USABLE_IOVA: {
    errno: 'EINVAL',
    rule: 'the reserved regions leave no usable IOVA',
    source: 'vfio_iommu_type1.c vfio_iommu_resv_exclude',
  },
  TYPE1_MSI_NOT_ISOLATED: {
    errno: 'EPERM',
    rule: 'interrupts of the group are not isolated (no interrupt remapping)',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_attach_group',
    hint: 'allow_unsafe_interrupts of vfio_iommu_type1',
  },
  TYPE1_MAP_FLAGS: {
    errno: 'EINVAL',
    rule: 'flags of MAP_DMA may only hold READ, WRITE and VADDR',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_map_dma',
  },
  TYPE1_MAP_NO_ACCESS: {
    errno: 'EINVAL',
    rule: 'a mapping must allow reading or writing',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
  },
  TYPE1_MAP_VADDR_AND_ACCESS: {
    errno: 'EINVAL',
    rule: 'VADDR replaces an address and leaves the permissions as they are: no READ, no WRITE',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
  },
  TYPE1_MAP_EMPTY: { errno: 'EINVAL', rule: 'size must not be 0', source: 'vfio_iommu_type1.c vfio_dma_do_map' },
  TYPE1_MAP_ALIGNMENT: {
    errno: 'EINVAL',
    rule: 'iova, vaddr and size must be multiples of the smallest page size of GET_INFO',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
  },
  TYPE1_MAP_WRAPS: {
    errno: 'EINVAL',
    rule: 'neither the IOVAs nor the virtual addresses may wrap',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
  },
  TYPE1_MAP_EXISTS: {
    errno: 'EEXIST',
    rule: 'a mapping covers a part of the range',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
    hint: 'the old translation stays in force: unmap it first, never ignore EEXIST',
  },
  TYPE1_MAP_LIMIT: {
    errno: 'ENOSPC',
    rule: 'the container has as many mappings as dma_entry_limit allows',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
    hint: 'fewer and larger mappings, or a higher dma_entry_limit; DMA_AVAIL in GET_INFO tells how many are left',
  },
  TYPE1_MAP_OUTSIDE: {
    errno: 'EINVAL',
    rule: 'the range must lie inside one window of IOVA_RANGE',
    source: 'vfio_iommu_type1.c vfio_iommu_iova_dma_valid',
  },
  TYPE1_NO_MEMORY: {
    errno: 'ENOMEM',
    rule: 'the kernel can allocate what the mapping needs',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
    hint: 'a failure was injected',
  },
  TYPE1_PIN_FAILED: {
    errno: 'EFAULT',
    rule: 'a page of the buffer cannot be pinned: not mapped, or not writable for a WRITE mapping',
    source: 'vfio_iommu_type1.c vaddr_get_pfns',
  },
  TYPE1_MEMLOCK: {
    errno: 'ENOMEM',
    rule: 'pinning would exceed RLIMIT_MEMLOCK of the process',
    source: 'vfio_iommu_type1.c vfio_pin_pages_remote',
    hint: 'raise RLIMIT_MEMLOCK (the same memory mapped twice counts twice), or CAP_IPC_LOCK',
  },
  TYPE1_PIN_NEEDS_V2: {
    errno: 'EACCES',
    rule: 'mediated devices pin pages in a TYPE1v2 container only',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_pin_pages',
  },
  TYPE1_PIN_VADDR_INVALID: {
    errno: 'EBUSY',
    rule: 'mediated devices pin nothing while virtual addresses are being replaced',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_pin_pages',
  },
  TYPE1_PIN_NO_MAPPING: {
    errno: 'EINVAL',
    rule: 'a mediated device pins pages that are mapped',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_pin_pages',
  },
  TYPE1_PIN_PROTECTION: {
    errno: 'EPERM',
    rule: 'a mediated device may do no more than the mapping allows',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_pin_pages',
  },
  TYPE1_VADDR_NO_MAPPING: {
    errno: 'ENOENT',
    rule: 'VADDR needs an existing mapping',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
  },
  TYPE1_VADDR_MISMATCH: {
    errno: 'EINVAL',
    rule: 'VADDR needs the same iova and size as the mapping, whose address was invalidated before',
    source: 'vfio_iommu_type1.c vfio_dma_do_map',
  },
  TYPE1_VADDR_INVALID_ALREADY: {
    errno: 'EINVAL',
    rule: 'an address in the range is invalidated already; nothing was changed',
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap',
  },
  TYPE1_UNMAP_FLAGS: {
    errno: 'EINVAL',
    rule: 'flags of UNMAP_DMA may only hold GET_DIRTY_BITMAP, ALL and VADDR',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_unmap_dma',
  },
  TYPE1_UNMAP_FLAGS_EXCLUDE: {
    errno: 'EINVAL',
    rule: 'GET_DIRTY_BITMAP excludes ALL and VADDR',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_unmap_dma',
  },
  TYPE1_UNMAP_ALIGNMENT: {
    errno: 'EINVAL',
    rule: 'iova and size must be multiples of the smallest page size of GET_INFO',
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap',
  },
  TYPE1_UNMAP_ALL_RANGE: {
    errno: 'EINVAL',
    rule: 'with ALL both iova and size must be 0',
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap',
  },
  TYPE1_UNMAP_SIZE: {
    errno: 'EINVAL',
    rule: 'size must not be 0',
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap',
  },
  TYPE1_UNMAP_WRAPS: {
    errno: 'EINVAL',
    rule: 'the range must not wrap',
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap',
  },
  TYPE1_UNMAP_BISECTS: {
    errno: 'EINVAL',
    rule: 'TYPE1v2 unmaps whole mappings only; nothing was unmapped',
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap',
    hint: 'unmap the range that was mapped, or map in the pieces that are unmapped later',
  },
  TYPE1_DIRTY_NEEDS_V2: {
    errno: 'EACCES',
    rule: 'dirty pages need TYPE1v2',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_dirty_pages; recordings: dev/group/type1',
  },
  TYPE1_DIRTY_FLAGS: {
    errno: 'EINVAL',
    rule: 'exactly one of START, STOP and GET_BITMAP',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_dirty_pages',
  },
  TYPE1_DIRTY_OFF: {
    errno: 'EINVAL',
    rule: 'dirty pages are not tracked',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_dirty_pages, vfio_dma_do_unmap',
    hint: 'DIRTY_PAGES with START first',
  },
  TYPE1_BITMAP_ARGSZ: {
    errno: 'EINVAL',
    rule: 'argsz must hold the description of the bitmap (unmap: 48, GET_BITMAP: 48)',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_unmap_dma, vfio_iommu_type1_dirty_pages',
  },
  TYPE1_BITMAP_POINTER: {
    errno: 'EINVAL',
    rule: 'the bitmap must lie in user address space',
    source: 'vfio_iommu_type1.c (access_ok)',
  },
  TYPE1_BITMAP_SIZE: {
    errno: 'EINVAL',
    rule: 'the bitmap needs one bit a page in whole 8-byte words, and is at most 256 MiB',
    source: 'vfio_iommu_type1.c verify_bitmap_size',
  },
  TYPE1_BITMAP_PGSIZE: {
    errno: 'EINVAL',
    rule: "the bitmap's page size must be the smallest of GET_INFO",
    source: 'vfio_iommu_type1.c vfio_dma_do_unmap, vfio_iommu_type1_dirty_pages',
  },
  TYPE1_BITMAP_RANGE: {
    errno: 'EINVAL',
    rule: 'iova and size of the range must be multiples of the page size, not empty, and not wrap',
    source: 'vfio_iommu_type1.c vfio_iommu_type1_dirty_pages',
  },
  TYPE1_BITMAP_BISECTS: {
    errno: 'EINVAL',
    rule: 'the range must not cut a mapping',
    source: 'vfio_iommu_type1.c vfio_iova_dirty_bitmap',
  },
  TYPE1_BITMAP_UNWRITABLE: {
    errno: 'EFAULT',
    rule: 'the bitmap must be readable and writable; mappings before the failing one stay unmapped',
    source: 'vfio_iommu_type1.c update_user_bitmap',
  },
  TYPE1_BITMAP_TOO_MANY_PAGES: {
    errno: 'EINVAL',
    rule: 'a tracked mapping has at most 2^31 - 1 pages',
    source: 'vfio_iommu_type1.c vfio_dma_bitmap_alloc',
  },
  TYPE1_DRIVER_REFUSED: {
    errno: 'EIO',
    rule: 'the IOMMU driver takes the call; its own errno is passed on',
    source: 'vfio_iommu_type1.c: iommu_paging_domain_alloc, iommu_attach_group, iommu_map',
  },
});

/** Refusal for an errno number that a backend answered with; `call` names what it was asked. */
export function driverRefused(errno: number, call: string, facts: Facts): Either<Refusal, never> {
  const refusal = type1Refusals.refusal('TYPE1_DRIVER_REFUSED', { call, ...facts });
  return left({ ...refusal, errno: errnoName(errno) });
}
