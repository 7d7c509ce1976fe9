import {
  s32,
  structLayout,
  u16,
  u32,
  u64,
  type S32,
  type StructLayout,
  type U16,
  type U32,
  type U64,
} from './struct-layout.js';

/*
 * Structures of the VFIO container, group and device files, with the names of include/uapi/linux/vfio.h. `minSize` is what `argsz` must
 * be at least.
 */

/** VFIO_IOMMU_GET_INFO; the capability chain follows inside `argsz`. */
export const VfioIommuType1Info: StructLayout<U32<'argsz' | 'flags' | 'cap_offset' | 'pad'> & U64<'iova_pgsizes'>> =
  structLayout({
    name: 'vfio_iommu_type1_info',
    size: 24,
    minSize: 16,
    fields: {
      argsz: u32(0, 'inout'),
      flags: u32(4, 'out'),
      iova_pgsizes: u64(8, 'out'),
      cap_offset: u32(16, 'out'),
      pad: u32(20),
    },
  });

/** VFIO_IOMMU_MAP_DMA. */
export const VfioIommuType1DmaMap: StructLayout<U32<'argsz' | 'flags'> & U64<'vaddr' | 'iova' | 'size'>> = structLayout(
  {
    name: 'vfio_iommu_type1_dma_map',
    size: 32,
    fields: {
      argsz: u32(0),
      flags: u32(4),
      vaddr: u64(8),
      iova: u64(16),
      size: u64(24),
    },
  },
);

/** VFIO_IOMMU_UNMAP_DMA; with GET_DIRTY_BITMAP a {@link VfioBitmap} follows. */
export const VfioIommuType1DmaUnmap: StructLayout<U32<'argsz' | 'flags'> & U64<'iova' | 'size'>> = structLayout({
  name: 'vfio_iommu_type1_dma_unmap',
  size: 24,
  fields: {
    argsz: u32(0),
    flags: u32(4),
    iova: u64(8),
    size: u64(16, 'inout'),
  },
});

/** A dirty bitmap: page size and bitmap size in bytes. */
export const VfioBitmap: StructLayout<U64<'pgsize' | 'size' | 'data'>> = structLayout({
  name: 'vfio_bitmap',
  size: 24,
  fields: {
    pgsize: u64(0),
    size: u64(8),
    data: u64(16),
  },
});

/** VFIO_IOMMU_DIRTY_PAGES; with GET a {@link VfioIommuType1DirtyBitmapGet} follows. */
export const VfioIommuType1DirtyBitmap: StructLayout<U32<'argsz' | 'flags'>> = structLayout({
  name: 'vfio_iommu_type1_dirty_bitmap',
  size: 8,
  fields: {
    argsz: u32(0),
    flags: u32(4),
  },
});

/** The range and the bitmap of VFIO_IOMMU_DIRTY_PAGES with GET. */
export const VfioIommuType1DirtyBitmapGet: StructLayout<U64<'iova' | 'size' | 'pgsize' | 'bitmap_size' | 'data'>> =
  structLayout({
    name: 'vfio_iommu_type1_dirty_bitmap_get',
    size: 40,
    fields: {
      iova: u64(0),
      size: u64(8),
      pgsize: u64(16),
      bitmap_size: u64(24),
      data: u64(32),
    },
  });

/** Head of each capability; `next` counts from the start of the information structure, 0 ends the chain. */
export const VfioInfoCapHeader: StructLayout<U16<'id' | 'version'> & U32<'next'>> = structLayout({
  name: 'vfio_info_cap_header',
  size: 8,
  fields: {
    id: u16(0, 'out'),
    version: u16(2, 'out'),
    next: u32(4, 'out'),
  },
});

/** Capability 1, version 1; `nr_iovas` elements of {@link VfioIovaRange} follow. */
export const VfioIommuType1InfoCapIovaRange: StructLayout<
  U16<'id' | 'version'> & U32<'next' | 'nr_iovas' | 'reserved'>
> = structLayout({
  name: 'vfio_iommu_type1_info_cap_iova_range',
  size: 16,
  fields: {
    id: u16(0, 'out'),
    version: u16(2, 'out'),
    next: u32(4, 'out'),
    nr_iovas: u32(8, 'out'),
    reserved: u32(12, 'out'),
  },
});

/** One usable IOVA range, inclusive. */
export const VfioIovaRange: StructLayout<U64<'start' | 'end'>> = structLayout({
  name: 'vfio_iova_range',
  size: 16,
  fields: {
    start: u64(0, 'out'),
    end: u64(8, 'out'),
  },
});

/** Capability 2, version 1: dirty tracking of the container. */
export const VfioIommuType1InfoCapMigration: StructLayout<
  U16<'id' | 'version'> & U32<'next' | 'flags'> & U64<'pgsize_bitmap' | 'max_dirty_bitmap_size'>
> = structLayout({
  name: 'vfio_iommu_type1_info_cap_migration',
  size: 32,
  fields: {
    id: u16(0, 'out'),
    version: u16(2, 'out'),
    next: u32(4, 'out'),
    flags: u32(8, 'out'),
    pgsize_bitmap: u64(16, 'out'),
    max_dirty_bitmap_size: u64(24, 'out'),
  },
});

/** Capability 3, version 1: how many mappings may still be made. */
export const VfioIommuType1InfoDmaAvail: StructLayout<U16<'id' | 'version'> & U32<'next' | 'avail'>> = structLayout({
  name: 'vfio_iommu_type1_info_dma_avail',
  size: 12,
  fields: {
    id: u16(0, 'out'),
    version: u16(2, 'out'),
    next: u32(4, 'out'),
    avail: u32(8, 'out'),
  },
});

/** VFIO_GROUP_GET_STATUS. */
export const VfioGroupStatus: StructLayout<U32<'argsz' | 'flags'>> = structLayout({
  name: 'vfio_group_status',
  size: 8,
  fields: {
    argsz: u32(0),
    flags: u32(4, 'out'),
  },
});

/** VFIO_DEVICE_GET_INFO. */
export const VfioDeviceInfo: StructLayout<U32<'argsz' | 'flags' | 'num_regions' | 'num_irqs' | 'cap_offset' | 'pad'>> =
  structLayout({
    name: 'vfio_device_info',
    size: 24,
    minSize: 16,
    fields: {
      argsz: u32(0, 'inout'),
      flags: u32(4, 'out'),
      num_regions: u32(8, 'out'),
      num_irqs: u32(12, 'out'),
      cap_offset: u32(16, 'out'),
      pad: u32(20),
    },
  });

/** VFIO_DEVICE_GET_REGION_INFO. */
export const VfioRegionInfo: StructLayout<U32<'argsz' | 'flags' | 'index' | 'cap_offset'> & U64<'size' | 'offset'>> =
  structLayout({
    name: 'vfio_region_info',
    size: 32,
    fields: {
      argsz: u32(0, 'inout'),
      flags: u32(4, 'out'),
      index: u32(8),
      cap_offset: u32(12, 'out'),
      size: u64(16, 'out'),
      offset: u64(24, 'out'),
    },
  });

/** VFIO_DEVICE_GET_IRQ_INFO. */
export const VfioIrqInfo: StructLayout<U32<'argsz' | 'flags' | 'index' | 'count'>> = structLayout({
  name: 'vfio_irq_info',
  size: 16,
  fields: {
    argsz: u32(0),
    flags: u32(4, 'out'),
    index: u32(8),
    count: u32(12, 'out'),
  },
});

/** VFIO_DEVICE_SET_IRQS; data follows. */
export const VfioIrqSet: StructLayout<U32<'argsz' | 'flags' | 'index' | 'start' | 'count'>> = structLayout({
  name: 'vfio_irq_set',
  size: 20,
  fields: {
    argsz: u32(0),
    flags: u32(4),
    index: u32(8),
    start: u32(12),
    count: u32(16),
  },
});

/** VFIO_DEVICE_BIND_IOMMUFD. */
export const VfioDeviceBindIommufd: StructLayout<U32<'argsz' | 'flags' | 'out_devid'> & S32<'iommufd'>> = structLayout({
  name: 'vfio_device_bind_iommufd',
  size: 16,
  fields: {
    argsz: u32(0),
    flags: u32(4),
    iommufd: s32(8),
    out_devid: u32(12, 'out'),
  },
});

/** VFIO_DEVICE_ATTACH_IOMMUFD_PT. */
export const VfioDeviceAttachIommufdPt: StructLayout<U32<'argsz' | 'flags' | 'pt_id'>> = structLayout({
  name: 'vfio_device_attach_iommufd_pt',
  size: 12,
  fields: {
    argsz: u32(0),
    flags: u32(4),
    pt_id: u32(8, 'inout'),
  },
});

/** VFIO_DEVICE_DETACH_IOMMUFD_PT. */
export const VfioDeviceDetachIommufdPt: StructLayout<U32<'argsz' | 'flags'>> = structLayout({
  name: 'vfio_device_detach_iommufd_pt',
  size: 8,
  fields: {
    argsz: u32(0),
    flags: u32(4),
  },
});
