/*
 * Page numbers as doubles: a 64-bit byte address does not fit one, its number of pages of at least 2 KiB does. The engine's general
 * paths count in pages of the format's granule (`shift` = its log2, 11 to 31), once per run of entries.
 */

/** Number of the page that holds an address given as int32 words. */
export const pageOf = (hi: number, lo: number, shift: number): number =>
  (hi >>> 0) * (1 << (32 - shift)) + (lo >>> shift);

/** High word (int32) of a page's first byte. */
export const pageHi = (page: number, shift: number): number => Math.floor(page / (1 << (32 - shift))) | 0;

/** Low word (int32) of a page's first byte. */
export const pageLo = (page: number, shift: number): number => (page * (1 << shift)) | 0;
