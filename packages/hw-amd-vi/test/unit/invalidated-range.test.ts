import fc from 'fast-check';
import { hi32, lo32 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { rangeOf, rangeOfBytes } from '../../src/unit/invalidated-range.js';

const EVERYTHING = { start: 0n, last: 0xffff_ffff_ffff_ffffn };
const range = (word: bigint) => rangeOfBytes(rangeOf(hi32(word), lo32(word)));

/** The rule of the fact sheet (section 4), in numbers: 2^(z + 1) bytes, z the lowest zero bit of (address | 0xFFF). */
function byTheBook(word: bigint): { start: bigint; last: bigint } {
  const address = word & ~0xfffn;
  if ((word & 1n) === 0n) return { start: address, last: address + 0xfffn };
  let zero = 12n;
  while (zero < 64n && ((address >> zero) & 1n) === 1n) zero++;
  if (zero >= 51n) return EVERYTHING;
  const bytes = 1n << (zero + 1n);
  return { start: address & ~(bytes - 1n), last: address | (bytes - 1n) };
}

describe('the range of an INVALIDATE command', () => {
  it.each([
    ['one page', 0x1234_5000n, 0x1234_5000n, 0x1234_5fffn],
    ['one page at the top', 0xffff_ffff_ffff_f000n, 0xffff_ffff_ffff_f000n, EVERYTHING.last],
    ['8 KiB', 0x1234_4001n, 0x1234_4000n, 0x1234_5fffn],
    ['64 KiB, as Linux writes it', 0x3100_7003n, 0x3100_0000n, 0x3100_ffffn],
    ['4 GiB', 0x5_7fff_f001n, 0x5_0000_0000n, 0x5_ffff_ffffn],
    ['8 GiB', 0x4_ffff_f001n, 0x4_0000_0000n, 0x5_ffff_ffffn],
    ['2^51 bytes', 0x0003_ffff_ffff_f001n, 0n, (1n << 51n) - 1n],
    ['2^52 bytes: everything', 0x0007_ffff_ffff_f001n, 0n, EVERYTHING.last],
    ['everything, as Linux writes it', 0x7fff_ffff_ffff_f003n, 0n, EVERYTHING.last],
    ['all ones', 0xffff_ffff_ffff_f001n, 0n, EVERYTHING.last],
  ])('%s', (_, word, start, last) => {
    expect(range(word)).toEqual({ start, last });
    expect(byTheBook(word)).toEqual({ start, last });
  });

  it('follows the rule for any address and size', () => {
    const address = fc.bigInt({ min: 0n, max: (1n << 52n) - 1n }).map((page) => page << 12n);
    const sized = fc
      .tuple(address, fc.integer({ min: 12, max: 63 }))
      .map(([at, ones]) => at | (((1n << BigInt(ones)) - 1n) & ~0xfffn));
    fc.assert(
      fc.property(fc.oneof(address, sized), fc.boolean(), (at, s) => {
        const word = at | (s ? 1n : 0n);
        expect(range(word)).toEqual(byTheBook(word));
      }),
      { numRuns: 400, seed: 0x5 },
    );
  });
});
