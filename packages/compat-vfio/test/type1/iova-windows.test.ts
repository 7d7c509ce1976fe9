import { describe, expect, it } from 'vitest';
import {
  apertureConflicts,
  commonAperture,
  cutToAperture,
  excludeReserved,
  reservedConflicts,
  windowsAllow,
} from '../../src/type1/iova-windows.js';

const MSI = { start: 0xfee0_0000n, last: 0xfeef_ffffn, kind: 'msi' } as const;
const APERTURE_39 = { start: 0n, last: 0x7f_ffff_ffffn };
const nothing = (): boolean => false;

describe('usable IOVAs of a classic container', () => {
  it('are what the recording of a 39-bit VT-d shows: the aperture around the MSI window', () => {
    // device/type1-vtd-aw39, dev/group/type1v2, GET_INFO.
    expect(excludeReserved(cutToAperture([], APERTURE_39), [MSI])).toEqual([
      { start: 0n, last: 0xfedf_ffffn },
      { start: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
    ]);
  });

  it('allow everything while there is no list', () => {
    expect(windowsAllow([], 0n, 0xffff_ffff_ffff_ffffn)).toBe(true);
  });

  it('do not allow a range that spans two windows', () => {
    const windows = excludeReserved([APERTURE_39], [MSI]);
    expect(windowsAllow(windows, 0xfed0_0000n, 0xfedf_ffffn)).toBe(true);
    expect(windowsAllow(windows, 0xfedf_0000n, 0xfef0_0fffn)).toBe(false);
  });

  it('keep relaxable direct regions', () => {
    expect(excludeReserved([APERTURE_39], [{ ...MSI, kind: 'direct-relaxable' }])).toEqual([APERTURE_39]);
  });

  it('vanish when a region takes all', () => {
    expect(excludeReserved([MSI], [{ ...APERTURE_39, kind: 'reserved' }])).toEqual([]);
  });

  it('shrink to a smaller aperture and drop what lies outside', () => {
    const windows = excludeReserved([APERTURE_39], [MSI]);
    expect(cutToAperture(windows, { start: 0x1000n, last: 0xffff_ffffn })).toEqual([
      { start: 0x1000n, last: 0xfedf_ffffn },
      { start: 0xfef0_0000n, last: 0xffff_ffffn },
    ]);
    expect(cutToAperture(windows, { start: 0n, last: 0xffffn })).toEqual([{ start: 0n, last: 0xffffn }]);
  });

  it('refuse an aperture apart from theirs, or one that a mapping sticks out of', () => {
    expect(apertureConflicts([], { start: 5n, last: 6n }, () => true)).toBe(false);
    expect(apertureConflicts([APERTURE_39], { start: 1n << 40n, last: 1n << 41n }, nothing)).toBe(true);
    const asked: [bigint, bigint][] = [];
    const record = (start: bigint, bytes: bigint): boolean => asked.push([start, bytes]) < 0;
    expect(apertureConflicts([APERTURE_39], { start: 0x1000n, last: 0xffffn }, record)).toBe(false);
    expect(asked).toEqual([
      [0n, 0x1000n],
      [0x1_0000n, 0x7f_ffff_0000n],
    ]);
  });

  it('refuse a group whose reserved region is mapped', () => {
    expect(reservedConflicts([MSI], (start, bytes) => start === MSI.start && bytes === 0x10_0000n)).toBe(true);
    expect(reservedConflicts([{ ...MSI, kind: 'direct-relaxable' }], () => true)).toBe(false);
  });

  it('grow back to what the remaining apertures share', () => {
    expect(commonAperture([])).toEqual({ start: 0n, last: 0xffff_ffff_ffff_ffffn });
    expect(commonAperture([APERTURE_39, { start: 0x1000n, last: 0xffff_ffff_ffffn }])).toEqual({
      start: 0x1000n,
      last: 0x7f_ffff_ffffn,
    });
  });
});
