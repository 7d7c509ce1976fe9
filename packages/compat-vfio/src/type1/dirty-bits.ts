import type { AddressSpace } from '@ioasis/core';

/** Most pages of one tracked mapping and of one bitmap: 2^31 - 1 bits, so 256 MiB. */
export const BITMAP_PAGES_MAX = 0x7fff_ffffn;
/** Most bytes of a bitmap that a program may give, and what the capability MIGRATION says. */
export const BITMAP_BYTES_MAX: bigint = bitmapBytes(BITMAP_PAGES_MAX);

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Bytes of a bitmap of `pages` bits: whole 8-byte words. */
export function bitmapBytes(pages: bigint): bigint {
  return ((pages + 63n) / 64n) * 8n;
}

/** Whether a program's bitmap is large enough for its range and not too large (`verify_bitmap_size`). */
export const bitmapSizeValid = (pages: bigint, bytes: bigint): boolean =>
  pages !== 0n && bytes !== 0n && bytes <= BITMAP_BYTES_MAX && bytes >= bitmapBytes(pages);

/**
 * The dirty pages of one mapping, one bit each, as Linux keeps them: with a spare word behind the last page, because the bits are shifted
 * in place when they are handed out at an odd position. Bits that got behind the last page that way stay there and are handed out with
 * the next bitmap: recordings of a real kernel show them (device/type1-vtd-aw39, dev/group/type1v2).
 */
export class DirtyBits {
  readonly #words: BigUint64Array;
  readonly #pages: number;

  constructor(pages: number) {
    this.#pages = pages;
    this.#words = new BigUint64Array(Math.ceil(pages / 64) + 1);
  }

  /** Marks every page. */
  setAll(): void {
    this.#fill(true);
  }

  /** Forgets every page; bits behind the last page stay. */
  clearPages(): void {
    this.#fill(false);
  }

  /**
   * Hands the bits out into a program's bitmap at bit `bitOffset` (`update_user_bitmap`): whole words are written, and what the first word
   * held before is kept.
   * @param at address of the program's bitmap
   * @returns false when the program's bitmap cannot be read or written
   */
  copyOut(space: AddressSpace, at: bigint, bitOffset: number): boolean {
    const shift = bitOffset % 64;
    const firstWord = at + BigInt(Math.floor(bitOffset / 64) * 8);
    const count = Math.ceil((this.#pages + shift) / 64);
    if (shift > 0) {
      this.#shiftLeft(BigInt(shift), count);
      const before = new BigUint64Array(1);
      if (space.copyIn(firstWord, new Uint8Array(before.buffer)) < 8) return false;
      this.#words[0] = (this.#words[0] ?? 0n) | (before[0] ?? 0n);
    }
    const bytes = new Uint8Array(this.#words.buffer, 0, count * 8);
    return space.copyOut(firstWord, bytes) === bytes.length;
  }

  #shiftLeft(shift: bigint, count: number): void {
    for (let at = count - 1; at >= 0; at--) {
      const carried = at > 0 ? (this.#words[at - 1] ?? 0n) >> (64n - shift) : 0n;
      this.#words[at] = BigInt.asUintN(64, (this.#words[at] ?? 0n) << shift) | carried;
    }
  }

  #fill(value: boolean): void {
    const whole = Math.floor(this.#pages / 64);
    this.#words.fill(value ? ALL_ONES : 0n, 0, whole);
    const rest = (1n << BigInt(this.#pages % 64)) - 1n;
    const word = this.#words[whole] ?? 0n;
    this.#words[whole] = value ? word | rest : word & ~rest & ALL_ONES;
  }
}
