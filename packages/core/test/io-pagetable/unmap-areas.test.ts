import { describe, expect, it } from 'vitest';
import { U64_MAX } from '../../src/index.js';
import { FakeDomain } from './fake-domain.js';
import { codeOf, testTables, value } from './fixture.js';

const PAGE = 4096n;

describe('unmap', () => {
  it('refuses no bytes and a wrap, and finds nothing without an error', () => {
    const table = testTables().table();
    expect(codeOf(table.unmap(PAGE, 0n))).toBe('UNMAP_LENGTH_ZERO');
    expect(codeOf(table.unmap(PAGE, U64_MAX))).toBe('UNMAP_RANGE_OVERFLOW');
    expect(value(table.unmap(0n, U64_MAX))).toBe(0n);
    expect(value(table.unmapAll())).toBe(0n);
  });

  it('takes whole areas and tells their bytes', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: PAGE, iova: 0x4000n }));
    value(map(table, { length: 2n * PAGE, iova: 0x8000n }));
    expect(value(table.unmap(0n, 0x10_0000n))).toBe(3n * PAGE);
    expect(table.areaCount).toBe(0);
  });

  it('takes the areas in front of one that sticks out, then refuses', () => {
    const { table: make, map } = testTables();
    const table = make();
    for (const iova of [0x4000n, 0x6000n, 0x8000n]) value(map(table, { length: PAGE, iova }));
    expect(codeOf(table.unmap(0x4000n, 0x4800n))).toBe('UNMAP_CUTS_AREA');
    expect([table.unmappedBytes, table.iovaByArea(0n)]).toEqual([2n * PAGE, 0x8000n]);
    expect(codeOf(table.unmap(0x8001n, PAGE))).toBe('UNMAP_CUTS_AREA');
    expect(table.unmappedBytes).toBe(0n);
    expect(codeOf(table.unmap(0x8000n, 0n))).toBe('UNMAP_LENGTH_ZERO');
    expect(table.unmappedBytes).toBe(0n);
  });

  it('empties domains before it unpins', () => {
    const { table: make, map, space } = testTables({ touch: [3, 1, 2, 0] });
    const table = make();
    const domain = new FakeDomain();
    value(table.addDomain(domain));
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    const unpin = space.unpinPages.bind(space);
    const mappedAtUnpin: boolean[] = [];
    const phys = new Map([...domain.pages.values()].map(({ pa }) => [pa / PAGE, pa]));
    space.unpinPages = (frames, from, count) => {
      for (let at = from; at < from + count; at++) {
        const frame = BigInt(frames[at]!);
        expect(phys.has(frame)).toBe(true);
        mappedAtUnpin.push([...domain.pages.values()].some(({ pa }) => pa / PAGE === frame));
      }
      unpin(frames, from, count);
    };
    value(table.unmapAll());
    expect(mappedAtUnpin).toEqual([false, false, false, false]);
    expect(domain.violations).toEqual([]);
  });

  it('counts a whole address space as nothing, as 64 bits do', () => {
    const { table: make, map, process } = testTables();
    const table = make();
    const half = 1n << 63n;
    for (const iova of [0n, half]) {
      value(table.map({ process, userVa: 0n, length: half, iova, prot: 7, accountMode: 'user' }));
    }
    expect(codeOf(map(table, { length: 1n, iova: 5n }))).toBe('MAP_IOVA_OCCUPIED');
    expect(value(table.unmapAll())).toBe(0n);
    expect(table.areaCount).toBe(0);
  });
});

describe('destroy', () => {
  it('gives everything back and complains about what should be gone', () => {
    const { table: make, map, budget } = testTables();
    const table = make();
    value(map(table, { length: PAGE, iova: 0x4000n }));
    value(table.reserve(0x8000n, 0x8fffn, null));
    table.destroy();
    expect([table.checkInvariants(), budget.used]).toEqual([[], 0]);
    const other = make();
    value(other.reserve(0x8000n, 0x8fffn, {}));
    other.destroy();
    expect(other.checkInvariants()).toEqual(['an IO page table ends with reserved ranges']);
  });
});
