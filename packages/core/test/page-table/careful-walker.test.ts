import { describe, expect, it } from 'vitest';
import {
  Access,
  IotlbGather,
  RadixWalker,
  TableRoot,
  WalkStop,
  type PhysicalMemory,
  type RadixTable,
  type TableAddressTranslator,
} from '../../src/index.js';
import { ARENA, makeMemory, makeTable, rootOf } from './bench-memory.js';
import { amdV1, arm, everyFormat, x86, type FormatUnderTest } from './formats.js';

const underTest = (name: string): FormatUnderTest =>
  everyFormat.find(({ format }) => format.name === name) as FormatUnderTest;
const x86Under = underTest(x86(4).name);

/** One page at 0x1000, with accessed and dirty bits clear everywhere. */
function fresh(
  under: FormatUnderTest,
  leafBits: bigint,
  tableBits: bigint,
): { memory: PhysicalMemory; table: RadixTable } {
  const place = makeMemory(4);
  const table = makeTable(under, place, { leafBits: () => leafBits, tableBits });
  table.mapPages(0, 0x1000, 0, 0x10_0000, 12, 1, 3, new IotlbGather());
  return { memory: place.memory, table };
}

/** Low words of the entries on the way to 0x1000, root first: tables lie one after the other. */
const entries = (memory: PhysicalMemory): number[] =>
  [0, 1, 2, 3].map((frame) => memory.words[frame * 1024 + (frame === 3 ? 2 : 0)] as number);

describe('accessed and dirty bits', () => {
  it('are set in tables and pages by the walk that uses them, and dirty only by a write', () => {
    const { memory, table } = fresh(x86Under, 0x7n, 0x7n);
    const walker = new RadixWalker({ memory, format: table.format, accessed: 'set', setDirty: true });
    const writes: number[] = [];
    memory.addObserver({ beforeWrite: (_hi, lo) => writes.push((lo - Number(ARENA)) >>> 12) });
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.READ)).toBe(true);
    expect(writes).toEqual([0, 1, 2, 3]);
    expect(entries(memory).map((word) => word & 0x60)).toEqual([0x20, 0x20, 0x20, 0x20]);
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.WRITE)).toBe(true);
    expect(entries(memory).map((word) => word & 0x60)).toEqual([0x20, 0x20, 0x20, 0x60]);
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.WRITE)).toBe(true);
    expect(writes).toEqual([0, 1, 2, 3, 3]);
  });

  it('stay as they are when the page refuses the access', () => {
    const { memory, table } = fresh(x86Under, 0x5n, 0x27n);
    const walker = new RadixWalker({ memory, format: table.format, accessed: 'set', setDirty: true });
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.WRITE)).toBe(false);
    expect(walker.stop).toBe(WalkStop.PERMISSION);
    expect((entries(memory)[3] as number) & 0x60).toBe(0);
  });

  it('are not looked at by a walker that ignores them', () => {
    const { memory, table } = fresh(x86Under, 0x7n, 0x7n);
    const walker = new RadixWalker({ memory, format: table.format });
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.WRITE)).toBe(true);
    expect(entries(memory).every((word) => (word & 0x60) === 0)).toBe(true);
  });

  it('stop a walk that may not set them, before rights are looked at', () => {
    const under = underTest(arm(1, 12).name);
    const { memory, table } = fresh(under, 0xbc1n, 1n);
    const walker = new RadixWalker({ memory, format: table.format, accessed: 'fault' });
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.WRITE)).toBe(false);
    expect(walker.stop).toBe(WalkStop.ACCESSED);
  });

  it('turn a clean Arm page into a written one instead of refusing the write', () => {
    const under = underTest(arm(1, 12).name);
    const { memory, table } = fresh(under, (1n << 51n) | 0xfc1n, 1n);
    const root = rootOf(table);
    expect(new RadixWalker({ memory, format: table.format }).walk(root, 0, 0x1000, Access.WRITE)).toBe(false);
    expect(new RadixWalker({ memory, format: table.format, setDirty: true }).walk(root, 0, 0x1000, Access.WRITE)).toBe(
      true,
    );
    expect((entries(memory)[3] as number) & 0x80).toBe(0);
  });
});

describe('a watched walk', () => {
  it('reports its entries and tables, from which a later one resumes', () => {
    const { memory, table } = fresh(x86Under, 0x7n, 0x7n);
    const root = rootOf(table);
    const walker = new RadixWalker({ memory, format: table.format });
    const read: number[] = [];
    walker.isWatched = true;
    walker.visitor = { entryRead: ({ level }) => read.push(level) };
    expect(walker.walk(root, 0, 0x1000, Access.READ)).toBe(true);
    expect(read).toEqual([3, 2, 1, 0]);
    const first = memory.arenaFirstFrame;
    expect([...walker.pathTable]).toEqual([first + 3, first + 2, first + 1, -1, -1, -1]);
    walker.isWatched = false;
    for (const level of [0, 1, 2]) {
      const frame = walker.pathTable[level] as number;
      const allowed = [walker.pathAllowedHi[level] as number, walker.pathAllowedLo[level] as number] as const;
      expect(walker.resume(root, level, frame, ...allowed, 0, 0x1234, Access.WRITE)).toBe(true);
      expect([walker.paLo, walker.reads]).toEqual([0x10_0234, level + 1]);
      // What the tables above took away stays away.
      expect(walker.resume(root, level, frame, allowed[0], allowed[1] & ~2, 0, 0x1234, Access.WRITE)).toBe(false);
      expect(walker.resume(root, level, frame, allowed[0], allowed[1] & ~2, 0, 0x1234, Access.READ)).toBe(true);
    }
  });
});

describe('a walk stops', () => {
  it('outside of what the root translates, without a read', () => {
    const { memory, table } = fresh(x86Under, 0x7n, 0x7n);
    const walker = new RadixWalker({ memory, format: table.format });
    const at = (region: 'low' | 'high' | 'canonical', hi: number): boolean => {
      const root = new TableRoot(table.format, {
        hi: table.rootHi,
        lo: table.rootLo,
        levels: 4,
        inputBits: 48,
        region,
      });
      const done = walker.walk(root, hi, 0x1000, Access.READ);
      return !done && walker.stop === WalkStop.INPUT && walker.reads === 0;
    };
    expect([0, 0xffff, 0x1_0000, -1].map((hi) => at('low', hi))).toEqual([false, false, true, true]);
    expect([0, 0x7fff, 0x8000, -0x8000, -0x8001, -1].map((hi) => at('canonical', hi))).toEqual([
      false,
      false,
      true,
      false,
      true,
      false,
    ]);
    expect([0, -0x1_0000, -0x1_0001, -1].map((hi) => at('high', hi))).toEqual([true, false, true, false]);
  });

  it('where there is no memory, and says where', () => {
    const { memory, table } = fresh(x86Under, 0x7n, 0x7n);
    memory.words[1024] = 0x7000_0007;
    const walker = new RadixWalker({ memory, format: table.format });
    expect(walker.walk(rootOf(table), 0, 0x1000, Access.READ)).toBe(false);
    expect([walker.stop, walker.level, walker.entryAddressHi, walker.entryAddressLo]).toEqual([
      WalkStop.ABORT,
      1,
      0,
      0x7000_0000,
    ]);
  });

  it('at a link that skips levels when the IOVA has bits there', () => {
    const place = makeMemory(4);
    const table = makeTable(underTest(amdV1.name), place, { levels: 4, inputBits: 48 });
    table.mapPages(0, 0x1000, 0, 0x10_0000, 12, 1, 3, new IotlbGather());
    // The root (level 4) leads to the level 1 table at once: Next Level 1.
    place.memory.words[0] = (Number(ARENA) + 3 * 4096) | 0x201;
    const walker = new RadixWalker({ memory: place.memory, format: amdV1 });
    expect(walker.walk(rootOf(table), 0, 0x1008, Access.READ)).toBe(true);
    expect([walker.paLo, walker.reads]).toEqual([0x10_0008, 2]);
    expect(walker.walk(rootOf(table), 0, 0x4000_1000, Access.READ)).toBe(false);
    expect(walker.stop).toBe(WalkStop.SKIPPED);
  });
});

describe('a nested walk', () => {
  it('reads every entry through the other stage, and asks it again before it writes', () => {
    const { memory, table } = fresh(x86Under, 0x7n, 0x7n);
    const asked: string[] = [];
    let refuseWrites = false;
    // The first stage's tables lie 16 MiB lower in the guest.
    const shiftDown = 0x0100_0000;
    memory.words[0] = (memory.words[0] as number) - shiftDown;
    memory.words[1024] = (memory.words[1024] as number) - shiftDown;
    memory.words[2048] = (memory.words[2048] as number) - shiftDown;
    class Stage implements TableAddressTranslator {
      tableAddressHi = 0;
      tableAddressLo = 0;
      translateTableAddress(_hi: number, lo: number, write: boolean): boolean {
        asked.push(`${write ? 'w' : 'r'}${((lo + shiftDown - Number(ARENA)) >>> 12).toString()}`);
        this.tableAddressLo = write ? lo : lo + shiftDown;
        return !(write && refuseWrites);
      }
    }
    const walker = new RadixWalker({ memory, format: table.format, accessed: 'set' });
    const place = { hi: 0, lo: table.rootLo - shiftDown, levels: 4, inputBits: 48 };
    const root = new TableRoot(table.format, { ...place, translator: new Stage() });
    refuseWrites = true;
    expect(walker.walk(root, 0, 0x1000, Access.READ)).toBe(false);
    expect(walker.stop).toBe(WalkStop.STAGE);
    refuseWrites = false;
    asked.length = 0;
    expect(walker.walk(root, 0, 0x1abc, Access.READ)).toBe(true);
    expect(walker.paLo).toBe(0x10_0abc);
    expect(asked.filter((each) => each.startsWith('r'))).toEqual(['r0', 'r1', 'r2', 'r3']);
    expect(asked).toHaveLength(8);
  });
});
