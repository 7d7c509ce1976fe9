import { CacheQuery } from './cache-query.js';
import type { DeviceTlbRange, Endpoint } from './endpoint.js';
import { TranslationCache } from './translation-cache.js';
import type { TranslationCacheOptions } from './translation-cache-options.js';
import { Access, type TranslationUnit } from './translation-unit.js';

const RIGHTS = Access.READ | Access.WRITE;

/**
 * A device's own translation cache (PCIe ATS): asks the unit with translation requests, keeps the answers, and sends requests with
 * physical addresses from then on. Only the unit's invalidation requests make it forget.
 */
export class DeviceTlb {
  /** After {@link translate} returned true: address of the byte. */
  paHi = 0;
  paLo = 0;
  /** Translation requests that were sent. */
  requests = 0;
  readonly requesterId: number;
  readonly #unit: TranslationUnit;
  readonly #cache: TranslationCache;
  readonly #query = new CacheQuery();

  constructor(unit: TranslationUnit, requesterId: number, cache: TranslationCacheOptions = { entries: 64 }) {
    this.#unit = unit;
    this.requesterId = requesterId;
    this.#cache = new TranslationCache(cache);
  }

  /** Entries in use. */
  get used(): number {
    return this.#cache.used;
  }

  /**
   * Translates an address from the cache, or by asking the unit.
   * @param access OR of `Access` READ, WRITE
   * @returns false: the unit refuses, or gives fewer rights; a device that can would send a page request now
   */
  translate(pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const cache = this.#cache;
    if (cache.lookup(iovaHi, iovaLo, pasid, 0) && (cache.permissions & access) === access) {
      this.paHi = cache.paHi;
      this.paLo = cache.paLo;
      return true;
    }
    this.requests++;
    const asked = access | Access.READ | Access.TRANSLATION_REQUEST;
    if (!this.#unit.translate(this.requesterId, pasid, iovaHi, iovaLo, asked)) return false;
    const { translation } = this.#unit;
    const rights = translation.permissions & RIGHTS;
    if ((rights & access) !== access) return false;
    this.paHi = translation.paHi;
    this.paLo = translation.paLo;
    cache.insert(iovaHi, iovaLo, translation.pageShift, pasid, 0, this.paHi, this.paLo, rights, 0, false);
    return true;
  }

  /** An invalidation request of the unit. @returns how many entries it dropped */
  invalidate(range: DeviceTlbRange): number {
    const query = this.#query.all().inRange(range.startHi, range.startLo, range.lastHi, range.lastLo);
    if (range.pasid !== undefined) query.withTagA(range.pasid);
    return this.#cache.invalidate(query);
  }

  /** ATS was switched off or the device reset. */
  clear(): void {
    this.#cache.clear();
  }
}

/** The endpoint of a device that has a TLB and sends no page requests. */
export const tlbEndpoint = (tlb: DeviceTlb): Endpoint => ({
  invalidateTlb: (range) => tlb.invalidate(range),
  pageGroupResponse: () => undefined,
});
