import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, hi32, iova, join64, lo32, physAddr, userAddr } from '../../src/index.js';

describe('addresses', () => {
  it.each([
    [0xffff_ffff_0000_0001n, -1, 1],
    [0x8000_0000n, 0, -0x8000_0000],
    [0x1_2345_6789_abcdn, 0x1_2345, 0x6789_abcd],
    [-2n, -1, -2],
    [0x7_0000_0001_8000_0000n << 32n, -0x8000_0000, 0],
  ])('0x%s splits into signed words', (value, hi, lo) => {
    expect([hi32(value), lo32(value)]).toEqual([hi, lo]);
  });

  it('comes back from its words, signed or unsigned', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
        expect(join64(hi32(value), lo32(value))).toBe(value);
        expect(join64(hi32(value) >>> 0, lo32(value) >>> 0)).toBe(value);
      }),
    );
  });

  it.each([iova, physAddr, userAddr])('refuse what is no unsigned 64-bit integer', (make) => {
    expect(make(2 ** 53 - 1)).toBe(0x1f_ffff_ffff_ffffn);
    expect(make(0xffff_ffff_ffff_ffffn)).toBe(0xffff_ffff_ffff_ffffn);
    for (const wrong of [-1, -1n, 1n << 64n, 0.5, 2 ** 53, Number.NaN]) expect(() => make(wrong)).toThrow(RangeError);
  });

  it('prints as hex', () => {
    expect([hex(0x1000n), hex(255)]).toEqual(['0x1000', '0xff']);
  });
});
