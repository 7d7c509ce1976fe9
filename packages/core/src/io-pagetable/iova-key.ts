import type { Range64 } from '../bits/index.js';

/*
 * A 64-bit IOVA does not fit a double, and a bigint per comparison is slow. Inside this room an IOVA is a pair: its 4 KiB page as a
 * double (below 2^52) and the byte within it (0..4095). The split is of the key only and has nothing to do with PAGE_SIZE.
 */

/** log2 of the bytes of a key page. */
const KEY_SHIFT = 12;
/** Bytes of a key page. */
export const KEY_BYTES = 4096;
/** Number of key pages: the first page number that no 64-bit address has. */
export const KEY_PAGES: number = 2 ** 52;

const EXACT = 1n << 53n;

/** Key page of a 64-bit value. */
export function pageOf(value: bigint): number {
  return value < EXACT ? Math.floor(Number(value) / KEY_BYTES) : Number(value >> 12n);
}

/** Byte within the key page of a 64-bit value. */
export function byteOf(value: bigint): number {
  return value < EXACT ? Number(value) & 4095 : Number(value & 4095n);
}

/** Value of a (page, byte) pair. */
export function joinKey(page: number, byte: number): bigint {
  return page < 2 ** 41 ? BigInt(page * KEY_BYTES + byte) : (BigInt(page) << 12n) | BigInt(byte);
}

/** Ranges as key pairs, four numbers each: start page, start byte, last page, last byte. */
export function rangeKeys(ranges: readonly Range64[]): Float64Array {
  return Float64Array.from(
    ranges.flatMap(({ start, last }) => [pageOf(start), byteOf(start), pageOf(last), byteOf(last)]),
  );
}

/** High int32 word of the address of a key page. */
export const pageHi = (page: number): number => Math.floor(page / 0x10_0000) | 0;
/** Low int32 word of the address of a byte in a key page. */
export const pageLo = (page: number, byte: number): number => (page << KEY_SHIFT) | byte;

/** Whether key a is below key b. */
export const isBefore = (aPage: number, aByte: number, bPage: number, bByte: number): boolean =>
  aPage !== bPage ? aPage < bPage : aByte < bByte;
