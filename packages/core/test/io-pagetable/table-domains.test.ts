import { describe, expect, it } from 'vitest';
import { FakeDomain, IO_PAGE } from './fake-domain.js';
import { codeOf, testTables, value } from './fixture.js';

const PAGE = 4096n;

describe('addDomain', () => {
  it('fills a new domain from the first one without pinning again', () => {
    const { table: make, map, space } = testTables({ touch: [2, 0, 1] });
    const table = make();
    const [first, second] = [new FakeDomain(), new FakeDomain()];
    value(table.addDomain(first));
    value(map(table, { length: 3n * PAGE, iova: 0x4000n }));
    value(table.addDomain(second));
    expect(space.pages.pinCount).toBe(3);
    expect([...second.pages].map(([io, { pa }]) => [io, pa])).toEqual([...first.pages].map(([io, { pa }]) => [io, pa]));
    expect(table.domains).toEqual([first, second]);
  });

  it('refuses a smallest page above PAGE_SIZE', () => {
    const table = testTables().table();
    expect(codeOf(table.addDomain(new FakeDomain({ pageSizes: 0x1_0000n })))).toBe('DOMAIN_PAGE_TOO_LARGE');
    expect(
      codeOf(
        testTables({ pageSize: 65536 })
          .table()
          .addDomain(new FakeDomain({ pageSizes: 0x1_0000n })),
      ),
    ).toBe('ok');
  });

  it('refuses areas that do not fit its pages, then lets later ones fit', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: 1n, iova: 0x4000n }));
    expect(codeOf(table.addDomain(new FakeDomain()))).toBe('ALIGNMENT_IN_USE');
    value(table.unmapAll());
    value(table.addDomain(new FakeDomain()));
    expect(table.iovaAlignment).toBe(IO_PAGE);
  });

  it('refuses areas and allowed ranges outside its aperture and leaves no reserved range behind', () => {
    const { table: make, map } = testTables();
    const table = make();
    const narrow = { aperture: { start: 0x10_0000n, last: 0x1f_ffffn } };
    value(map(table, { length: PAGE, iova: 0x20_0000n }));
    expect(codeOf(table.addDomain(new FakeDomain(narrow)))).toBe('RESERVE_OVER_AREA');
    expect(table.usableRanges()).toHaveLength(1);
    expect(table.usableRanges()[0]!.start).toBe(0n);
    value(table.unmapAll());
    value(table.setAllowed([{ start: 0x1000n, last: 0x1fffn }]));
    expect(codeOf(table.addDomain(new FakeDomain(narrow)))).toBe('RESERVE_OVER_ALLOWED');
    value(table.setAllowed([]));
    value(table.addDomain(new FakeDomain(narrow)));
    expect(table.usableRanges()).toEqual([{ start: 0x10_0000n, last: 0x1f_ffffn }]);
  });

  it('leaves nothing in a domain whose filling fails half-way', () => {
    const { table: make, map, space } = testTables();
    for (const before of [0, 1]) {
      const table = make();
      if (before === 1) value(table.addDomain(new FakeDomain()));
      for (let index = 0n; index < 4n; index++) {
        value(map(table, { offset: index * PAGE * 2n, length: PAGE, iova: 0x4000n + index * 0x2000n }));
      }
      const pins = space.pages.pinCount;
      for (let nth = 1; nth <= 4; nth++) {
        const domain = new FakeDomain();
        domain.failMapAt = nth;
        expect(codeOf(table.addDomain(domain))).toBe('BACKEND_REFUSED');
        expect([nth, domain.pages.size, domain.violations, space.pages.pinCount]).toEqual([nth, 0, [], pins]);
        expect(table.checkInvariants()).toEqual([]);
      }
      value(table.unmapAll());
    }
  });
});

describe('removeDomain', () => {
  it('lets the last domain take the place of the first and keep the frames', () => {
    const { table: make, map, space } = testTables({ touch: [1, 0] });
    const table = make();
    const domains = [new FakeDomain(), new FakeDomain(), new FakeDomain()] as const;
    for (const domain of domains) value(table.addDomain(domain));
    value(map(table, { length: 2n * PAGE, iova: 0x4000n }));
    table.removeDomain(domains[0]);
    expect(table.domains).toEqual([domains[2], domains[1]]);
    expect([domains[0].pages.size, space.pages.pinCount, table.checkInvariants()]).toEqual([0, 2, []]);
    table.removeDomain(domains[2]);
    expect([domains[2].pages.size, space.pages.pinCount]).toEqual([0, 2]);
    table.removeDomain(domains[1]);
    expect([domains[1].pages.size, space.pages.pinCount, space.user.lockedPages]).toEqual([0, 0, 0]);
    expect([table.areaCount, table.iovaAlignment]).toEqual([1, 1n]);
    expect(domains.flatMap(({ violations }) => violations)).toEqual([]);
  });

  it('widens the usable ranges again', () => {
    const table = testTables().table();
    const domain = new FakeDomain({ aperture: { start: 0x1000n, last: 0xffffn } });
    value(table.addDomain(domain));
    table.removeDomain(domain);
    expect(table.usableRanges()).toEqual([{ start: 0n, last: 0xffff_ffff_ffff_ffffn }]);
    expect(() => table.removeDomain(domain)).toThrow('not in this table');
  });
});
