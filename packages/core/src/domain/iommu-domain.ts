import type { Range64 } from '../bits/index.js';
import type { IotlbGather } from './iotlb-gather.js';
import type { UserDataArray } from './user-data.js';

/** Receives the dirty IO pages of a range; the caller's bitmap lives behind it. Arguments are int32 words and a byte count. */
export interface DirtySink {
  /** `[iova, iova + bytes)` was written since the last clear. Called in ascending order of IOVA. */
  mark(iovaHi: number, iovaLo: number, bytes: number): void;
}

/** `readAndClearDirty` flag: report without clearing. */
export const DIRTY_NO_CLEAR = 1;

/**
 * A translation that devices can be attached to (Linux: `struct iommu_domain` of type UNMANAGED plus its ops).
 *
 * IOVAs and physical addresses travel as (hi, lo) int32 words, sizes as log2 and counts as numbers, because these calls run once per
 * page. A method that can fail returns `0` or an errno number and never throws on arguments that core checked: iova, pa and size are
 * multiples of a supported page size and inside the aperture.
 */
export interface IommuDomain {
  /** Bit n set: pages of 2^n bytes are supported (bigint: bit 39 and above exist). */
  readonly pageSizes: bigint;
  /** Usable IOVAs, inclusive. */
  readonly aperture: Range64;

  /**
   * Maps `count` pages of 2^pageShift bytes. May do fewer: {@link mappedPages} tells how many are mapped, also after an error.
   * @param prot OR of `Prot` bits
   * @returns 0 or an errno number: ENOMEM (no table page), EEXIST (the vendor refuses to overwrite), EINVAL
   */
  mapPages(
    iovaHi: number,
    iovaLo: number,
    paHi: number,
    paLo: number,
    pageShift: number,
    count: number,
    prot: number,
  ): number;
  /** Pages mapped by the last {@link mapPages}. */
  readonly mappedPages: number;

  /**
   * Unmaps up to `count` pages of 2^pageShift bytes; stops at a hole. Must not allocate and must not fail on arguments that were
   * mapped. A large leaf that is hit in its middle goes as a whole where the driver does so.
   * @returns bytes unmapped (0 when nothing is there); may be more than asked
   */
  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number;

  /** After new mappings `[start, last]`: what a unit with negative caching or a write buffer needs. */
  syncMap(startHi: number, startLo: number, lastHi: number, lastLo: number): void;
  /** Invalidates what the gather holds, waits for completion, frees its table pages. */
  syncUnmap(gather: IotlbGather): void;
  /** Invalidates everything of this domain. */
  flushAll(): void;

  /**
   * Looks an IOVA up as software does, in the tables, never in a cache. True: the address is in {@link foundPaHi}, {@link foundPaLo}.
   */
  iovaToPhys(iovaHi: number, iovaLo: number): boolean;
  readonly foundPaHi: number;
  readonly foundPaLo: number;

  /**
   * Makes DMA ignore no-snoop requests. Called before the first map.
   * @returns false when the hardware cannot
   */
  enforceCacheCoherency(): boolean;

  /**
   * Prepares a domain that was just allocated to carry user-managed stages (`iommu_enable_nesting`), as the nesting type of the classic VFIO
   * container asks. Absent where the driver knows no such thing.
   * @returns 0 or an errno number
   */
  enableNesting?(): number;

  /** Dirty tracking; absent where the domain was not allocated for it. */
  readonly dirty: DomainDirtyOps | undefined;

  /** Releases the tables. All mappings are gone by then, as core asserts. */
  free(): void;
}

/** Dirty tracking of a domain (Linux: `struct iommu_dirty_ops`). */
export interface DomainDirtyOps {
  /** @returns 0 or an errno number */
  setTracking(enabled: boolean): number;
  /**
   * Reports written pages in `[iova, iova + bytes)` to `sink` (null: only clear) and clears them unless `DIRTY_NO_CLEAR`.
   * What must be invalidated afterwards goes to `gather`.
   * @returns 0 or an errno number: EINVAL when tracking is off and a sink was given
   */
  readAndClear(
    iovaHi: number,
    iovaLo: number,
    bytes: number,
    flags: number,
    sink: DirtySink | null,
    gather: IotlbGather,
  ): number;
}

/** A user-managed stage on top of a nest parent (Linux: domain of type NESTED). Its tables belong to the user. */
export interface NestedDomain {
  /**
   * Invalidates on the user's behalf, entry by entry. The type is checked even when there is no entry: so a program asks what is known.
   * @returns how many entries were handled and 0 or the errno number that stopped it
   */
  invalidate(entries: UserDataArray): { readonly handled: number; readonly errno: number };
  /** Releases what the domain holds; no device is attached by then. */
  free(): void;
}
