import type { Context, Region } from './context.js';
import type { Observation } from './observation.js';
import type { StreamEntry } from './stream-entry.js';
import { EntryKind, LEVEL_BITS, type UnitCaches } from './unit-caches.js';

/** Level of pages. */
const PAGE_LEVEL = 3;

/** Walks that start at cached tables, and what they leave in the caches. */
export class CachingWalks {
  readonly #caches: UnitCaches;
  readonly #observation: Observation;
  readonly #reportsConflicts: boolean;

  /** @param reportsConflicts whether a leaf of another size for the same addresses is an error (IDR3.BBML = 0) */
  constructor(caches: UnitCaches, observation: Observation, reportsConflicts: boolean) {
    this.#caches = caches;
    this.#observation = observation;
    this.#reportsConflicts = reportsConflicts;
  }

  /** A walk from the lowest cached table, or from the root; the tables that it goes through are kept. */
  walk(region: Region, stream: StreamEntry, context: Context, hi: number, lo: number, access: number): boolean {
    const { walker, root } = region;
    const { walks } = this.#caches;
    const { narrow } = region;
    if (narrow !== 0) {
      const isInside = hi === -1 && (lo | narrow) === -1;
      return walker.walk(root, isInside ? 0 : -1, lo & narrow, access);
    }
    if (!walks.isOn) return walker.walk(root, hi, lo, access);
    const isKnown = walks.find(hi, lo, stream.vmidTag, context.asid);
    const { level, tableFrame, allowedHi, allowedLo } = walks;
    // The lowest table leads to no other: nothing is there to be kept.
    if (isKnown && level === 0) return walker.resume(root, 0, tableFrame, allowedHi, allowedLo, hi, lo, access);
    walker.isWatched = true;
    const isAllowed = isKnown
      ? walker.resume(root, level, tableFrame, allowedHi, allowedLo, hi, lo, access)
      : walker.walk(root, hi, lo, access);
    walker.isWatched = false;
    const kind = stream.stage2 === null ? EntryKind.STAGE1 : EntryKind.COMBINED;
    walks.keepPath(walker, hi, lo, stream.vmidTag, context.asid, kind);
    this.#observation.pathKept(walker, hi, lo, stream.vmidTag, context.asid);
    return isAllowed;
  }

  /** Into the TLB, when there is one. False: a leaf of another size is there for the same addresses, which the unit reports. */
  keep(
    hi: number,
    lo: number,
    shift: number,
    tagA: number,
    tagB: number,
    paHi: number,
    paLo: number,
    rights: number,
    kind: number,
    isGlobal: boolean,
  ): boolean {
    if (this.#reportsConflicts && this.#isConflict(hi, lo, shift, tagA, tagB, kind)) return false;
    const index = this.#caches.tlb.insert(hi, lo, shift, tagA, tagB, paHi, paLo, rights, kind, isGlobal);
    if (index >= 0) this.#observation.translationKept(hi, lo, shift, tagA, tagB, paHi, paLo, kind, isGlobal);
    return true;
  }

  /** Leaves of other levels for addresses of a page: break-before-make was violated (IHI 0070 3.21.1). They go, as they may at any time. */
  #isConflict(hi: number, lo: number, shift: number, tagA: number, tagB: number, kind: number): boolean {
    const { tlb, query } = this.#caches;
    const startLo = shift >= 32 ? 0 : lo & -(2 ** shift);
    const lastLo = shift >= 32 ? -1 : lo | (2 ** shift - 1);
    const startHi = shift > 32 ? hi & -(2 ** (shift - 32)) : hi;
    const lastHi = shift > 32 ? hi | (2 ** (shift - 32) - 1) : hi;
    let others = 0;
    for (let level = 0; level <= PAGE_LEVEL; level++) {
      if (level === (kind & LEVEL_BITS)) continue;
      query.all().withTagA(tagA).withTagB(tagB).withAttributes(level, LEVEL_BITS);
      others += tlb.invalidate(query.inRange(startHi, startLo, lastHi, lastLo));
    }
    return others > 0;
  }
}
