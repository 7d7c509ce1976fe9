import type { Range64 } from '../bits/index.js';
import type { TranslationUnit } from '../hardware/translation-unit.js';
import type { IommuDomain, NestedDomain } from './iommu-domain.js';
import type { HwptUserData } from './user-data.js';

/** Kinds of reserved regions (Linux: `enum iommu_resv_type`). DIRECT_RELAXABLE is not kept out of an IOAS. */
export type ReservedKind = 'direct' | 'direct-relaxable' | 'reserved' | 'msi' | 'sw-msi';

/** IOVAs that a device cannot use for DMA, inclusive. */
export interface ReservedRegion extends Range64 {
  readonly kind: ReservedKind;
}

/** Devices that the hardware cannot tell apart; they share one domain. */
export interface IommuGroup {
  /** Number in `/dev/vfio/N` and `/sys/kernel/iommu_groups/N`. */
  readonly id: number;
}

/** A requester behind an IOMMU, as the operating system knows it. */
export interface IommuDevice {
  /** `0000:00:01.0` for a PCI function; any unique name otherwise. */
  readonly name: string;
  /** PCI segment, or the number of the unit's requester space. */
  readonly segment: number;
  /** Source id of its requests: bus << 8 | device << 3 | function; the StreamID of an SMMU. */
  readonly requesterId: number;
  readonly group: IommuGroup;
  /** A virtual function shares the page request interface of its physical one, so iommufd gives it no fault queue. */
  readonly virtualFunction?: boolean;
}

/** What a backend can do for a device; core asks instead of guessing. */
export interface DeviceCapabilities {
  /** DMA is coherent with caches (IOMMU_CAP_CACHE_COHERENCY); bind refuses devices without it. */
  readonly cacheCoherency: boolean;
  /** No-snoop can be overridden (IOMMU_CAP_ENFORCE_CACHE_COHERENCY). */
  readonly enforceCacheCoherency: boolean;
  readonly dirtyTracking: boolean;
  /** MSI writes are isolated between devices (interrupt remapping). */
  readonly msiIsolated: boolean;
  /** log2 of the number of PASIDs; 0 = none. */
  readonly maxPasidLog2: number;
}

/** Blob of GET_HW_INFO. Type 0 (NONE) with no data where the kernel profile's driver has no answer. */
export interface HwInfo {
  readonly type: number;
  readonly data: Uint8Array;
}

/** Flags of HWPT_ALLOC as the uapi numbers them. */
export const HwptFlag = { NEST_PARENT: 1, DIRTY_TRACKING: 2, FAULT_ID_VALID: 4 } as const;

/** Answer to {@link IommuBackend.reportPageResponse}. */
export type PageResponseCode = 'success' | 'invalid' | 'failure';

/** One page request on its way from a device to a fault queue. */
export interface PageRequest {
  readonly device: IommuDevice;
  readonly pasid: number | undefined;
  readonly groupId: number;
  readonly lastInGroup: boolean;
  /** OR of READ 1, WRITE 2, EXEC 4, PRIV 8. */
  readonly permissions: number;
  readonly address: bigint;
}

/**
 * An IOMMU and its driver, as core sees them. A third party writes one with public exports alone; `backendConformance` of testkit
 * tells it when it is done. Errors are errno numbers, as a driver returns them; core turns them into refusals.
 */
export interface IommuBackend {
  /** Stable id: `intel-vtd`, `arm-smmuv3`, `amd-vi`, `mock`. */
  readonly id: string;

  /** The unit that translates requests of this device. A backend may have several. */
  unitOf(device: IommuDevice): TranslationUnit;

  /**
   * A device appears behind the IOMMU. From here on its DMA is blocked until something is attached.
   * @returns 0 or an errno number
   */
  addDevice(device: IommuDevice): number;
  /** The device is gone; nothing is attached to it. */
  removeDevice(device: IommuDevice): void;

  /** What the unit in front of this device can do for it. */
  capabilitiesOf(device: IommuDevice): DeviceCapabilities;
  /** IOVA ranges that no mapping of this device may use, or that have a fixed meaning. */
  reservedRegions(device: IommuDevice): readonly ReservedRegion[];
  /** What IOMMU_GET_HW_INFO tells of the unit in front of this device. */
  hwInfo(device: IommuDevice): HwInfo;

  /**
   * Paging domain that fits the device. With `flags` 0 and no data this must work.
   * @returns the domain or an errno number: EOPNOTSUPP (flag or data not supported), EINVAL, ENOMEM
   */
  allocPaging(device: IommuDevice, flags: number, data: HwptUserData | undefined): IommuDomain | number;
  /**
   * User-managed stage on `parent`. Absent: this backend has no nesting (EOPNOTSUPP).
   * @returns the domain or an errno number
   */
  allocNested?(device: IommuDevice, parent: IommuDomain, flags: number, data: HwptUserData): NestedDomain | number;

  /**
   * Puts a device (or one of its PASIDs) on a domain, or on another one when it already has one: hitless where the hardware can,
   * and on failure the old state stays.
   * @returns 0 or an errno number; EINVAL means "incompatible, another domain may do"
   */
  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number;
  /** Blocks the device (or the PASID) again. */
  detach(device: IommuDevice, pasid?: number): void;

  /** Answers a page request that went to a fault queue. Absent: the backend has no page requests. */
  reportPageResponse?(request: PageRequest, code: PageResponseCode): void;
  /** Set by core: where page requests of attached devices go. */
  onPageRequest?: (request: PageRequest) => void;
}
