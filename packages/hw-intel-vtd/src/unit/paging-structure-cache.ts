import { frameHi, frameLo, frameOf, TranslationCache, type CarefulWalker, type CacheQuery } from '@ioasis/core';

/** log2 bytes that the table of engine level 0 translates; each level above has nine bits more. */
const LEVEL0_TABLE_SHIFT = 21;
const LEVEL_BITS = 9;

/** Sizes and replacement of a cache of the unit. */
export interface CacheShape {
  readonly entries: number;
  readonly ways: number;
  readonly seed: number | undefined;
  readonly provenance: boolean;
}

/** Makes a translation cache of a shape. */
export function translationCache(shape: CacheShape, payload: boolean): TranslationCache {
  const { entries, ways, seed, provenance } = shape;
  const replacement = seed === undefined ? 'round-robin' : { seed };
  return new TranslationCache({
    entries,
    ways: Math.min(ways, Math.max(1, entries)),
    replacement,
    payload,
    provenance,
  });
}

/**
 * Cache of non-leaf entries (VT-d 6.2.5): for a region, which table translates it and which rights the entries above left. Tagged
 * with the domain and, for first-stage tables, the PASID.
 */
export class PagingStructureCache {
  readonly isOn: boolean;
  /** After {@link find}: engine level and frame of the cached table, and the allow bits above it. */
  level = 0;
  tableFrame = 0;
  allowedHi = 0;
  allowedLo = 0;
  readonly #cache: TranslationCache;

  constructor(shape: CacheShape) {
    this.isOn = shape.entries > 0;
    this.#cache = translationCache({ ...shape, provenance: false }, true);
  }

  /** Finds the lowest cached table for an address. */
  find(hi: number, lo: number, domain: number, pasidTag: number): boolean {
    const cache = this.#cache;
    if (!cache.lookup(hi, lo, domain, pasidTag)) return false;
    const { index } = cache;
    this.level = (cache.pageShift - LEVEL0_TABLE_SHIFT) / LEVEL_BITS;
    this.tableFrame = frameOf(cache.targetHi(index), cache.targetLo(index));
    this.allowedHi = cache.payloadHi(index);
    this.allowedLo = cache.payloadLo(index);
    return true;
  }

  /** Keeps the tables that a watched walk went through below its root. */
  keepPath(walker: CarefulWalker, hi: number, lo: number, domain: number, pasidTag: number): void {
    const cache = this.#cache;
    for (let level = 0; level < walker.pathTable.length; level++) {
      const frame = walker.pathTable[level]!;
      if (frame < 0) continue;
      const shift = LEVEL0_TABLE_SHIFT + LEVEL_BITS * level;
      const index = cache.insert(hi, lo, shift, domain, pasidTag, frameHi(frame), frameLo(frame), 0, 0, false);
      cache.setPayload(index, walker.pathAllowedHi[level]!, walker.pathAllowedLo[level]!);
    }
  }

  /** Drops what the query matches. @returns how many entries */
  invalidate(query: CacheQuery): number {
    return this.#cache.invalidate(query);
  }

  clear(): number {
    return this.#cache.clear();
  }
}
