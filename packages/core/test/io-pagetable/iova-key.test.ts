import { describe, expect, it } from 'vitest';
import { byteOf, isBefore, joinKey, pageHi, pageLo, pageOf } from '../../src/io-pagetable/iova-key.js';

describe('IOVA keys', () => {
  it.each([
    0n,
    1n,
    0xfffn,
    0x1000n,
    0xffff_ffffn,
    (1n << 53n) - 1n,
    1n << 53n,
    (1n << 53n) + 1n,
    0xffff_ffff_ffff_ffffn,
  ])('splits and joins %s', (value) => {
    const page = pageOf(value);
    const byte = byteOf(value);
    expect(BigInt(page) * 4096n + BigInt(byte)).toBe(value);
    expect(joinKey(page, byte)).toBe(value);
    expect(BigInt(pageHi(page) >>> 0)).toBe(value >> 32n);
    expect(BigInt(pageLo(page, byte) >>> 0)).toBe(value & 0xffff_ffffn);
  });

  it('orders by page, then by byte', () => {
    expect([isBefore(1, 5, 2, 0), isBefore(1, 5, 1, 6), isBefore(1, 5, 1, 5), isBefore(2, 0, 1, 5)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
