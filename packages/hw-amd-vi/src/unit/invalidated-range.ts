import { join64, type Range64 } from '@ioasis/core';

/** Bytes that an INVALIDATE command names, inclusive. */
export interface InvalidatedRange {
  readonly startHi: number;
  readonly startLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
}

/**
 * Range of an INVALIDATE command (48882 2.4.3): S = 0 is one 4 KiB page; S = 1 is 2^(z + 1) bytes, z being the lowest zero bit of the
 * address with its low twelve bits set; from bit 51 on it is everything.
 * @param hi, lo upper command word: address [63:12], S in bit 0
 */
export function rangeOf(hi: number, lo: number): InvalidatedRange {
  const isSized = (lo & 1) !== 0;
  if (!isSized) return { startHi: hi, startLo: lo & ~0xfff, lastHi: hi, lastLo: lo | 0xfff };
  const ones = lo | 0xfff;
  if (ones !== -1) {
    // The zero bit and all below it are inside the range: x | (x + 1) sets the lowest zero.
    const covered = (ones ^ (ones + 1)) | 0;
    return { startHi: hi, startLo: ones & ~covered, lastHi: hi, lastLo: ones | covered };
  }
  const covered = hi ^ (hi + 1);
  // Bit 51 is bit 19 of the high word.
  if (hi === -1 || (covered & ~0xf_ffff) !== 0 || covered === 0xf_ffff)
    return { startHi: 0, startLo: 0, lastHi: -1, lastLo: -1 };
  return { startHi: hi & ~covered, startLo: 0, lastHi: hi | covered, lastLo: -1 };
}

/** The same as one range of addresses. */
export const rangeOfBytes = ({ startHi, startLo, lastHi, lastLo }: InvalidatedRange): Range64 => ({
  start: join64(startHi, startLo),
  last: join64(lastHi, lastLo),
});
