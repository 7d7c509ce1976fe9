/**
 * What an unmap leaves to be invalidated (Linux: `struct iommu_iotlb_gather`). One hidden class for all vendors.
 *
 * Addresses are two int32 words. The gather is empty when {@link empty} is true, then the range has no meaning.
 */
export class IotlbGather {
  empty = true;
  startHi = 0;
  startLo = 0;
  /** Inclusive. */
  lastHi = 0;
  lastLo = 0;
  /** log2 of the page size of the gathered entries, bytes; 0 until one was added. */
  pageShift = 0;
  /** Set by whoever wants the invalidation delayed; iommufd never does. */
  queued = false;
  /** Frame numbers of table pages taken out of the tree: to be freed only after the invalidation completed. */
  readonly freelist: number[] = [];

  /** Forgets everything but the freelist's storage. */
  reset(): void {
    this.empty = true;
    this.pageShift = 0;
    this.queued = false;
    this.freelist.length = 0;
  }

  /** True when `[start, last]` neither overlaps nor touches the gathered range, or the page size differs: sync first. */
  mustSyncBefore(startHi: number, startLo: number, lastHi: number, lastLo: number, pageShift: number): boolean {
    if (this.empty) return false;
    if (this.pageShift !== 0 && this.pageShift !== pageShift) return true;
    // Touching ranges join: compare against the neighbours, computed without leaving unsigned 32-bit words.
    const beforeGathered = lessThan(lastHi, lastLo, this.startHi, this.startLo);
    if (beforeGathered) {
      const nextLo = (lastLo + 1) | 0;
      const nextHi = nextLo === 0 ? (lastHi + 1) | 0 : lastHi;
      return nextLo !== this.startLo || nextHi !== this.startHi;
    }
    const afterGathered = lessThan(this.lastHi, this.lastLo, startHi, startLo);
    if (afterGathered) {
      const nextLo = (this.lastLo + 1) | 0;
      const nextHi = nextLo === 0 ? (this.lastHi + 1) | 0 : this.lastHi;
      return nextLo !== startLo || nextHi !== startHi;
    }
    return false;
  }

  /** As {@link mustSyncBefore}, for `[iova, iova + bytes)`. */
  mustSyncBeforeBytes(iovaHi: number, iovaLo: number, bytes: number, pageShift: number): boolean {
    const last = (iovaLo >>> 0) + bytes - 1;
    return this.mustSyncBefore(iovaHi, iovaLo, highAfter(iovaHi, last), last | 0, pageShift);
  }

  /** As {@link add}, for `[iova, iova + bytes)`. */
  addBytes(iovaHi: number, iovaLo: number, bytes: number, pageShift: number): void {
    const last = (iovaLo >>> 0) + bytes - 1;
    this.add(iovaHi, iovaLo, highAfter(iovaHi, last), last | 0, pageShift);
  }

  /** Widens the range to hold `[start, last]` as well. */
  add(startHi: number, startLo: number, lastHi: number, lastLo: number, pageShift: number): void {
    if (this.empty || lessThan(startHi, startLo, this.startHi, this.startLo)) {
      this.startHi = startHi;
      this.startLo = startLo;
    }
    if (this.empty || lessThan(this.lastHi, this.lastLo, lastHi, lastLo)) {
      this.lastHi = lastHi;
      this.lastLo = lastLo;
    }
    this.empty = false;
    this.pageShift = pageShift;
  }
}

/** High word of an address whose low word ran over to `low`. */
const highAfter = (hi: number, low: number): number => (hi + Math.floor(low / 0x1_0000_0000)) | 0;

function lessThan(aHi: number, aLo: number, bHi: number, bLo: number): boolean {
  const a = aHi >>> 0;
  const b = bHi >>> 0;
  return a !== b ? a < b : aLo >>> 0 < bLo >>> 0;
}
