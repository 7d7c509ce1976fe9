import type { FailureSource, IommuBackend, IommuDomain, IommuGroup, RunMapper } from '@ioasis/core';
import { DmaList } from './dma-list.js';
import type { IovaWindows } from './iova-windows.js';
import type { MediatedDevice } from './mediated-device.js';

/** What the module parameters of vfio_iommu_type1 set. */
export interface Type1Parameters {
  /** Most mappings of one container (`dma_entry_limit`). */
  readonly dmaEntryLimit: number;
  /** Maps every page by itself (`disable_hugepages`). */
  readonly disableHugePages: boolean;
  /** Lets groups join whose interrupts are not isolated (`allow_unsafe_interrupts`). */
  readonly allowUnsafeInterrupts: boolean;
}

/** A domain of a classic container and the groups on it. */
export interface Type1Domain {
  readonly backend: IommuBackend;
  readonly domain: IommuDomain;
  readonly mapper: RunMapper;
  readonly groups: IommuGroup[];
  readonly enforcesCacheCoherency: boolean;
}

/** What a classic container knows once it has a type (`struct vfio_iommu`). */
export class Type1State {
  readonly parameters: Type1Parameters;
  /** PAGE_SIZE of the machine, bytes. */
  readonly pageSize: number;
  readonly failure: FailureSource | null;
  /** TYPE1v2 (or nesting): unmaps whole mappings only. */
  readonly v2: boolean;
  /** TYPE1_NESTING: domains must be able to nest. */
  readonly nesting: boolean;
  /** Newest first; the first one is asked where memory is. */
  readonly domains: Type1Domain[] = [];
  windows: IovaWindows = [];
  readonly mappings: DmaList = new DmaList();
  /** Mappings that may still be made. */
  available: number;
  /** Mappings whose virtual address is being replaced. */
  vaddrInvalid = 0;
  /** Page sizes that GET_INFO shows: bit n = 2^n bytes. */
  pageSizes: bigint;
  /** Mediated devices in the container. */
  readonly mediated: Set<MediatedDevice> = new Set();
  /** Whether dirty pages are tracked. */
  tracking = false;

  constructor(
    parameters: Type1Parameters,
    pageSize: number,
    failure: FailureSource | null,
    v2: boolean,
    nesting: boolean,
  ) {
    this.parameters = parameters;
    this.pageSize = pageSize;
    this.failure = failure;
    this.v2 = v2;
    this.nesting = nesting;
    this.available = parameters.dmaEntryLimit;
    this.pageSizes = BigInt.asUintN(64, -BigInt(pageSize));
  }

  /** The smallest page of {@link pageSizes}, bytes: what every range must be aligned to. */
  get smallestPage(): bigint {
    return this.pageSizes & -this.pageSizes;
  }

  /** Computes {@link pageSizes} anew: what all domains have; sizes below PAGE_SIZE are shown as PAGE_SIZE. */
  updatePageSizes(): void {
    const page = BigInt(this.pageSize);
    let common = 0xffff_ffff_ffff_ffffn;
    for (const { domain } of this.domains) common &= domain.pageSizes;
    if ((common & (page - 1n)) !== 0n) common = (common & -page) | page;
    this.pageSizes = BigInt.asUintN(64, common);
  }
}
