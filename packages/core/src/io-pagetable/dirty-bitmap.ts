import type { DirtySink } from '../domain/index.js';
import { FRAME_BYTES, FRAME_SHIFT, frameHi, frameLo, type AddressSpace } from '../memory/index.js';

/** Pages of a bitmap that are pinned at once: as many pointers as a page has room for. */
const POINTER_BYTES = 8;

/**
 * The bitmap of the user that dirty IO pages are noted in (Linux: `struct iova_bitmap`). Its pages are pinned a window at a time; bits
 * are only ever set. What cannot be pinned is skipped without an error.
 *
 * As in Linux a large IO page that reaches beyond the range sets bits behind the bitmap's end up to the end of the pinned page.
 */
export class DirtyBitmap implements DirtySink {
  readonly #space: AddressSpace;
  readonly #iovaHi: number;
  readonly #iovaLo: number;
  /** Bytes of IOVA per bit. */
  readonly #bitBytes: number;
  /** User address of bit 0. */
  readonly #address: bigint;
  /** Bytes that the bitmap has. */
  readonly #total: number;
  readonly #frames: Float64Array;
  #pinned = 0;
  /** First byte of the bitmap that the window holds, and where it is in the first pinned page. */
  #base = 0;
  #offset = 0;
  /** Bits of the bitmap that the window covers: `[first, end)`. */
  #windowFirst = 0;
  #windowEnd = 0;

  /** @param address user address of the bit of `iova` */
  constructor(space: AddressSpace, iova: bigint, last: bigint, pageSize: bigint, address: bigint) {
    this.#space = space;
    this.#iovaHi = Number(iova >> 32n) | 0;
    this.#iovaLo = Number(iova & 0xffff_ffffn) | 0;
    this.#bitBytes = Number(pageSize & -pageSize);
    this.#address = address;
    this.#total = Math.floor(Number((last - iova) / (pageSize & -pageSize)) / 8) + 1;
    this.#frames = new Float64Array(space.pageSize / POINTER_BYTES);
  }

  mark(iovaHi: number, iovaLo: number, bytes: number): void {
    const distance = ((iovaHi - this.#iovaHi) >>> 0) * 0x1_0000_0000 + ((iovaLo >>> 0) - (this.#iovaLo >>> 0));
    let bit = Math.floor(distance / this.#bitBytes);
    const last = Math.floor((distance + bytes - 1) / this.#bitBytes);
    while (bit <= last) {
      if ((bit < this.#windowFirst || last >= this.#windowEnd) && !this.#advance(Math.floor(bit / 8))) return;
      const room = this.#lastPinnedBit();
      // The window did not reach the bit: the rest of the pages cannot be pinned.
      if (room < bit) return;
      const end = Math.min(last, room);
      this.#set(bit, end);
      bit = end + 1;
    }
  }

  /** Unpins the window. */
  close(): void {
    this.#space.unpinPages(this.#frames, 0, this.#pinned);
    this.#pinned = 0;
    this.#windowEnd = 0;
  }

  /** Pins the pages from byte `base` of the bitmap on; false outside of it and where nothing can be pinned. */
  #advance(base: number): boolean {
    if (base < 0 || base >= this.#total) return false;
    this.close();
    const { pageSize } = this.#space;
    const address = this.#address + BigInt(base);
    if (address >> 64n !== 0n) return false;
    this.#base = base;
    this.#offset = Number(address % BigInt(pageSize));
    const wanted = Math.ceil((this.#total - base) / pageSize) + (this.#offset === 0 ? 0 : 1);
    const count = Math.min(wanted, this.#frames.length);
    this.#pinned = this.#space.pinPages(Number(address / BigInt(pageSize)), count, true, this.#frames, 0);
    this.#windowFirst = base * 8;
    this.#windowEnd = Math.min(this.#total, base + this.#pinned * pageSize - this.#offset) * 8;
    return this.#pinned > 0;
  }

  #lastPinnedBit(): number {
    return (this.#base + this.#pinned * this.#space.pageSize - this.#offset) * 8 - 1;
  }

  #set(first: number, last: number): void {
    for (let byte = Math.floor(first / 8); byte * 8 <= last; byte++) {
      const low = Math.max(first - byte * 8, 0);
      const high = Math.min(last - byte * 8, 7);
      this.#or(byte, ((1 << (high - low + 1)) - 1) << low);
    }
  }

  #or(byte: number, bits: number): void {
    const { pages, pageSize } = this.#space;
    const at = byte - this.#base + this.#offset;
    const frame = this.#frames[Math.floor(at / pageSize)]!;
    const inPage = at % pageSize;
    const target = frame + (inPage >>> FRAME_SHIFT);
    const lo = frameLo(target) | (inPage & (FRAME_BYTES - 1) & ~3);
    const { memory } = pages;
    memory.store32(frameHi(target), lo, memory.load32(frameHi(target), lo) | (bits << ((inPage & 3) * 8)));
  }
}
