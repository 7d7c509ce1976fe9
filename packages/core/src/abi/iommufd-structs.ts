import {
  byteArray,
  structLayout,
  u16,
  u32,
  u64,
  u8,
  type Bytes,
  type StructLayout,
  type U16,
  type U32,
  type U64,
  type U8,
} from './struct-layout.js';

/*
 * Structures of /dev/iommu as Linux 6.12 has them, with the names of include/uapi/linux/iommufd.h. What an older kernel knows of them is
 * in the kernel profile.
 */

/** IOMMU_DESTROY. */
export const IommuDestroy: StructLayout<U32<'size' | 'id'>> = structLayout({
  name: 'iommu_destroy',
  size: 8,
  fields: {
    size: u32(0),
    id: u32(4),
  },
});

/** IOMMU_IOAS_ALLOC. */
export const IommuIoasAlloc: StructLayout<U32<'size' | 'flags' | 'out_ioas_id'>> = structLayout({
  name: 'iommu_ioas_alloc',
  size: 12,
  fields: {
    size: u32(0),
    flags: u32(4),
    out_ioas_id: u32(8, 'out'),
  },
});

/** One element of the arrays of ALLOW_IOVAS and IOVA_RANGES; inclusive. */
export const IommuIovaRange: StructLayout<U64<'start' | 'last'>> = structLayout({
  name: 'iommu_iova_range',
  size: 16,
  fields: {
    start: u64(0),
    last: u64(8),
  },
});

/** IOMMU_IOAS_ALLOW_IOVAS. */
export const IommuIoasAllowIovas: StructLayout<
  U32<'size' | 'ioas_id' | 'num_iovas' | '__reserved'> & U64<'allowed_iovas'>
> = structLayout({
  name: 'iommu_ioas_allow_iovas',
  size: 24,
  fields: {
    size: u32(0),
    ioas_id: u32(4),
    num_iovas: u32(8),
    __reserved: u32(12),
    allowed_iovas: u64(16),
  },
});

/** IOMMU_IOAS_COPY. */
export const IommuIoasCopy: StructLayout<
  U32<'size' | 'flags' | 'dst_ioas_id' | 'src_ioas_id'> & U64<'length' | 'dst_iova' | 'src_iova'>
> = structLayout({
  name: 'iommu_ioas_copy',
  size: 40,
  fields: {
    size: u32(0),
    flags: u32(4),
    dst_ioas_id: u32(8),
    src_ioas_id: u32(12),
    length: u64(16),
    dst_iova: u64(24, 'inout'),
    src_iova: u64(32),
  },
});

/** IOMMU_IOAS_IOVA_RANGES. */
export const IommuIoasIovaRanges: StructLayout<
  U32<'size' | 'ioas_id' | 'num_iovas' | '__reserved'> & U64<'allowed_iovas' | 'out_iova_alignment'>
> = structLayout({
  name: 'iommu_ioas_iova_ranges',
  size: 32,
  fields: {
    size: u32(0),
    ioas_id: u32(4),
    num_iovas: u32(8, 'inout'),
    __reserved: u32(12),
    allowed_iovas: u64(16),
    out_iova_alignment: u64(24, 'out'),
  },
});

/** IOMMU_IOAS_MAP. */
export const IommuIoasMap: StructLayout<
  U32<'size' | 'flags' | 'ioas_id' | '__reserved'> & U64<'user_va' | 'length' | 'iova'>
> = structLayout({
  name: 'iommu_ioas_map',
  size: 40,
  fields: {
    size: u32(0),
    flags: u32(4),
    ioas_id: u32(8),
    __reserved: u32(12),
    user_va: u64(16),
    length: u64(24),
    iova: u64(32, 'inout'),
  },
});

/** IOMMU_IOAS_UNMAP. */
export const IommuIoasUnmap: StructLayout<U32<'size' | 'ioas_id'> & U64<'iova' | 'length'>> = structLayout({
  name: 'iommu_ioas_unmap',
  size: 24,
  fields: {
    size: u32(0),
    ioas_id: u32(4),
    iova: u64(8),
    length: u64(16, 'inout'),
  },
});

/** IOMMU_OPTION. */
export const IommuOption: StructLayout<
  U32<'size' | 'option_id' | 'object_id'> & U16<'op' | '__reserved'> & U64<'val64'>
> = structLayout({
  name: 'iommu_option',
  size: 24,
  fields: {
    size: u32(0),
    option_id: u32(4),
    op: u16(8),
    __reserved: u16(10),
    object_id: u32(12),
    val64: u64(16, 'inout'),
  },
});

/** IOMMU_VFIO_IOAS. */
export const IommuVfioIoas: StructLayout<U32<'size' | 'ioas_id'> & U16<'op' | '__reserved'>> = structLayout({
  name: 'iommu_vfio_ioas',
  size: 12,
  fields: {
    size: u32(0),
    ioas_id: u32(4, 'inout'),
    op: u16(8),
    __reserved: u16(10),
  },
});

/** IOMMU_HWPT_ALLOC. */
export const IommuHwptAlloc: StructLayout<
  U32<
    | 'size'
    | 'flags'
    | 'dev_id'
    | 'pt_id'
    | 'out_hwpt_id'
    | '__reserved'
    | 'data_type'
    | 'data_len'
    | 'fault_id'
    | '__reserved2'
  > &
    U64<'data_uptr'>
> = structLayout({
  name: 'iommu_hwpt_alloc',
  size: 48,
  minSize: 24,
  fields: {
    size: u32(0),
    flags: u32(4),
    dev_id: u32(8),
    pt_id: u32(12),
    out_hwpt_id: u32(16, 'out'),
    __reserved: u32(20),
    data_type: u32(24),
    data_len: u32(28),
    data_uptr: u64(32),
    fault_id: u32(40),
    __reserved2: u32(44),
  },
});

/** IOMMU_GET_HW_INFO. */
export const IommuHwInfo: StructLayout<
  U32<'size' | 'flags' | 'dev_id' | 'data_len' | 'out_data_type'> &
    U64<'data_uptr' | 'out_capabilities'> &
    U8<'out_max_pasid_log2'> &
    Bytes<'__reserved'>
> = structLayout({
  name: 'iommu_hw_info',
  size: 40,
  minSize: 32,
  fields: {
    size: u32(0),
    flags: u32(4),
    dev_id: u32(8),
    data_len: u32(12, 'inout'),
    data_uptr: u64(16),
    out_data_type: u32(24, 'out'),
    out_max_pasid_log2: u8(28, 'out'),
    __reserved: byteArray(29, 3),
    out_capabilities: u64(32, 'out'),
  },
});

/** IOMMU_HWPT_SET_DIRTY_TRACKING. */
export const IommuHwptSetDirtyTracking: StructLayout<U32<'size' | 'flags' | 'hwpt_id' | '__reserved'>> = structLayout({
  name: 'iommu_hwpt_set_dirty_tracking',
  size: 16,
  fields: {
    size: u32(0),
    flags: u32(4),
    hwpt_id: u32(8),
    __reserved: u32(12),
  },
});

/** IOMMU_HWPT_GET_DIRTY_BITMAP. */
export const IommuHwptGetDirtyBitmap: StructLayout<
  U32<'size' | 'hwpt_id' | 'flags' | '__reserved'> & U64<'iova' | 'length' | 'page_size' | 'data'>
> = structLayout({
  name: 'iommu_hwpt_get_dirty_bitmap',
  size: 48,
  fields: {
    size: u32(0),
    hwpt_id: u32(4),
    flags: u32(8),
    __reserved: u32(12),
    iova: u64(16),
    length: u64(24),
    page_size: u64(32),
    data: u64(40),
  },
});

/** IOMMU_HWPT_INVALIDATE. */
export const IommuHwptInvalidate: StructLayout<
  U32<'size' | 'hwpt_id' | 'data_type' | 'entry_len' | 'entry_num' | '__reserved'> & U64<'data_uptr'>
> = structLayout({
  name: 'iommu_hwpt_invalidate',
  size: 32,
  fields: {
    size: u32(0),
    hwpt_id: u32(4),
    data_uptr: u64(8),
    data_type: u32(16),
    entry_len: u32(20),
    entry_num: u32(24, 'inout'),
    __reserved: u32(28),
  },
});

/** IOMMU_FAULT_QUEUE_ALLOC. */
export const IommuFaultAlloc: StructLayout<U32<'size' | 'flags' | 'out_fault_id' | 'out_fault_fd'>> = structLayout({
  name: 'iommu_fault_alloc',
  size: 16,
  fields: {
    size: u32(0),
    flags: u32(4),
    out_fault_id: u32(8, 'out'),
    out_fault_fd: u32(12, 'out'),
  },
});

/** What a read of a fault queue gives for each page request. */
export const IommuHwptPgfault: StructLayout<
  U32<'flags' | 'dev_id' | 'pasid' | 'grpid' | 'perm' | '__reserved' | 'length' | 'cookie'> & U64<'addr'>
> = structLayout({
  name: 'iommu_hwpt_pgfault',
  size: 40,
  fields: {
    flags: u32(0, 'out'),
    dev_id: u32(4, 'out'),
    pasid: u32(8, 'out'),
    grpid: u32(12, 'out'),
    perm: u32(16, 'out'),
    __reserved: u32(20, 'out'),
    addr: u64(24, 'out'),
    length: u32(32, 'out'),
    cookie: u32(36, 'out'),
  },
});

/** What a write to a fault queue takes for each group. */
export const IommuHwptPageResponse: StructLayout<U32<'cookie' | 'code'>> = structLayout({
  name: 'iommu_hwpt_page_response',
  size: 8,
  fields: {
    cookie: u32(0),
    code: u32(4),
  },
});
