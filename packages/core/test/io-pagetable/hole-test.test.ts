import { describe, expect, it } from 'vitest';
import { HoleTest } from '../../src/io-pagetable/hole-test.js';
import { byteOf, joinKey, pageOf } from '../../src/io-pagetable/iova-key.js';

function place(start: bigint, last: bigint, length: bigint, alignment: number, offset: number): bigint | null {
  const test = new HoleTest(pageOf(length - 1n), byteOf(length - 1n), alignment, offset);
  return test.fits(pageOf(start), byteOf(start), pageOf(last), byteOf(last)) ? joinKey(test.page, test.byte) : null;
}

describe('HoleTest', () => {
  it('aligns the start up and takes a hole that fits to the byte', () => {
    expect(place(0x1001n, 0x2fffn, 0x1000n, 0x1000, 0)).toBe(0x2000n);
    expect(place(0x1001n, 0x2ffen, 0x1000n, 0x1000, 0)).toBeNull();
    expect(place(0x1000n, 0x3f_ffffn, 0x20_0000n, 0x20_0000, 0)).toBe(0x20_0000n);
  });

  it('refuses a hole of one byte even for one byte, because the kernel tests start >= last', () => {
    expect(place(0x5000n, 0x5000n, 1n, 1, 0)).toBeNull();
    expect(place(0x5000n, 0x5001n, 1n, 1, 0)).toBe(0x5000n);
  });

  it('ORs the page offset in: below a page of alignment the place need not have that offset', () => {
    // The hole starts at 0x...300; alignment 0x100 leaves it there, and 0x300 | 0x500 is 0x700, not 0x500.
    expect(place(0x1300n, 0x8fffn, 0x100n, 0x100, 0x500)).toBe(0x1700n);
    expect(place(0x1000n, 0x8fffn, 0x100n, 0x100, 0x500)).toBe(0x1500n);
  });

  it('keeps an offset above 4 KiB of a larger page', () => {
    expect(place(0x1_0000n, 0x9_ffffn, 0x1000n, 0x1000, 0x3000)).toBe(0x1_3000n);
    expect(place(0x1_1000n, 0x9_ffffn, 0x1000n, 0x1000, 0x3000)).toBe(0x1_3000n);
  });

  it('does not wrap at the top', () => {
    expect(place(0xffff_ffff_ffff_f001n, 0xffff_ffff_ffff_ffffn, 1n, 0x1000, 0)).toBeNull();
    expect(place(0xffff_ffff_ffff_0000n, 0xffff_ffff_ffff_ffffn, 0x1000n, 0x1000, 0)).toBe(0xffff_ffff_ffff_0000n);
  });
});
