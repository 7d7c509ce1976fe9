import { describe, expect, it } from 'vitest';
import { Prot, U64_MAX } from '../../src/index.js';
import { FakeDomain } from './fake-domain.js';
import { codeOf, READ_ONLY, RW, testTables, value } from './fixture.js';

const PAGE = 4096n;

describe('slices', () => {
  it('refuses nothing, too much, and holes', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: PAGE, iova: 0x4000n }));
    value(map(table, { length: PAGE, iova: 0x6000n }));
    expect(codeOf(table.slices(0x4000n, 0n))).toBe('COPY_LENGTH_ZERO');
    expect(codeOf(table.slices(0x4000n, U64_MAX))).toBe('COPY_RANGE_OVERFLOW');
    expect(table.slices(0x4000n, 3n * PAGE)).toMatchObject({ left: { errno: 'ENOENT', facts: { hole: 0x5000n } } });
    expect(codeOf(table.slices(0x4000n, PAGE + 1n))).toBe('COPY_SOURCE_HOLE');
  });

  it('shares pins and charges between tables, and the pages outlive their first map', () => {
    const { table: make, map, space, budget } = testTables();
    const [source, target] = [make(), make()];
    const domains = [new FakeDomain(), new FakeDomain()];
    value(source.addDomain(domains[0]!));
    value(target.addDomain(domains[1]!));
    value(map(source, { length: 2n * PAGE, iova: 0x4000n }));
    value(map(source, { offset: 0x8000n, length: 2n * PAGE, iova: 0x6000n }));
    expect(space.pages.pinCount).toBe(4);
    const slices = value(source.slices(0x4800n, 3n * PAGE));
    value(target.mapSlices(slices, 3n * PAGE, 0x10_0800n, RW));
    expect([target.areaCount, space.pages.pinCount, space.user.lockedPages]).toEqual([2, 4, 4]);
    for (let at = 0n; at < 3n * PAGE; at += 2048n) {
      expect(domains[1]!.pages.get(0x10_0800n + at)?.pa).toBe(domains[0]!.pages.get(0x4800n + at)?.pa);
    }
    value(source.unmapAll());
    expect([space.pages.pinCount, domains[1]!.pages.size]).toEqual([4, 6]);
    value(target.unmapAll());
    expect([space.pages.pinCount, space.user.lockedPages, budget.used]).toEqual([0, 0, 0]);
    expect(domains.flatMap(({ violations }) => violations)).toEqual([]);
  });

  it('passes prot on and keeps write permission away from read-only copies', () => {
    const { table: make, map } = testTables();
    const [source, target] = [make(), make()];
    value(map(source, { length: 2n * PAGE, iova: 0x4000n, prot: READ_ONLY }));
    const slices = value(source.slices(0x4000n, 2n * PAGE));
    expect(codeOf(target.mapSlices(slices, 2n * PAGE, 0x8000n, RW))).toBe('MAP_PAGES_READ_ONLY');
    expect(value(target.mapSlices(slices, 2n * PAGE, 0x8000n, Prot.READ))).toBe(0x8000n);
  });
});
