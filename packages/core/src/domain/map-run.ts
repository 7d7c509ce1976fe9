import { IotlbGather } from './iotlb-gather.js';
import type { IommuDomain } from './iommu-domain.js';
import { Errno } from '../errno/index.js';

/**
 * Maps and unmaps contiguous runs on a domain by its page sizes, as the core of an operating system does between iommufd and a driver
 * (Linux: `iommu_map`, `iommu_unmap`, `iommu_pgsize`). One per domain: it keeps the page sizes in a form that needs no bigint.
 *
 * Addresses are (hi, lo) int32 words, lengths are bytes as doubles below 2^53.
 */
export class RunMapper {
  /** log2 of the smallest page, bytes. */
  readonly smallestShift: number;
  /** log2 of the supported pages, ascending. */
  private readonly shifts: readonly number[];
  /** The same in bytes. */
  private readonly sizes: readonly number[];
  private readonly gather: IotlbGather = new IotlbGather();
  /** What {@link choosePage} chose. */
  private shift = 0;
  private size = 0;
  private count = 0;

  constructor(readonly domain: IommuDomain) {
    const shifts: number[] = [];
    for (let shift = 0; shift < 64; shift++) if ((domain.pageSizes >> BigInt(shift)) & 1n) shifts.push(shift);
    if (shifts.length === 0) throw new RangeError('a domain supports at least one page size');
    this.shifts = shifts;
    this.sizes = shifts.map((shift) => 2 ** shift);
    this.smallestShift = shifts[0]!;
  }

  /**
   * Maps `[iova, iova + bytes)` to `[pa, pa + bytes)` and tells the domain. All or nothing.
   * @returns 0 or an errno number: EINVAL when an address or the length is no multiple of the smallest page, else the driver's
   */
  map(iovaHi: number, iovaLo: number, paHi: number, paLo: number, bytes: number, prot: number): number {
    if (!this.aligned(iovaHi | paHi, iovaLo | paLo, bytes)) return Errno.EINVAL;
    const domain = this.domain;
    let hi = iovaHi;
    let lo = iovaLo;
    let targetHi = paHi;
    let targetLo = paLo;
    let left = bytes;
    while (left > 0) {
      this.choosePage(hi, lo, targetHi, targetLo, left);
      const errno = domain.mapPages(hi, lo, targetHi, targetLo, this.shift, this.count, prot);
      const done = domain.mappedPages * this.size;
      left -= done;
      if (errno !== 0) {
        if (left < bytes) this.unmap(iovaHi, iovaLo, bytes - left);
        return errno;
      }
      const sum = (lo >>> 0) + done;
      hi = (hi + Math.floor(sum / 0x1_0000_0000)) | 0;
      lo = sum | 0;
      const targetSum = (targetLo >>> 0) + done;
      targetHi = (targetHi + Math.floor(targetSum / 0x1_0000_0000)) | 0;
      targetLo = targetSum | 0;
    }
    const last = (iovaLo >>> 0) + (bytes - 1);
    domain.syncMap(iovaHi, iovaLo, (iovaHi + Math.floor(last / 0x1_0000_0000)) | 0, last | 0);
    return 0;
  }

  /**
   * Unmaps from `iova` on until `bytes` are gone or a hole is met, then invalidates.
   * @returns bytes unmapped; more than asked when a large leaf was hit in its middle; 0 when something is not aligned
   */
  unmap(iovaHi: number, iovaLo: number, bytes: number): number {
    const { domain, gather } = this;
    gather.reset();
    const done = this.unmapGathering(iovaHi, iovaLo, bytes, gather);
    domain.syncUnmap(gather);
    return done;
  }

  /**
   * As {@link unmap}, but leaves the invalidation to the caller (Linux: `iommu_unmap_fast`): until it calls `domain.syncUnmap(gather)`, devices
   * may reach the memory.
   */
  unmapGathering(iovaHi: number, iovaLo: number, bytes: number, gather: IotlbGather): number {
    if (!this.aligned(iovaHi, iovaLo, bytes)) return 0;
    const { domain } = this;
    let hi = iovaHi;
    let lo = iovaLo;
    let done = 0;
    while (done < bytes) {
      this.choosePage(hi, lo, hi, lo, bytes - done);
      const gone = domain.unmapPages(hi, lo, this.shift, this.count, gather);
      if (gone === 0) break;
      done += gone;
      const sum = (lo >>> 0) + gone;
      hi = (hi + Math.floor(sum / 0x1_0000_0000)) | 0;
      lo = sum | 0;
    }
    return done;
  }

  private aligned(hi: number, lo: number, bytes: number): boolean {
    const shift = this.smallestShift;
    if (lowestBit(hi, lo) < shift) return false;
    return shift < 31 ? (bytes & ((1 << shift) - 1)) === 0 : bytes % 2 ** shift === 0;
  }

  /**
   * The largest page that size and alignment allow; and, where the next larger one would be reachable because both addresses have the
   * same offset in it and it fits behind the boundary, no more pages than lead to that boundary.
   */
  private choosePage(iovaHi: number, iovaLo: number, paHi: number, paLo: number, bytes: number): void {
    const shifts = this.shifts;
    const limit = Math.min(lowestBit(iovaHi | paHi, iovaLo | paLo), highestBit(bytes));
    let at = shifts.length - 1;
    while (shifts[at]! > limit) at--;
    this.shift = shifts[at]!;
    this.size = this.sizes[at]!;
    let run = bytes;
    if (at + 1 < shifts.length) {
      const next = shifts[at + 1]!;
      const maskLo = next >= 32 ? -1 : (1 << next) - 1;
      const maskHi = next > 32 ? (1 << (next - 32)) - 1 : 0;
      if (((iovaLo ^ paLo) & maskLo) === 0 && ((iovaHi ^ paHi) & maskHi) === 0) {
        const page = this.sizes[at + 1]!;
        const toBoundary = page - ((iovaHi & maskHi) >>> 0) * 0x1_0000_0000 - ((iovaLo & maskLo) >>> 0);
        if (toBoundary + page <= bytes) run = toBoundary;
      }
    }
    this.count = Math.floor(run / this.size);
  }
}

/** Number of the lowest set bit of a 64-bit value, 64 when it is 0. */
function lowestBit(hi: number, lo: number): number {
  if (lo !== 0) return 31 - Math.clz32(lo & -lo);
  return hi === 0 ? 64 : 63 - Math.clz32(hi & -hi);
}

/** Number of the highest set bit of a positive whole double below 2^53. */
function highestBit(value: number): number {
  return value < 0x1_0000_0000 ? 31 - Math.clz32(value) : 63 - Math.clz32(value / 0x1_0000_0000);
}
