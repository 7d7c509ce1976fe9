/* Numbers of Linux 6.12 include/uapi/linux/vfio.h that are neither request numbers nor structures. */

/** Path of the container. */
export const CONTAINER_PATH = '/dev/vfio/vfio';
/** What VFIO_GET_API_VERSION answers. */
export const VFIO_API_VERSION = 0;

/** Flags in the answer of VFIO_IOMMU_GET_INFO. */
export const InfoFlag = { PGSIZES: 1, CAPS: 2 } as const;
/** Capability ids of VFIO_IOMMU_GET_INFO. */
export const InfoCap = { IOVA_RANGE: 1, MIGRATION: 2, DMA_AVAIL: 3 } as const;
/** Flags of VFIO_IOMMU_MAP_DMA. */
export const MapFlag = { READ: 1, WRITE: 2, VADDR: 4 } as const;
/** Flags of VFIO_IOMMU_UNMAP_DMA. */
export const UnmapFlag = { GET_DIRTY_BITMAP: 1, ALL: 2, VADDR: 4 } as const;
/** Flags of VFIO_IOMMU_DIRTY_PAGES; exactly one may be set. */
export const DirtyFlag = { START: 1, STOP: 2, GET_BITMAP: 4 } as const;

/** Flags in the answer of VFIO_GROUP_GET_STATUS. */
export const GroupFlag = { VIABLE: 1, CONTAINER_SET: 2 } as const;

/** Flags in the answer of VFIO_DEVICE_GET_INFO. */
export const DeviceFlag = { RESET: 1, PCI: 2, CAPS: 128 } as const;
/** Flags in the answer of VFIO_DEVICE_GET_REGION_INFO. */
export const RegionFlag = { READ: 1, WRITE: 2, MMAP: 4, CAPS: 8 } as const;
/** Capability of a region whose MSI-X table may be mapped; version 1, header only. */
export const REGION_CAP_MSIX_MAPPABLE = 3;
/** Region indices of vfio-pci: BARs 0 to 5 come first. */
export const PciRegionIndex = { BAR0: 0, BAR5: 5, ROM: 6, CONFIG: 7, VGA: 8 } as const;
/** Number of regions that vfio-pci reports. */
export const PCI_REGIONS = 9;
/** A region's index in the file offset of pread, pwrite and mmap: bits 40 and above. */
export const REGION_SHIFT = 40n;

/** Interrupt indices of vfio-pci. */
export const PciIrqIndex = { INTX: 0, MSI: 1, MSIX: 2, ERR: 3, REQ: 4 } as const;
/** Number of interrupt indices that vfio-pci reports. */
export const PCI_IRQS = 5;
/** Flags in the answer of VFIO_DEVICE_GET_IRQ_INFO. */
export const IrqFlag = { EVENTFD: 1, MASKABLE: 2, AUTOMASKED: 4, NORESIZE: 8 } as const;
/** Flags of VFIO_DEVICE_SET_IRQS: one data type and one action. */
export const IrqSetFlag = { NONE: 1, BOOL: 2, EVENTFD: 4, MASK: 8, UNMASK: 16, TRIGGER: 32 } as const;

/** Flags of VFIO_DEVICE_FEATURE above the 16-bit feature number. */
export const FeatureFlag = { GET: 0x1_0000, SET: 0x2_0000, PROBE: 0x4_0000 } as const;
/** Mask of the feature number. */
export const FEATURE_MASK = 0xffff;
/** Feature numbers that vfio-pci knows without migration support. */
export const Feature = {
  PCI_VF_TOKEN: 0,
  MIGRATION: 1,
  MIG_DEVICE_STATE: 2,
  LOW_POWER_ENTRY: 3,
  LOW_POWER_ENTRY_WITH_WAKEUP: 4,
  LOW_POWER_EXIT: 5,
  DMA_LOGGING_START: 6,
  DMA_LOGGING_STOP: 7,
  DMA_LOGGING_REPORT: 8,
  MIG_DATA_SIZE: 9,
} as const;

/** Flags in the answer of VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. */
export const HotResetFlag = { DEV_ID: 1, DEV_ID_OWNED: 2 } as const;
/** `devid` of a function that is owned but has no id of its own. */
export const DEVID_OWNED = 0;
/** `devid` of a function that belongs to somebody else. */
export const DEVID_NOT_OWNED = 0xffff_ffff;
