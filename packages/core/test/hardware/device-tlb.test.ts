import { describe, expect, it } from 'vitest';
import { DeviceTlb } from '../../src/hardware/device-tlb.js';
import { Access, Translation, UnitCounters, type TranslationUnit } from '../../src/hardware/translation-unit.js';

/** Translates everything to the next 4 GiB, read-only; notes what it was asked. */
function readOnlyUnit(): { unit: TranslationUnit; asked: [pasid: number, lo: number, access: number][] } {
  const asked: [number, number, number][] = [];
  const translation = new Translation();
  const unit: TranslationUnit = {
    translation,
    counters: new UnitCounters(),
    mmioBytes: 0,
    read32: () => 0,
    write32: () => undefined,
    write64: () => undefined,
    step: () => 0,
    reset: () => undefined,
    explain: () => {
      throw new Error('not asked');
    },
    translate: (_, pasid, hi, lo, access) => {
      asked.push([pasid, lo, access]);
      translation.paHi = hi + 1;
      translation.paLo = lo;
      translation.pageShift = 12;
      translation.permissions = Access.READ;
      return lo >>> 0 < 0x8000_0000;
    },
  };
  return { unit, asked };
}

const everything = { pasid: undefined, startHi: 0, startLo: 0, lastHi: -1, lastLo: -1 };

describe('DeviceTlb', () => {
  it('asks once for a page and answers its other bytes itself', () => {
    const { unit, asked } = readOnlyUnit();
    const tlb = new DeviceTlb(unit, 0x18);
    expect(tlb.translate(-1, 0, 0x5000, Access.READ)).toBe(true);
    expect(tlb.translate(-1, 0, 0x5abc, Access.READ)).toBe(true);
    expect([tlb.paHi, tlb.paLo]).toEqual([1, 0x5abc]);
    expect(asked).toEqual([[-1, 0x5000, Access.READ | Access.TRANSLATION_REQUEST]]);
  });

  it('does not use rights that it did not get, and asks again', () => {
    const { unit } = readOnlyUnit();
    const tlb = new DeviceTlb(unit, 0x18);
    tlb.translate(-1, 0, 0x5000, Access.READ);
    expect(tlb.translate(-1, 0, 0x5000, Access.WRITE)).toBe(false);
    expect(tlb.requests).toBe(2);
    expect(tlb.translate(-1, 0, 0x9000_0000 | 0, Access.READ), 'the unit refuses').toBe(false);
  });

  it('forgets what an invalidation names: a range of one PASID, or everything', () => {
    const { unit } = readOnlyUnit();
    const tlb = new DeviceTlb(unit, 0x18);
    for (const pasid of [-1, 7]) for (const lo of [0x5000, 0x6000]) tlb.translate(pasid, 0, lo, Access.READ);
    expect(tlb.invalidate({ pasid: 7, startHi: 0, startLo: 0x5000, lastHi: 0, lastLo: 0x5fff })).toBe(1);
    expect(tlb.used).toBe(3);
    expect(tlb.invalidate(everything)).toBe(3);
    tlb.translate(-1, 0, 0x5000, Access.READ);
    tlb.clear();
    expect(tlb.used).toBe(0);
  });
});
