import { KEY_BYTES, KEY_PAGES } from './iova-key.js';

/**
 * Decides whether a hole can take an automatic IOVA, exactly as Linux does it: the hole's start is aligned up and the page offset of
 * the user address is OR-ed in (not added), so with an alignment below a page and an unaligned hole the result need not agree with
 * the user address modulo the page. A hole of exactly one usable byte is refused because Linux tests `start >= last`.
 *
 * Source: iopt_alloc_iova, Linux 6.12; specification sheet 3.4 steps 7 and 8.
 */
export class HoleTest {
  /** Bytes wanted, rounded to a double. Only for skipping holes that are surely too narrow. */
  readonly length: number;
  /** The IOVA found by the last {@link fits} that returned true. */
  page = 0;
  byte = 0;

  /**
   * @param spanPage length - 1 as a key pair
   * @param spanByte the same
   * @param alignment a power of two, bytes
   * @param pageOffset offset of the user address in its page of the machine, bytes
   */
  constructor(
    private readonly spanPage: number,
    private readonly spanByte: number,
    private readonly alignment: number,
    private readonly pageOffset: number,
  ) {
    this.length = spanPage * KEY_BYTES + (spanByte + 1);
  }

  /** True when `[start, last]` has room; then {@link page} and {@link byte} are the place. */
  fits(startPage: number, startByte: number, lastPage: number, lastByte: number): boolean {
    let page = startPage;
    let byte = startByte;
    if (this.alignment <= KEY_BYTES) {
      byte = (byte + this.alignment - 1) & -this.alignment;
      if (byte === KEY_BYTES) {
        page++;
        byte = 0;
      }
    } else {
      const pages = this.alignment / KEY_BYTES;
      page = Math.ceil((page + (byte === 0 ? 0 : 1)) / pages) * pages;
      byte = 0;
    }
    if (page >= KEY_PAGES) return false;
    byte |= this.pageOffset & (KEY_BYTES - 1);
    const highOffset = this.pageOffset >> 12;
    if (highOffset !== 0) page += highOffset & ~(page & 15);
    if (page > lastPage || (page === lastPage && byte >= lastByte)) return false;
    let roomPage = lastPage - page;
    let roomByte = lastByte - byte;
    if (roomByte < 0) {
      roomPage--;
      roomByte += KEY_BYTES;
    }
    if (roomPage < this.spanPage || (roomPage === this.spanPage && roomByte < this.spanByte)) return false;
    this.page = page;
    this.byte = byte;
    return true;
  }
}
