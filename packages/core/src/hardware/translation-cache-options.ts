/** Size and behaviour of a `TranslationCache`. */
export interface TranslationCacheOptions {
  /** Number of entries, a power of two; 0: the cache is off and every look-up misses. */
  readonly entries: number;
  /** Entries of a set, a power of two. Default 4, at most `entries`. */
  readonly ways?: number;
  /** Which way of a full set goes: round robin by set (default), or pseudo-random from a seed. Both are deterministic. */
  readonly replacement?: 'round-robin' | { readonly seed: number };
  /** Room for 64 bits more per entry, see `TranslationCache.payload`. Default false. */
  readonly payload?: boolean;
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

/** Entries and ways of a cache. @throws RangeError when one of them is no power of two, or there are more than 256 ways */
export function cacheShape(options: TranslationCacheOptions): { readonly entries: number; readonly ways: number } {
  const { entries, ways = Math.min(4, Math.max(1, entries)) } = options;
  if (entries !== 0 && !isPowerOfTwo(entries)) throw new RangeError(`${entries} cache entries are no power of two`);
  if (!isPowerOfTwo(ways) || ways > Math.min(256, Math.max(1, entries)))
    throw new RangeError(`${ways} ways of ${entries} entries`);
  return { entries, ways };
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(value) && value > 0 && (value & (value - 1)) === 0;
