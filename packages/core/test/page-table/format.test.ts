import { describe, expect, it } from 'vitest';
import { checkFormat, pageShiftsOf, TableRoot, type PageTableFormat } from '../../src/index.js';
import { amdV1, arm, everyFormat, vtdSecondStage } from './formats.js';

describe('checkFormat', () => {
  it.each(everyFormat.map(({ format }) => [format.name, format] as const))('accepts %s', (_name, format) => {
    expect(() => checkFormat(format)).not.toThrow();
  });

  const format = vtdSecondStage(4);
  const [lowest, second, ...others] = format.levels;
  if (lowest === undefined || second === undefined) throw new Error('no levels');
  it.each<readonly [string, Partial<PageTableFormat>]>([
    ['no levels', { levels: [] }],
    ['seven levels', { levels: [...format.levels, ...format.levels] }],
    ['a gap between levels', { levels: [lowest, ...others] }],
    ['a link at the lowest level', { levels: [{ ...lowest, table: second.table }, second, ...others] }],
    [
      'a kind in the high word',
      { levels: [lowest, { ...second, table: { mask: 1n << 40n, value: 0n, reserved: 0n } }, ...others] },
    ],
    [
      'a kind outside of its mask',
      { levels: [lowest, { ...second, table: { mask: 1n, value: 3n, reserved: 0n } }, ...others] },
    ],
    ['presence in the high word', { present: 1n << 63n }],
    ['pages below 2 KiB', { granuleShift: 10 }],
    ['tables below 4 KiB', { tableShift: 10 }],
    ['three pieces of an address', { address: [...format.address, ...format.address, ...format.address] }],
  ])('refuses %s by name', (_what, change) => {
    expect(() => checkFormat({ ...format, ...change })).toThrow(/VT-d second stage, 4 levels/);
  });
});

describe('pageShiftsOf', () => {
  it('lists plain sizes, runs and sizes in the address', () => {
    expect(pageShiftsOf(vtdSecondStage(4))).toEqual([12, 21, 30]);
    expect(pageShiftsOf(arm(1, 12))).toEqual([12, 16, 21, 25, 30, 34]);
    expect(pageShiftsOf(arm(2, 14))).toEqual([14, 21, 25, 30]);
    expect(pageShiftsOf(amdV1).slice(0, 20)).toEqual([...Array(20).keys()].map((index) => 12 + index));
  });
});

describe('TableRoot', () => {
  it('refuses levels and widths that do not fit the format', () => {
    const make = (levels: number, inputBits: number): TableRoot =>
      new TableRoot(arm(2, 12), { hi: 0, lo: 0, levels, inputBits });
    expect(() => make(5, 48)).toThrow(RangeError);
    expect(() => make(4, 39)).toThrow(RangeError);
    // Up to sixteen concatenated roots.
    expect(make(3, 43).indexMask).toBe(0x1fff);
    expect(() => make(3, 44)).toThrow(RangeError);
  });
});
