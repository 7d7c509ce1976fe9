import { describe, expect, it } from 'vitest';
import { chart } from '../src/chart.ts';
import { Rounds } from '../src/rounds.ts';
import { checkSums, valueText, verdicts } from '../src/verdicts.ts';

const measured = (natives: readonly { ns: Record<string, number>; sum: Record<string, string> }[]) => {
  const rounds = new Rounds();
  for (const ns of [5, 3, 4]) rounds.note('vtd-ss', { map4k_bulk: ns, dirty: ns / 2 });
  return { rounds, natives, sums: new Map([['vtd-ss walk_rand', 'ab']]) };
};
const native = { ns: { map4k_bulk: 2 }, sum: { walk_rand: 'ab' } };

describe('verdicts', () => {
  it('takes the median of the ratios of rounds, and absolute figures as they are', () => {
    const judged = verdicts(measured([native, native, native]));
    expect(judged.map(({ id, unit, value, met }) => ({ id, unit, value, met }))).toEqual([
      { id: 'P1', unit: 'vtd-ss', value: 2, met: true },
      { id: 'P14', unit: 'vtd-ss', value: 2, met: true },
    ]);
    expect(judged.map(valueText)).toEqual(['2.00x', '2.00 ns']);
    expect(judged[0]).toMatchObject({ ours: 4, native: 2, spread: 0.25 });
  });

  it('says that a ratio was not measured without a comparator', () => {
    const [bulk] = verdicts(measured([]));
    expect(bulk).toMatchObject({ value: null, met: false });
    expect(valueText(bulk!)).toBe('not measured');
    expect(chart([bulk!])).toContain('not measured');
  });

  it('names a workload with another check sum', () => {
    expect(checkSums(measured([native]))).toEqual([]);
    expect(checkSums(measured([{ ...native, sum: { walk_rand: 'cd' } }]))).toEqual([
      'vtd-ss walk_rand: check sum ab, radix.c has cd',
    ]);
  });
});
