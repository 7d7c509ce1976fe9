import { frameHi, frameLo, frameOf } from '../memory/index.js';
import type { CarefulWalker } from '../page-table/careful-walker.js';
import type { CacheQuery } from './cache-query.js';
import { TranslationCache } from './translation-cache.js';
import type { TranslationCacheOptions } from './translation-cache-options.js';

/**
 * Cache of links: for a region, which table translates it and which rights the entries above left. Tagged as the unit tags its
 * translations. Attributes hold the engine level of the table in bits [3:0], for invalidations; the rest is the unit's.
 */
export class PagingStructureCache {
  readonly isOn: boolean;
  /** After {@link find}: engine level and address of the cached table, and the allow bits above it. */
  level = 0;
  tableHi = 0;
  tableLo = 0;
  allowedHi = 0;
  allowedLo = 0;
  /** Another number whenever {@link find} may answer otherwise than before. */
  version = 0;
  readonly #cache: TranslationCache;

  constructor(options: Omit<TranslationCacheOptions, 'payload' | 'provenance'>) {
    this.isOn = options.entries > 0;
    this.#cache = new TranslationCache({ ...options, payload: true });
  }

  /** Finds the lowest cached table for an address. */
  find(hi: number, lo: number, tagA: number, tagB: number): boolean {
    const cache = this.#cache;
    if (!cache.lookup(hi, lo, tagA, tagB)) return false;
    const { index } = cache;
    this.level = cache.permissions;
    this.tableHi = cache.targetHi(index);
    this.tableLo = cache.targetLo(index);
    this.allowedHi = cache.payload!.hi(index);
    this.allowedLo = cache.payload!.lo(index);
    return true;
  }

  /** The same address / 4096. */
  get tableFrame(): number {
    return frameOf(this.tableHi, this.tableLo);
  }

  /**
   * Keeps the tables that a watched walk went through below its root.
   * @param attributes the unit's bits, above [3:0]
   */
  keepPath(walker: CarefulWalker, hi: number, lo: number, tagA: number, tagB: number, attributes: number): void {
    const cache = this.#cache;
    const { levels } = walker.format;
    this.version = (this.version + 1) | 0;
    for (let level = 0; level < levels.length; level++) {
      const frame = walker.pathTable[level]!;
      const shape = levels[level];
      if (frame < 0 || shape === undefined) continue;
      const shift = shape.shift + shape.indexBits;
      const index = cache.insert(
        hi,
        lo,
        shift,
        tagA,
        tagB,
        frameHi(frame),
        frameLo(frame),
        level,
        attributes | level,
        false,
      );
      cache.payload!.set(index, walker.pathAllowedHi[level]!, walker.pathAllowedLo[level]!);
    }
  }

  /** Drops what the query matches. @returns how many entries */
  invalidate(query: CacheQuery): number {
    this.version = (this.version + 1) | 0;
    return this.#cache.invalidate(query);
  }

  /** Drops everything. @returns how many entries */
  clear(): number {
    this.version = (this.version + 1) | 0;
    return this.#cache.clear();
  }
}
