import { describe, expect, it } from 'vitest';
import { Translation, UnitCounters } from '../../src/index.js';

describe('Translation', () => {
  it('keeps size and rights in one word without mixing them', () => {
    const translation = new Translation();
    expect([translation.pageShift, translation.permissions]).toEqual([12, 0]);
    translation.permissions = 7;
    translation.pageShift = 48;
    expect([translation.pageShift, translation.permissions]).toEqual([48, 7]);
    translation.permissions &= ~2;
    expect([translation.pageShift, translation.permissions]).toEqual([48, 5]);
    expect(translation.sizeAndRights).toBe((48 << 8) | 5);
  });
});

describe('UnitCounters', () => {
  it('counts a repeated hit as a translation and as a hit', () => {
    const counters = new UnitCounters();
    counters.translations++;
    counters.repeatedHits++;
    counters.repeatedHits++;
    counters.iotlbHits++;
    counters.translations += 2;
    expect([counters.translations, counters.iotlbHits, counters.repeatedHits]).toEqual([5, 3, 2]);
  });
});
