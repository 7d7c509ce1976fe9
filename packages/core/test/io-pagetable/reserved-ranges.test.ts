import { describe, expect, it } from 'vitest';
import { U64_MAX } from '../../src/index.js';
import { ReservedRanges } from '../../src/io-pagetable/reserved-ranges.js';

describe('ReservedRanges', () => {
  it('leaves everything when nothing is reserved', () => {
    expect(new ReservedRanges().holes()).toEqual([{ start: 0n, last: U64_MAX }]);
  });

  it('shows holes between ranges that may overlap, touch, or reach both ends', () => {
    const ranges = new ReservedRanges();
    ranges.add({ start: 0x8000n, last: U64_MAX, owner: null });
    ranges.add({ start: 0x2000n, last: 0x3fffn, owner: null });
    ranges.add({ start: 0x0n, last: 0xfffn, owner: null });
    ranges.add({ start: 0x3000n, last: 0x4fffn, owner: null });
    ranges.add({ start: 0x2800n, last: 0x28ffn, owner: null });
    expect(ranges.holes()).toEqual([
      { start: 0x1000n, last: 0x1fffn },
      { start: 0x5000n, last: 0x7fffn },
    ]);
    expect(ranges.firstIn(0x3800n, 0x3800n)?.start).toBe(0x2000n);
    expect(ranges.firstIn(0x5000n, 0x7fffn)).toBeUndefined();
  });

  it('gives back what one owner has and nothing else', () => {
    const [a, b] = [{}, {}];
    const ranges = new ReservedRanges();
    ranges.add({ start: 0x1000n, last: 0x1fffn, owner: a });
    ranges.add({ start: 0x1800n, last: 0x2fffn, owner: b });
    ranges.add({ start: 0x9000n, last: 0x9fffn, owner: a });
    expect(ranges.removeOwner(a)).toBe(2);
    expect([ranges.count, ranges.firstIn(0n, U64_MAX)?.owner]).toEqual([1, b]);
    expect(ranges.holes()).toHaveLength(2);
    expect(ranges.removeOwner(a)).toBe(0);
  });
});
