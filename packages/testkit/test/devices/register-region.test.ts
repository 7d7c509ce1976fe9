import { expect, it } from 'vitest';
import { registerRegion } from '../../src/index.js';

const stored: [number, bigint][] = [];
const region = registerRegion(0x100, {
  accepts: (offset, bytes) => bytes === 4 || (bytes === 8 && offset === 8),
  load: (offset) => (offset === 8 ? 0x1122_3344_5566_7788n : undefined),
  store: (offset, value) => void stored.push([offset, value]),
});

it.each([
  ['the low bytes of a register', 8, 4, '88776655'],
  ['a whole register', 8, 8, '8877665544332211'],
  ['ones where there is no register', 0, 4, 'ffffffff'],
  ['ones for a width that the device does not answer', 8, 2, 'ffff'],
])('reads %s', (_, offset, bytes, expected) => {
  const into = new Uint8Array(bytes);
  region.read(offset, into);
  expect(Buffer.from(into).toString('hex')).toBe(expected);
});

it('stores little endian, and nothing of the wrong width', () => {
  region.write(8, Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0x80));
  region.write(0, Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  region.write(0, Uint8Array.of(1));
  expect(stored).toEqual([
    [8, 0x8000_0000_0000_0201n],
    [0, 0xffff_ffffn],
  ]);
});
