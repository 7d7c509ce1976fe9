import { U64_MAX, type Range64 } from '../bits/index.js';
import { isBefore, rangeKeys } from './iova-key.js';

/** Whoever keeps IOVAs away: a device, a domain, or null for the kernel's own test command. */
export type ReservedOwner = object | null;

/** IOVAs that no area may use, and who said so. Inclusive. */
export interface ReservedRange extends Range64 {
  readonly owner: ReservedOwner;
}

/**
 * Reserved IOVA of one IOAS (Linux: `reserved_itree`). Ranges may overlap each other and go away with their owner; there are a
 * handful of them, so a sorted array serves.
 */
export class ReservedRanges {
  /** By start. */
  private ranges: ReservedRange[] = [];
  private holesCache: Range64[] | null = null;
  private keysCache: Float64Array | null = null;

  get count(): number {
    return this.ranges.length;
  }

  add(range: ReservedRange): void {
    let at = this.ranges.length;
    while (at > 0 && this.ranges[at - 1]!.start > range.start) at--;
    this.ranges.splice(at, 0, range);
    this.forgetCaches();
  }

  /** @returns how many ranges the owner had */
  removeOwner(owner: ReservedOwner): number {
    const before = this.ranges.length;
    this.ranges = this.ranges.filter((range) => range.owner !== owner);
    this.forgetCaches();
    return before - this.ranges.length;
  }

  /** Forgets every range. */
  clear(): void {
    this.ranges = [];
    this.forgetCaches();
  }

  /** The lowest reserved range that shares an IOVA with this one. */
  firstIn(start: bigint, last: bigint): ReservedRange | undefined {
    for (const range of this.ranges) if (range.start <= last && start <= range.last) return range;
    return undefined;
  }

  /** As {@link firstIn}, for a range given as key pairs. */
  firstInKeys(page: number, byte: number, lastPage: number, lastByte: number): ReservedRange | undefined {
    const keys = (this.keysCache ??= rangeKeys(this.ranges));
    for (let at = 0; at < keys.length; at += 4) {
      const startsBehind = isBefore(lastPage, lastByte, keys[at]!, keys[at + 1]!);
      if (!startsBehind && !isBefore(keys[at + 2]!, keys[at + 3]!, page, byte)) return this.ranges[at / 4];
    }
    return undefined;
  }

  /** What is not reserved, ascending: the usable IOVAs that IOVA_RANGES reports. */
  holes(): readonly Range64[] {
    this.holesCache ??= holesBetween(this.ranges);
    return this.holesCache;
  }

  private forgetCaches(): void {
    this.holesCache = null;
    this.keysCache = null;
  }
}

function holesBetween(sorted: readonly Range64[]): Range64[] {
  const holes: Range64[] = [];
  let start = 0n;
  for (const range of sorted) {
    if (range.start > start) holes.push({ start, last: range.start - 1n });
    if (range.last === U64_MAX) return holes;
    if (range.last >= start) start = range.last + 1n;
  }
  holes.push({ start, last: U64_MAX });
  return holes;
}
