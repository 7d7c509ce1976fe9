import { describe, expect, it } from 'vitest';
import { U64_MAX, type ReservedRegion } from '../../src/index.js';
import { codeOf, testTables, value } from './fixture.js';

const everything = [{ start: 0n, last: U64_MAX }];
const doorbells: ReservedRegion = { kind: 'msi', start: 0xfee0_0000n, last: 0xfeef_ffffn };
const window: ReservedRegion = { kind: 'sw-msi', start: 0x800_0000n, last: 0x80f_ffffn };

describe('reserve', () => {
  it('keeps clear of areas and allowed ranges, not of other reserved ranges', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: 4096n, iova: 0x4000n }));
    value(table.setAllowed([{ start: 0x8000n, last: 0x8fffn }]));
    expect(codeOf(table.reserve(0x4fffn, 0x5fffn, null))).toBe('RESERVE_OVER_AREA');
    expect(codeOf(table.reserve(0x8fffn, 0x9fffn, null))).toBe('RESERVE_OVER_ALLOWED');
    expect(codeOf(table.reserve(0x5000n, 0x6fffn, null))).toBe('ok');
    expect(codeOf(table.reserve(0x6000n, 0x7fffn, null))).toBe('ok');
  });
});

describe('the memory of ranges', () => {
  it('is charged while they are there, and a list that does not fit leaves the old one', () => {
    const { table: make, budget } = testTables();
    const table = make();
    const before = budget.used;
    value(table.reserve(0n, 0xfffn, null));
    value(table.setAllowed([{ start: 0x8000n, last: 0x8fffn }]));
    expect(budget.used - before).toBe(128);
    const filler = budget.limit - budget.used - 64;
    expect(budget.charge(filler)).toBe(true);
    const two = [
      { start: 0x1_0000n, last: 0x1_ffffn },
      { start: 0x3_0000n, last: 0x3_ffffn },
    ];
    expect(codeOf(table.setAllowed(two))).toBe('IOPT_OUT_OF_MEMORY');
    expect(codeOf(table.reserve(0x8000n, 0x8000n, null))).toBe('RESERVE_OVER_ALLOWED');
    budget.uncharge(filler);
    value(table.setAllowed(two));
    expect(budget.used - before).toBe(192);
    table.destroy();
    expect(budget.used).toBe(before);
  });
});

describe('setAllowed', () => {
  it('keeps the old list when the new one meets a reserved range', () => {
    const table = testTables().table();
    value(table.setAllowed([{ start: 0x8000n, last: 0x8fffn }]));
    value(table.reserve(0x2000n, 0x2fffn, null));
    const list = [
      { start: 0x1_0000n, last: 0x1_ffffn },
      { start: 0x2fffn, last: 0x3000n },
    ];
    expect(codeOf(table.setAllowed(list))).toBe('ALLOWED_OVER_RESERVED');
    expect(codeOf(table.reserve(0x8000n, 0x8000n, null))).toBe('RESERVE_OVER_ALLOWED');
    expect(codeOf(table.reserve(0x1_0000n, 0x1_0000n, null))).toBe('ok');
  });

  it('neither checks maps nor hinders fixed ones', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: 4096n, iova: 0x4000n }));
    value(table.setAllowed([{ start: 0x8000n, last: 0x8fffn }]));
    value(map(table, { length: 4096n, iova: 0xc000n }));
    expect(table.usableRanges()).toEqual(everything);
  });
});

describe('reserveDeviceRegions', () => {
  it('reserves all but relaxable regions and tells the software window', () => {
    const table = testTables().table();
    const device = {};
    const relaxable: ReservedRegion = { kind: 'direct-relaxable', start: 0x1000n, last: 0x1fffn };
    expect(value(table.reserveDeviceRegions(device, [relaxable, window]))).toEqual({ swMsi: window.start });
    expect(table.usableRanges()).toEqual([
      { start: 0n, last: window.start - 1n },
      { start: window.last + 1n, last: U64_MAX },
    ]);
    table.removeReserved(device);
    expect(table.usableRanges()).toEqual(everything);
    expect(value(table.reserveDeviceRegions(device, [doorbells]))).toEqual({ swMsi: undefined });
  });

  it.each([
    ['both kinds of windows', [doorbells, window]],
    ['two software windows', [window, { ...window, start: 0x1000n, last: 0x1fffn }]],
  ])('refuses %s and keeps nothing', (_name, regions) => {
    const table = testTables().table();
    expect(codeOf(table.reserveDeviceRegions({}, regions))).toBe('MSI_WINDOWS_CONFLICT');
    expect(table.usableRanges()).toEqual(everything);
  });

  it('keeps nothing of a device when a region meets an area', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: 4096n, iova: 0xfee0_1000n }));
    const reserved: ReservedRegion = { kind: 'reserved', start: 0x1000n, last: 0x1fffn };
    expect(table.reserveDeviceRegions({}, [reserved, doorbells])).toMatchObject({
      left: { code: 'RESERVE_OVER_AREA', errno: 'EADDRINUSE', facts: { areaStart: 0xfee0_1000n } },
    });
    expect(table.usableRanges()).toEqual(everything);
  });
});
