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
  /** What a hole is measured by before it is offered, see {@link roomBehind}. */
  readonly roomClass: number;
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
    this.roomClass = alignment < KEY_BYTES ? 0 : 32 - Math.clz32(alignment / KEY_BYTES);
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

/** Classes of {@link roomBehind}: any start, and starts at multiples of 4 KiB to 2 GiB. */
export const ROOM_CLASSES = 21;

/**
 * Bytes from the first place behind an area where a hole of this class may start to the area after it; not positive when that is
 * behind the hole. A hole with less room than a length surely cannot take it: without this measure, holes that are wide enough but
 * badly aligned would be tried one by one. Above 2^53 the result is rounded, which never changes an order.
 * @param roomClass 0: any start; n: a multiple of 2^(n - 1) key pages
 */
export function roomBehind(
  lastPage: number,
  lastByte: number,
  nextPage: number,
  nextByte: number,
  roomClass: number,
): number {
  if (roomClass === 0) return (nextPage - lastPage) * KEY_BYTES + (nextByte - lastByte - 1);
  const unit = 1 << (roomClass - 1);
  return (nextPage - Math.ceil((lastPage + 1) / unit) * unit) * KEY_BYTES + nextByte;
}
