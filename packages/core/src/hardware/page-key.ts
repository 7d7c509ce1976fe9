import type { CacheQuery } from './cache-query.js';

/*
 * How a TranslationCache names a page of 2^shift bytes, for shifts of 11 to 63: the low word of its page number, and a key with the rest
 * of the number, the shift and a bit that makes it non-zero.
 */

/** Bit of a key at which the page number goes on. */
const KEY_PAGE = 7;

/** The page shift that a key says. */
export const keyShift = (key: number): number => (key >>> 1) & 0x3f;

/** The whole page number of an entry: it fits a double. */
const keyPage = (page: number, key: number): number => (key >>> KEY_PAGE) * 0x1_0000_0000 + (page >>> 0);

const pageNumber = (hi: number, lo: number, shift: number): number =>
  shift >= 32 ? hi >>> (shift - 32) : (hi >>> shift) * 0x1_0000_0000 + (((lo >>> shift) | (hi << (32 - shift))) >>> 0);

/** How many pages of a size the query's range touches. */
export const pageCount = (query: CacheQuery, shift: number): number =>
  pageNumber(query.lastHi, query.lastLo, shift) - pageNumber(query.startHi, query.startLo, shift) + 1;

/** Whether the page is in the query's range. Page numbers of the entry's own size compare without carries. */
export const isInRange = (query: CacheQuery, page: number, key: number): boolean => {
  const shift = keyShift(key);
  const number = keyPage(page, key);
  return (
    pageNumber(query.startHi, query.startLo, shift) <= number && number <= pageNumber(query.lastHi, query.lastLo, shift)
  );
};
