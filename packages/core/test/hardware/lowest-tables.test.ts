import { describe, expect, it } from 'vitest';
import { CacheQuery, PagingStructureCache, RadixWalker } from '../../src/index.js';
import { IotlbGather } from '../../src/domain/index.js';
import { LowestTables } from '../../src/hardware/lowest-tables.js';
import { makeMemory, makeTable, rootOf } from '../page-table/bench-memory.js';
import { everyFormat } from '../page-table/formats.js';

const under = everyFormat.find(({ format }) => format.name.startsWith('VT-d second') && format.levels.length === 4)!;
const READ = 1;

function bench(noExecuteHi = 0) {
  const place = makeMemory();
  const table = makeTable(under, place, { levels: 4, inputBits: 48 });
  const gather = new IotlbGather();
  for (const [hi, lo] of [
    [0, 0x1000],
    [0, 0x20_0000],
    [1, 0x1000],
  ] as const) {
    table.mapPages(hi, lo, 0x20, 0x5000, 12, 1, 3, gather);
  }
  const root = rootOf(table);
  const walker = new RadixWalker({ memory: place.memory, format: under.format });
  walker.prepare(root);
  const links = new PagingStructureCache({ entries: 64, ways: 16 });
  const tables = new LowestTables(links, walker, root, 1, 9, noExecuteHi);
  const keep = (hi: number, lo: number, tagA = 1): void => {
    walker.isWatched = true;
    expect(walker.walk(root, hi, lo, READ)).toBe(true);
    links.keepPath(walker, hi, lo, tagA, 9, 0);
    walker.isWatched = false;
  };
  return { table, gather, walker, links, tables, keep };
}

describe('LowestTables', () => {
  it('knows a table once it was asked for, for its region alone', () => {
    const { tables, keep, walker } = bench();
    keep(0, 0x1000);
    expect([tables.find(0, 0x1000), tables.ask(0, 0x1000)]).toEqual([-1, true]);
    const at = tables.find(0, 0x1f_f000);
    expect(walker.resumePage(at, 0x1abc)).toBe(true);
    expect([walker.paHi, walker.paLo, walker.reads]).toEqual([0x20, 0x5abc, 1]);
    expect(walker.resumePage(at, 0x2000)).toBe(false);
    expect([tables.find(0, 0x20_0000), tables.find(1, 0x1000), tables.find(0, 0x8000_1000 | 0)]).toEqual([-1, -1, -1]);
    keep(1, 0x1000);
    keep(0, 0x1000);
    expect([tables.ask(1, 0x1000), tables.ask(0, 0x1000)]).toEqual([true, true]);
    expect(tables.find(1, 0x1000)).not.toBe(tables.find(0, 0x1000));
  });

  it('answers nothing that the cache does not answer', () => {
    const { tables, keep, links } = bench();
    keep(0, 0x1000, 2);
    expect(tables.ask(0, 0x1000)).toBe(false);
    keep(0, 0x1000);
    expect(tables.ask(0, 0x1000)).toBe(true);
    links.invalidate(new CacheQuery().withTagA(1));
    expect([tables.find(0, 0x1000), tables.ask(0, 0x1000)]).toEqual([-1, false]);
    keep(0, 0x1000);
    expect([tables.find(0, 0x1000), tables.ask(0, 0x1000)]).toEqual([-1, true]);
    links.clear();
    expect(tables.find(0, 0x1000)).toBe(-1);
    keep(0, 0x20_0000);
    // A link of a higher level is the unit's own matter.
    expect(tables.ask(0, 0x1000)).toBe(false);
  });

  it('leaves links that forbid to execute to the unit', () => {
    const { keep, links, tables } = bench(0x8000_0000 | 0);
    keep(0, 0x1000);
    const find = links.find.bind(links);
    links.find = (...asked) => {
      const isFound = find(...asked);
      links.allowedHi &= 0x7fff_ffff;
      return isFound;
    };
    expect(tables.ask(0, 0x1000)).toBe(false);
    links.find = find;
    expect(tables.ask(0, 0x1000)).toBe(true);
  });
});
