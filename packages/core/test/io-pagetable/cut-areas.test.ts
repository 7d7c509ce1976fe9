import { describe, expect, it } from 'vitest';
import { FakeDomain } from './fake-domain.js';
import { codeOf, testTables, value } from './fixture.js';

const PAGE = 4096n;

describe('cut', () => {
  it('makes two areas that can be unmapped apart; pages stay pinned once', () => {
    const { table: make, map, space, budget } = testTables();
    const table = make();
    value(table.disableLargePages());
    const domain = new FakeDomain();
    value(table.addDomain(domain));
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    value(table.cut([0x5fffn, 0x4fffn]));
    expect([table.areaCount, space.pages.pinCount]).toEqual([3, 4]);
    expect(value(table.unmap(0x5000n, PAGE))).toBe(PAGE);
    expect([space.pages.pinCount, domain.pages.size, domain.violations.length]).toEqual([3, 6, 0]);
    expect(table.checkInvariants()).toEqual([]);
    value(table.unmapAll());
    expect([space.pages.pinCount, budget.used]).toEqual([0, 0]);
  });

  it('leaves holes, first bytes and last bytes alone', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    // The first byte: the kernel does not cut behind it, although that would be a cut.
    value(table.cut([0x3fffn, 0x4000n, 0x7fffn, 0x8000n]));
    expect(table.areaCount).toBe(1);
  });

  it('keeps the cuts in front of a refused one', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(table.disableLargePages());
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    expect(codeOf(table.cut([0x4fffn, 0x57ffn]))).toBe('CUT_UNALIGNED');
    expect(table.areaCount).toBe(2);
  });

  it('refuses where the second half would start at an odd byte of its pages', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { offset: 0x800n, length: 2n * PAGE, iova: 0x4000n }));
    value(table.addDomain(new FakeDomain()));
    expect(codeOf(table.cut([0x4bffn]))).toBe('CUT_UNALIGNED');
    expect(codeOf(table.cut([0x47ffn]))).toBe('CUT_LARGE_PAGES');
  });

  it('cuts between bytes without a domain', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { offset: 5n, length: 10n, iova: 3n }));
    value(table.cut([7n]));
    expect(value(table.unmap(8n, 5n))).toBe(5n);
    expect(value(table.unmap(3n, 5n))).toBe(5n);
  });

  it('needs memory for both halves', () => {
    const { table: make, map, budget } = testTables({ budget: 192 * 3 });
    const table = make();
    value(map(table, { length: 2n * PAGE, iova: 0x4000n }));
    const used = budget.used;
    expect(codeOf(table.cut([0x4fffn]))).toBe('IOPT_OUT_OF_MEMORY');
    expect([budget.used, table.areaCount]).toEqual([used, 1]);
  });
});
