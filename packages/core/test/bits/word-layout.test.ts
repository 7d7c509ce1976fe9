import { describe, expect, it } from 'vitest';
import { wordLayout } from '../../src/index.js';

// Page-table entry of AMD's IOMMU, document 48882 section 2.2.3; the word is one that Linux writes for a 4 KiB page.
const pte = wordLayout('AMD PTE', 64, {
  iw: [62, 62],
  ir: [61, 61],
  fc: [60, 60],
  u: [59, 59],
  address: [51, 12],
  nextLevel: [11, 9],
  present: [0, 0],
});

describe('wordLayout', () => {
  it('cuts a word into the fields of the datasheet', () => {
    expect(pte.decode(0x7000_0001_2345_6001n)).toEqual({
      iw: 1n,
      ir: 1n,
      fc: 1n,
      u: 0n,
      address: 0x12_3456n,
      nextLevel: 0n,
      present: 1n,
    });
    expect(pte.get(0x0e00n, 'nextLevel')).toBe(7n);
  });

  it('builds a word from fields', () => {
    const word = pte.encode({ present: true, iw: 1, ir: 1n, address: 0x12_3456n });
    expect(word).toBe(0x6000_0001_2345_6001n);
    expect(() => pte.encode({ nextLevel: 8 })).toThrow(/AMD PTE.nextLevel: 8 does not fit/);
  });

  it('knows the bits of no field', () => {
    expect(pte.reserved).toBe(0x87f0_0000_0000_01fen);
    expect(pte.mask('address')).toBe(0x000f_ffff_ffff_f000n);
    expect(() => pte.mask('absent' as 'iw')).toThrow(/no field absent/);
  });

  it('refuses overlapping fields and fields outside the word', () => {
    expect(() => wordLayout('X', 32, { a: [3, 0], b: [4, 3] })).toThrow(/X.b: 4:3 overlaps/);
    expect(() => wordLayout('X', 32, { a: [32, 0] })).toThrow(/X.a: 32:0 is not inside 32 bits/);
    expect(() => wordLayout('X', 32, { a: [0, 1] })).toThrow(/not inside/);
  });
});
