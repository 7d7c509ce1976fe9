import { describe, expect, it } from 'vitest';
import { U64_MAX } from '../../src/index.js';
import { FakeDomain } from './fake-domain.js';
import { BUFFER, codeOf, READ_ONLY, RW, testTables, value } from './fixture.js';

const PAGE = 4096n;

describe('map', () => {
  it('maps a fixed IOVA and answers it', () => {
    const { table: make, map } = testTables();
    const table = make();
    expect(value(map(table, { length: 3n * PAGE, iova: 0x5_0000n }))).toBe(0x5_0000n);
    expect(table.areaCount).toBe(1);
    expect(table.iovaByArea(0x10_0000_0000n)).toBe(0x5_0010n);
    expect(table.iovaByArea(1n)).toBe(0n);
  });

  it('takes single bytes while nothing asks for more', () => {
    const { table: make, map } = testTables();
    const table = make();
    expect(value(map(table, { offset: 3n, length: 1n, iova: 7n }))).toBe(7n);
    expect(value(map(table, { offset: 9n, length: 1n, iova: 8n }))).toBe(8n);
    expect(value(table.unmap(7n, 2n))).toBe(2n);
  });

  it('reaches the last byte of the IOVA space', () => {
    const { table: make, map } = testTables();
    const table = make();
    expect(value(map(table, { length: PAGE, iova: U64_MAX - PAGE + 1n }))).toBe(U64_MAX - PAGE + 1n);
    expect(codeOf(map(table, { length: PAGE, iova: U64_MAX }))).toBe('MAP_IOVA_OVERFLOW');
    expect(value(table.unmapAll())).toBe(PAGE);
  });

  it.each([
    ['no length', { length: 0n, iova: 1n }, 'MAP_LENGTH_ZERO'],
    ['a length that leaves no page', { length: U64_MAX - PAGE + 1n, iova: 1n }, 'MAP_LENGTH_TOO_LARGE'],
    [
      'user memory over the end, counted exclusively',
      { offset: U64_MAX - BUFFER - PAGE, length: PAGE + 1n, iova: 1n },
      'MAP_USER_RANGE_OVERFLOW',
    ],
    ['an odd length', { length: PAGE + 1n, iova: 1n }, 'MAP_LENGTH_UNALIGNED'],
    ['an odd IOVA', { length: PAGE, iova: 0x801n }, 'MAP_IOVA_UNALIGNED'],
    ['an odd IOVA before an overflow', { length: PAGE, iova: U64_MAX }, 'MAP_IOVA_UNALIGNED'],
    ['an overflow before the reserved end', { length: PAGE * 2n, iova: U64_MAX - PAGE + 1n }, 'MAP_IOVA_OVERFLOW'],
    ['reserved before occupied', { length: 0x10_0000n, iova: 0x100_0000n - PAGE }, 'MAP_IOVA_RESERVED'],
    ['occupied before an odd user address', { offset: 1n, length: PAGE, iova: 0x100_0800n }, 'MAP_IOVA_OCCUPIED'],
    ['an odd user address', { offset: 1n, length: PAGE, iova: 0x200_0000n }, 'MAP_USER_ADDRESS_UNALIGNED'],
    ['an automatic IOVA for an odd user address', { offset: 1n, length: PAGE }, 'AUTO_ALIGNMENT_TOO_SMALL'],
    ['memory that is not there', { offset: 0x1000_0000n, length: PAGE, iova: 0x200_0000n }, 'PIN_FAULT'],
    ['a page at the end that is not there', { offset: 63n * PAGE, length: PAGE * 2n, iova: 0x200_0000n }, 'PIN_FAULT'],
  ])('refuses %s', (_name, part, code) => {
    const { table: make, map, space, budget } = testTables();
    const table = make();
    const domain = new FakeDomain({ aperture: { start: 0x100_0000n, last: 0x7fff_ffffn } });
    value(table.addDomain(domain));
    value(map(table, { length: PAGE, iova: 0x100_0000n }));
    const before = [budget.used, space.pages.pinCount, domain.pages.size];
    expect(codeOf(map(table, part))).toBe(code);
    expect([budget.used, space.pages.pinCount, domain.pages.size]).toEqual(before);
    expect([table.checkInvariants(), domain.violations]).toEqual([[], []]);
  });

  it('says what blocks it', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(table.reserve(0x8000n, 0x8fffn, null));
    value(map(table, { length: PAGE, iova: 0x4000n }));
    expect(map(table, { length: 0x5000n, iova: 0x4000n })).toMatchObject({
      left: { errno: 'EINVAL', facts: { reservedStart: 0x8000n, reservedLast: 0x8fffn } },
    });
    expect(map(table, { length: PAGE, iova: 0x4800n })).toMatchObject({
      left: { errno: 'EEXIST', facts: { areaStart: 0x4000n, areaLast: 0x4fffn } },
    });
  });

  it('is lazy without a domain: wrong memory shows when a domain comes', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { offset: 0x1000_0000n, length: PAGE, iova: 0x4000n }));
    expect(codeOf(table.addDomain(new FakeDomain()))).toBe('PIN_FAULT');
    expect(table.domains).toEqual([]);
    value(table.unmap(0x4000n, PAGE));
    value(table.addDomain(new FakeDomain()));
  });

  it('refuses read-only memory for a writable map and takes it for a read-only one', () => {
    const { table: make, map, space } = testTables();
    const table = make();
    value(table.addDomain(new FakeDomain()));
    value(space.mprotect(BUFFER, PAGE, 'r'));
    expect(codeOf(map(table, { length: PAGE, iova: 0x4000n, prot: RW }))).toBe('PIN_FAULT');
    value(map(table, { length: PAGE, iova: 0x4000n, prot: READ_ONLY }));
  });

  it('merges adjacent frames into one map call and cuts at the others', () => {
    const { table: make, map, physical } = testTables({ touch: [0, 1, 2, 7, 3, 4] });
    const table = make();
    const domain = new FakeDomain();
    value(table.addDomain(domain));
    value(map(table, { length: 8n * PAGE, iova: 0x10_0000n }));
    const starts = domain.mapCalls.map(({ iova }) => iova);
    const expected = [0x10_0000n];
    for (let page = 1n; page < 8n; page++) {
      if (physical(page * PAGE) !== physical((page - 1n) * PAGE) + PAGE) expected.push(0x10_0000n + page * PAGE);
    }
    expect(starts).toEqual(expected);
    expect(starts.length).toBeGreaterThan(2);
  });

  it('maps every page by itself when large pages are disabled', () => {
    const { table: make, map } = testTables({ touch: [0, 1, 2, 3] });
    const table = make();
    value(table.disableLargePages());
    const domain = new FakeDomain();
    value(table.addDomain(domain));
    expect(codeOf(map(table, { length: 0x800n, iova: 0x10_0000n }))).toBe('MAP_LENGTH_UNALIGNED');
    value(map(table, { length: 4n * PAGE, iova: 0x10_0000n }));
    expect(domain.mapCalls.map(({ bytes }) => bytes)).toEqual([PAGE, PAGE, PAGE, PAGE]);
  });

  it('undoes everything in all domains when one of them fails in the middle', () => {
    const { table: make, map, space, budget } = testTables({ touch: [0, 2, 4, 6, 1, 3, 5, 7] });
    const table = make({ tempMemory: { limit: 24 } });
    const domains = [new FakeDomain(), new FakeDomain(), new FakeDomain()];
    for (const domain of domains) value(table.addDomain(domain));
    for (const [which, domain] of domains.entries()) {
      for (let nth = 1; nth <= 8; nth++) {
        domain.failMapAt = nth;
        expect(map(table, { length: 8n * PAGE, iova: 0x10_0000n })).toMatchObject({
          left: { code: 'BACKEND_REFUSED', errno: 'ENOMEM' },
        });
        expect([which, nth, ...domains.map(({ pages }) => pages.size)]).toEqual([which, nth, 0, 0, 0]);
        expect([space.pages.pinCount, space.user.lockedPages, budget.used, table.areaCount]).toEqual([0, 0, 0, 0]);
      }
    }
    expect(domains.flatMap(({ violations }) => violations)).toEqual([]);
    value(map(table, { length: 8n * PAGE, iova: 0x10_0000n }));
  });
});
