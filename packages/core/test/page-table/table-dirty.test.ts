import { describe, expect, it } from 'vitest';
import {
  Access,
  DIRTY_NO_CLEAR,
  hi32,
  IotlbGather,
  lo32,
  RadixWalker,
  type DirtySink,
  type RadixTable,
} from '../../src/index.js';
import { makeMemory, makeTable, rootOf } from './bench-memory.js';
import { amdV1, arm, everyFormat, type FormatUnderTest } from './formats.js';

const underTest = (name: string): FormatUnderTest =>
  everyFormat.find(({ format }) => format.name === name) as FormatUnderTest;

/** Dirty ranges as `start+bytes`. */
function dirtyOf(table: RadixTable, iova: number, bytes: number, flags = 0): string[] {
  const marks: string[] = [];
  const sink: DirtySink = {
    mark: (_hi, lo, length) => void marks.push(`${(lo >>> 0).toString(16)}+${length.toString(16)}`),
  };
  table.readAndClearDirty(0, iova, bytes, flags, sink);
  return marks;
}

describe.each(everyFormat.map((under) => [under.format.name, under] as const))('%s', (_name, under) => {
  it('reports what the unit wrote, once, and lets it be written again', () => {
    const place = makeMemory();
    const dirty = under.format.dirty ?? { mask: 0n, clean: 0n };
    const table = makeTable(under, place, {
      leafBits: (prot) => ((under.leafBits(prot) ?? 0n) & ~dirty.mask) | dirty.clean,
    });
    const gather = new IotlbGather();
    const granule = under.format.granuleShift;
    const page = 2 ** granule;
    const large = under.format.levels[1]?.shift as number;
    table.mapPages(0, 0, 0, 0, granule, 8, 3, gather);
    table.mapPages(0, 2 ** large, 0, 0, large, 1, 3, gather);
    const flag = under.format.accessed === null ? ('ignore' as const) : ('set' as const);
    const walker = new RadixWalker({ memory: place.memory, format: under.format, accessed: flag, setDirty: true });
    const root = rootOf(table);
    const write = (iova: number): boolean => walker.walk(root, 0, iova, Access.WRITE);
    expect(walker.walk(root, 0, page, Access.READ)).toBe(true);
    expect(walker.permissions(false) & Access.WRITE).toBe(0);
    expect(dirtyOf(table, 0, 8 * page)).toEqual([]);
    expect([write(page), write(2 * page + 5), write(5 * page), write(2 ** large + 7)]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(walker.permissions(false) & Access.WRITE).toBe(Access.WRITE);
    const all = [
      `${page.toString(16)}+${(2 * page).toString(16)}`,
      `${(5 * page).toString(16)}+${page.toString(16)}`,
      `${(2 ** large).toString(16)}+${(2 ** large).toString(16)}`,
    ];
    expect(dirtyOf(table, 0, 2 ** large * 2, DIRTY_NO_CLEAR)).toEqual(all);
    expect(dirtyOf(table, 0, 2 ** large * 2)).toEqual(all);
    expect(dirtyOf(table, 0, 2 ** large * 2)).toEqual([]);
    expect(write(page)).toBe(true);
    expect(table.readAndClearDirty(0, 0, 8 * page, 0, null)).toBe(true);
    expect(table.readAndClearDirty(0, 0, 8 * page, 0, null)).toBe(false);
  });

  it('leaves an entry that is not present as it is, among dirty pages', () => {
    const place = makeMemory();
    const { memory } = place;
    const { dirty, granuleShift, present } = under.format;
    const { mask, dirty: set } = dirty ?? { mask: 0n, dirty: 0n };
    const table = makeTable(under, place, { leafBits: (prot) => ((under.leafBits(prot) ?? 0n) & ~mask) | set });
    const page = 2 ** granuleShift;
    table.mapPages(0, 0, 0, 0, granuleShift, 8, 3, new IotlbGather());
    const walker = new RadixWalker({ memory, format: under.format });
    walker.isWatched = true;
    walker.walk(rootOf(table), 0, 3 * page, Access.READ);
    const at = memory.arenaIndex(walker.entryAddressHi, walker.entryAddressLo);
    const hi = walker.entryHi & ~hi32(present);
    const lo = walker.entryLo & ~lo32(present);
    memory.words[at] = lo;
    memory.words[at + 1] = hi;
    expect(dirtyOf(table, 0, 8 * page)).toEqual([
      `0+${(3 * page).toString(16)}`,
      `${(4 * page).toString(16)}+${(4 * page).toString(16)}`,
    ]);
    expect([memory.words[at], memory.words[at + 1]]).toEqual([lo, hi]);
    expect(dirtyOf(table, 0, 8 * page)).toEqual([]);
  });
});

describe('RadixTable.readAndClearDirty', () => {
  it('takes a page of several entries as dirty when one copy is, and cleans all', () => {
    for (const under of [underTest(amdV1.name), underTest(arm(1, 12).name)]) {
      const place = makeMemory();
      const dirty = under.format.dirty ?? { mask: 0n, clean: 0n };
      const options = under.format === amdV1 ? { levels: 4, inputBits: 48 } : {};
      const table = makeTable(under, place, {
        ...options,
        leafBits: (prot) => ((under.leafBits(prot) ?? 0n) & ~dirty.mask) | dirty.clean,
      });
      table.mapPages(0, 0x1_0000, 0, 0x1_0000, 16, 1, 3, new IotlbGather());
      const walker = new RadixWalker({ memory: place.memory, format: under.format, setDirty: true });
      expect(walker.walk(rootOf(table), 0, 0x1_5000, Access.WRITE)).toBe(true);
      expect(walker.pageShift).toBe(16);
      expect(dirtyOf(table, 0x1_0000, 0x1_0000)).toEqual(['10000+10000']);
      expect(dirtyOf(table, 0x1_0000, 0x1_0000)).toEqual([]);
    }
  });

  it('does not take an entry of a larger page for a page that follows dirty ones', () => {
    const under = underTest(arm(1, 12).name);
    const place = makeMemory();
    const dirty = under.format.dirty ?? { mask: 0n, clean: 0n, dirty: 0n };
    const table = makeTable(under, place, {
      leafBits: (prot) => ((under.leafBits(3) ?? 0n) & ~dirty.mask) | (prot === 1 ? dirty.dirty : dirty.clean),
    });
    table.mapPages(0, 0, 0, 0, 12, 16, 1, new IotlbGather());
    table.mapPages(0, 0x1_0000, 0, 0x1_0000, 16, 1, 3, new IotlbGather());
    const walker = new RadixWalker({ memory: place.memory, format: under.format, setDirty: true });
    expect(walker.walk(rootOf(table), 0, 0x1_0000, Access.WRITE)).toBe(true);
    expect(dirtyOf(table, 0, 0x2_0000)).toEqual(['0+20000']);
    expect(dirtyOf(table, 0, 0x2_0000)).toEqual([]);
  });

  it('reports only the range that was asked for', () => {
    const under = underTest('VT-d second stage, 4 levels');
    const place = makeMemory();
    const table = makeTable(under, place);
    table.mapPages(0, 0x20_0000, 0, 0, 21, 1, 3, new IotlbGather());
    const walker = new RadixWalker({ memory: place.memory, format: under.format, setDirty: true });
    walker.walk(rootOf(table), 0, 0x20_0000, Access.WRITE);
    expect(dirtyOf(table, 0x20_0000, 0x3000)).toEqual(['200000+3000']);
  });
});
