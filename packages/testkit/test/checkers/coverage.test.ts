import { describe, expect, it } from 'vitest';
import type { CacheFill, UnitInvalidation } from '@ioasis/core';
import { mismatches } from '../../src/checkers/coverage.js';

const entry: CacheFill = {
  cache: 'iotlb',
  requesterId: 8,
  pasid: -1,
  tags: { domain: 3, pasid: 5 },
  range: { start: 0x1000n, last: 0x1fffn },
  pa: 0x9000n,
};
const asking = (change: Partial<UnitInvalidation>): UnitInvalidation => ({
  command: 'test',
  caches: ['iotlb', 'paging-structure'],
  tags: {},
  range: undefined,
  dropped: 0,
  ...change,
});

describe('an invalidation drops an entry', () => {
  it.each<[string, Partial<CacheFill>, Partial<UnitInvalidation>]>([
    ['when it names everything', {}, {}],
    ['when all tags that it names are the entry’s', {}, { tags: { domain: 3 } }],
    ['when the entry has any value of a tag', { tags: { domain: 3 } }, { tags: { domain: 3, pasid: 7 } }],
    ['from the first byte of its range', {}, { range: { start: 0x1fffn, last: 0x8fffn } }],
    ['to the last byte of its range', {}, { range: { start: 0n, last: 0x1000n } }],
    ['when the entry has no range', { range: undefined }, { range: { start: 0n, last: 0n } }],
  ])('%s', (_, ofEntry, asked) => {
    expect(mismatches({ ...entry, ...ofEntry }, asking(asked))).toEqual([]);
  });
});

describe('an invalidation leaves an entry alone', () => {
  it.each<[string, Partial<UnitInvalidation>, object]>([
    ['of a cache that it does not name', { caches: ['structure'] }, { what: 'cache', entry: 'iotlb' }],
    ['of another tag', { tags: { domain: 4 } }, { what: 'tag', tag: 'domain', entry: 3, asked: 4 }],
    ['behind its range', { range: { start: 0n, last: 0xfffn } }, { what: 'range' }],
    ['in front of its range', { range: { start: 0x2000n, last: 0x2fffn } }, { what: 'range' }],
  ])('%s', (_, asked, expected) => {
    expect(mismatches(entry, asking(asked))).toMatchObject([expected]);
  });

  it('for all reasons at once', () => {
    const asked = asking({ caches: [], tags: { domain: 4, pasid: 6 }, range: { start: 0n, last: 0n } });
    expect(mismatches(entry, asked).map(({ what }) => what)).toEqual(['cache', 'tag', 'tag', 'range']);
  });
});
