import { IommufdRequest } from '../abi/index.js';

/**
 * Which kernel is modelled: everything that programs can tell apart between releases, as data. A new kernel is a new object.
 */
export interface KernelProfile {
  /** `linux-6.12` and so on. */
  readonly id: string;
  /** Request numbers of /dev/iommu that this kernel knows, each with the size of its structure in bytes. */
  readonly ioctls: ReadonlyMap<number, number>;
  /** Whether HWPT_ALLOC takes flags, driver data and a page table as parent; if not, pt_id is an IOAS. */
  readonly nesting: boolean;
  /** Whether GET_HW_INFO reports capabilities. */
  readonly hwCapabilities: boolean;
  /** Most entries of one HWPT_INVALIDATE. */
  readonly invalidateEntryLimit: number;
  /** Whether a dirty bitmap of length 0 is refused before its last byte is computed. */
  readonly refusesEmptyDirtyBitmap: boolean;
  /** What VFIO_IOMMU_UNMAP_DMA through iommufd answers when nothing is mapped. */
  readonly emptyCompatUnmap: 'succeeds' | 'ENOENT';
  /** Whether CHECK_EXTENSION hides TYPE1, TYPE1v2 and UNMAP_ALL while a group without IOMMU is served. */
  readonly noIommuHidesType1: boolean;
  /** Whether VFIO devices have their own files (BIND, ATTACH, DETACH) beside groups. */
  readonly deviceFiles: boolean;
}

const ioctls62: readonly (readonly [number, number])[] = [
  [IommufdRequest.DESTROY, 8],
  [IommufdRequest.IOAS_ALLOC, 12],
  [IommufdRequest.IOAS_ALLOW_IOVAS, 24],
  [IommufdRequest.IOAS_COPY, 40],
  [IommufdRequest.IOAS_IOVA_RANGES, 32],
  [IommufdRequest.IOAS_MAP, 40],
  [IommufdRequest.IOAS_UNMAP, 24],
  [IommufdRequest.OPTION, 24],
  [IommufdRequest.VFIO_IOAS, 12],
];

/** The first kernel with iommufd. */
export const linux62: KernelProfile = {
  id: 'linux-6.2',
  ioctls: new Map(ioctls62),
  nesting: false,
  hwCapabilities: false,
  invalidateEntryLimit: 0,
  refusesEmptyDirtyBitmap: false,
  emptyCompatUnmap: 'ENOENT',
  noIommuHidesType1: false,
  deviceFiles: false,
};

/** Page tables by hand, hardware information and device files; no nesting and no dirty tracking yet. */
export const linux66: KernelProfile = {
  ...linux62,
  id: 'linux-6.6',
  ioctls: new Map([...ioctls62, [IommufdRequest.HWPT_ALLOC, 24], [IommufdRequest.GET_HW_INFO, 32]]),
  deviceFiles: true,
};

/** 6.12.117, the kernel of the recordings: nesting, dirty tracking, invalidation, fault queues, and the stable series' back-ports. */
export const linux612: KernelProfile = {
  id: 'linux-6.12',
  ioctls: new Map([
    ...ioctls62,
    [IommufdRequest.HWPT_ALLOC, 48],
    [IommufdRequest.GET_HW_INFO, 40],
    [IommufdRequest.HWPT_SET_DIRTY_TRACKING, 16],
    [IommufdRequest.HWPT_GET_DIRTY_BITMAP, 48],
    [IommufdRequest.HWPT_INVALIDATE, 32],
    [IommufdRequest.FAULT_QUEUE_ALLOC, 16],
  ]),
  nesting: true,
  hwCapabilities: true,
  invalidateEntryLimit: 1 << 19,
  refusesEmptyDirtyBitmap: true,
  emptyCompatUnmap: 'succeeds',
  noIommuHidesType1: true,
  deviceFiles: true,
};
