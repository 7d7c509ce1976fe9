import { describe, expect, it } from 'vitest';
import { judge, median, spread } from '../src/goals.ts';

describe('goals', () => {
  it('takes the middle of the rounds, the lower one of two', () => {
    expect(median([5, 1, 9])).toBe(5);
    expect(median([4, 1, 9, 5])).toBe(4);
    expect(spread([1, 2, 3])).toBe(0.5);
  });

  it('meets a goal at its limit, and never without a value', () => {
    expect(judge('P1', 'vtd-ss', 2.5, 2.5)).toEqual({ id: 'P1', unit: 'vtd-ss', value: 2.5, goal: 2.5, met: true });
    expect(judge('P1', 'vtd-ss', 2.5004, 2.5).met).toBe(false);
    expect(judge('P6', 'vtd', null, 4.5)).toEqual({ id: 'P6', unit: 'vtd', value: null, goal: 4.5, met: false });
  });
});
