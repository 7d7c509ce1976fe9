/** Size and behaviour of a {@link TranslationCache}. */
export interface TranslationCacheOptions {
  /** Number of entries, a power of two; 0: the cache is off and every look-up misses. */
  readonly entries: number;
  /** Entries of a set, a power of two. Default 4, at most `entries`. */
  readonly ways?: number;
  /** Which way of a full set goes: round robin by set (default), or pseudo-random from a seed. Both are deterministic. */
  readonly replacement?: 'round-robin' | { readonly seed: number };
  /** Keep when and from what each entry was filled, for checkers. Default false. */
  readonly provenance?: boolean;
}

/** Where an entry came from; kept only when the cache was made with `provenance`. */
export interface EntryProvenance {
  /** Number of the insertion, counted from 1 over the life of the cache. */
  readonly sequence: number;
  /** Time of the unit's clock. */
  readonly time: number;
  /** What the unit noted: requester, access ... */
  readonly cause: string;
  /** 64-bit table words from which it was filled, top level first. */
  readonly words: readonly bigint[];
}

/**
 * Which entries an invalidation drops: those that pass every test. Tests are data; reuse one object.
 *
 * Tags match under a mask, `(entry.tagA & tagAMask) === tagA`; attributes likewise. A range test passes entries whose page overlaps
 * `[start, last]`, whatever their size.
 */
export class CacheQuery {
  tagA = 0;
  tagAMask = 0;
  tagB = 0;
  tagBMask = 0;
  /** Global entries (see {@link TranslationCache.insert}): `match` as if their tag B were equal, `keep` them, or test them `plain`. */
  global: 'match' | 'keep' | 'plain' = 'match';
  attributes = 0;
  attributesMask = 0;
  /** Test the range. */
  ranged = false;
  startHi = 0;
  startLo = 0;
  /** Inclusive. */
  lastHi = 0;
  lastLo = 0;

  /** Back to "drop everything". */
  all(): this {
    throw new Error('not yet');
  }
}

/**
 * A set-associative cache of translations on typed arrays: IOTLB, paging-structure cache, device TLB. One hidden class for all
 * vendors and uses.
 *
 * Two tag words say whose an entry is; what they hold is the vendor's matter (tag A: domain id, VMID; tag B: PASID, ASID). A global
 * entry matches any tag B.
 */
export class TranslationCache {
  /** After a hit: what was inserted. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  permissions = 0;
  attributes = 0;
  /** Index of the entry that hit, for {@link provenanceOf}. */
  index = -1;

  constructor(_options: TranslationCacheOptions) {
    throw new Error('not yet');
  }

  /**
   * Looks for a page of any size that holds `iova`. After true {@link paHi}, {@link paLo} are the address of the byte, not of the page.
   */
  lookup(_iovaHi: number, _iovaLo: number, _tagA: number, _tagB: number): boolean {
    throw new Error('not yet');
  }

  /**
   * Inserts a page, replacing the entry with the same page, size and tags if there is one.
   * @param permissions 8 bits, given back by look-ups
   * @param attributes 16 bits, given back by look-ups and tested by invalidations (kind of entry, level, memory type)
   * @param global matches any tag B
   * @returns index of the entry, -1 when the cache is off
   */
  insert(
    _iovaHi: number,
    _iovaLo: number,
    _pageShift: number,
    _tagA: number,
    _tagB: number,
    _paHi: number,
    _paLo: number,
    _permissions: number,
    _attributes: number,
    _global: boolean,
  ): number {
    throw new Error('not yet');
  }

  /** Notes where the entry at `index` came from; does nothing without `provenance`. */
  note(_index: number, _provenance: EntryProvenance): void {
    throw new Error('not yet');
  }

  /** What {@link note} kept, undefined without `provenance` or for an entry that is gone. */
  provenanceOf(_index: number): EntryProvenance | undefined {
    throw new Error('not yet');
  }

  /** Drops what the query matches. @returns how many entries */
  invalidate(_query: CacheQuery): number {
    throw new Error('not yet');
  }

  /** Drops everything and restarts replacement. @returns how many entries */
  clear(): number {
    throw new Error('not yet');
  }

  /** Entries in use. */
  get used(): number {
    throw new Error('not yet');
  }
}
