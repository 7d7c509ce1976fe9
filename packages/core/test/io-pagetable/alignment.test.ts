import { describe, expect, it } from 'vitest';
import { FakeDomain } from './fake-domain.js';
import { codeOf, testTables, value } from './fixture.js';

const reader = { pinsPages: false, unmap: (): void => {} };
const pinner = { pinsPages: true, unmap: (): void => {} };

describe('IOVA alignment', () => {
  it('is the largest that domains, accesses and page mode ask for, and goes down with them', () => {
    const table = testTables().table();
    expect(table.iovaAlignment).toBe(1n);
    value(table.addAccess(reader));
    expect(table.iovaAlignment).toBe(1n);
    const domain = new FakeDomain();
    value(table.addDomain(domain));
    expect(table.iovaAlignment).toBe(2048n);
    value(table.addAccess(pinner));
    expect(table.iovaAlignment).toBe(4096n);
    table.removeAccess(pinner);
    expect(table.iovaAlignment).toBe(2048n);
    value(table.disableLargePages());
    expect([table.iovaAlignment, table.largePages, table.largePagesDisabled]).toEqual([4096n, false, true]);
    value(table.enableLargePages());
    expect([table.iovaAlignment, table.largePages]).toEqual([2048n, true]);
    table.removeDomain(domain);
    expect(table.iovaAlignment).toBe(1n);
  });

  it.each([
    ['IOVA', { length: 0x1000n, iova: 0x4800n }],
    ['length', { length: 0x800n, iova: 0x4000n }],
    ['user address', { offset: 0x800n, length: 0x1000n, iova: 0x4000n }],
  ])('does not rise over an area with an odd %s', (_name, part) => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, part));
    expect(codeOf(table.addAccess(pinner))).toBe('ALIGNMENT_IN_USE');
    expect(codeOf(table.disableLargePages())).toBe('ALIGNMENT_IN_USE');
    expect([table.largePages, table.iovaAlignment]).toEqual([true, 1n]);
    expect(codeOf(table.addAccess(reader))).toBe('ok');
  });

  it('keeps large pages once a domain and an area have met', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(table.addDomain(new FakeDomain()));
    value(map(table, { length: 4096n, iova: 0x4000n }));
    expect(codeOf(table.disableLargePages())).toBe('LARGE_PAGES_IN_USE');
    value(table.unmapAll());
    value(table.disableLargePages());
    value(map(table, { length: 4096n, iova: 0x4000n }));
    expect(codeOf(table.disableLargePages())).toBe('ok');
  });
});
