import { expect, it } from 'vitest';
import { read64, write64, type MmioWindow } from '../../src/index.js';

it('8-byte accesses put the low word at the lower offset', () => {
  const words = new Map<number, number>();
  const window: MmioWindow = {
    mmioBytes: 4096,
    read32: (offset) => words.get(offset) ?? 0,
    write32: () => expect.unreachable('an 8-byte store is one store'),
    write64: (offset, hi, lo) => void words.set(offset, lo).set(offset + 4, hi),
  };
  write64(window, 0x28, 0xfedc_ba98_7654_3210n);
  expect([...words]).toEqual([
    [0x28, 0x7654_3210],
    [0x2c, 0xfedc_ba98 | 0],
  ]);
  expect(read64(window, 0x28)).toBe(0xfedc_ba98_7654_3210n);
});
