import type { IoctlDefinition } from './ioctl.js';
import * as structs from './iommufd-structs.js';
import type { StructLayout } from './struct-layout.js';

/** First `_IOC_NR` of iommufd; smaller numbers of the same type are VFIO's. */
export const IOMMUFD_CMD_BASE = 0x80;

/** Request numbers of /dev/iommu: `_IO(';', 0x80 + n)`. */
export const IommufdRequest = {
  DESTROY: 0x3b80,
  IOAS_ALLOC: 0x3b81,
  IOAS_ALLOW_IOVAS: 0x3b82,
  IOAS_COPY: 0x3b83,
  IOAS_IOVA_RANGES: 0x3b84,
  IOAS_MAP: 0x3b85,
  IOAS_UNMAP: 0x3b86,
  OPTION: 0x3b87,
  VFIO_IOAS: 0x3b88,
  HWPT_ALLOC: 0x3b89,
  GET_HW_INFO: 0x3b8a,
  HWPT_SET_DIRTY_TRACKING: 0x3b8b,
  HWPT_GET_DIRTY_BITMAP: 0x3b8c,
  HWPT_INVALIDATE: 0x3b8d,
  FAULT_QUEUE_ALLOC: 0x3b8e,
  /** Only in kernels built for the self test. */
  TEST_CMD: 0x3ba0,
} as const;

/** Name of an ioctl of /dev/iommu, without the `IOMMU_` of the header. */
export type IommufdIoctlName = keyof typeof IommufdRequest;

const define = (name: IommufdIoctlName, layout: StructLayout): IoctlDefinition => ({
  name: `IOMMU_${name}`,
  request: IommufdRequest[name],
  argument: { kind: 'struct', layout },
});

/** Every ioctl of /dev/iommu that Linux 6.12 has, in order of number; the test command is the mock device's own matter. */
export const iommufdIoctls: readonly IoctlDefinition[] = [
  define('DESTROY', structs.IommuDestroy),
  define('IOAS_ALLOC', structs.IommuIoasAlloc),
  define('IOAS_ALLOW_IOVAS', structs.IommuIoasAllowIovas),
  define('IOAS_COPY', structs.IommuIoasCopy),
  define('IOAS_IOVA_RANGES', structs.IommuIoasIovaRanges),
  define('IOAS_MAP', structs.IommuIoasMap),
  define('IOAS_UNMAP', structs.IommuIoasUnmap),
  define('OPTION', structs.IommuOption),
  define('VFIO_IOAS', structs.IommuVfioIoas),
  define('HWPT_ALLOC', structs.IommuHwptAlloc),
  define('GET_HW_INFO', structs.IommuHwInfo),
  define('HWPT_SET_DIRTY_TRACKING', structs.IommuHwptSetDirtyTracking),
  define('HWPT_GET_DIRTY_BITMAP', structs.IommuHwptGetDirtyBitmap),
  define('HWPT_INVALIDATE', structs.IommuHwptInvalidate),
  define('FAULT_QUEUE_ALLOC', structs.IommuFaultAlloc),
];

/** Flags of IOAS_MAP and IOAS_COPY. */
export const IoasMapFlag = { FIXED_IOVA: 1, WRITEABLE: 2, READABLE: 4 } as const;
/** `option_id` of OPTION. */
export const IommuOptionId = { RLIMIT_MODE: 0, HUGE_PAGES: 1 } as const;
/** `op` of OPTION. */
export const IommuOptionOp = { SET: 0, GET: 1 } as const;
/** `op` of VFIO_IOAS. */
export const VfioIoasOp = { GET: 0, SET: 1, CLEAR: 2 } as const;
/** `out_capabilities` of GET_HW_INFO. */
export const HwCapability = { DIRTY_TRACKING: 1, PCI_PASID_EXEC: 2, PCI_PASID_PRIV: 4 } as const;
/** `flags` of HWPT_SET_DIRTY_TRACKING. */
export const DirtyTrackingFlag = { ENABLE: 1 } as const;
/** `flags` of HWPT_GET_DIRTY_BITMAP. */
export const DirtyBitmapFlag = { NO_CLEAR: 1 } as const;
/** `flags` of a page request read from a fault queue. */
export const PageFaultFlag = { PASID_VALID: 1, LAST_PAGE: 2 } as const;
/** `code` of an answer written to a fault queue. */
export const PageResponse = { SUCCESS: 0, INVALID: 1 } as const;
