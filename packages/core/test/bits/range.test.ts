import { describe, expect, it } from 'vitest';
import { rangeContains, rangesOverlap, U64_MAX } from '../../src/index.js';

const range = (start: bigint, last: bigint) => ({ start, last });

describe('Range64', () => {
  it.each([
    [range(0n, 9n), range(9n, 20n), true],
    [range(0n, 9n), range(10n, 20n), false],
    [range(0n, U64_MAX), range(U64_MAX, U64_MAX), true],
    [range(5n, 5n), range(0n, 10n), true],
  ])('%o and %o overlap: %s', (a, b, expected) => {
    expect([rangesOverlap(a, b), rangesOverlap(b, a)]).toEqual([expected, expected]);
  });

  it.each([
    [range(0n, U64_MAX), range(0n, U64_MAX), true],
    [range(1n, 9n), range(0n, 9n), false],
    [range(1n, 9n), range(1n, 10n), false],
    [range(1n, 9n), range(2n, 3n), true],
  ])('%o contains %o: %s', (outer, inner, expected) => expect(rangeContains(outer, inner)).toBe(expected));
});
