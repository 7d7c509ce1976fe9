import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access, hi32, IotlbGather, join64, lo32, RadixWalker, TableRoot, WalkStop } from '../../src/index.js';
import { ARENA, makeMemory, makeTable, rootOf } from './bench-memory.js';
import { everyFormat, type FormatUnderTest } from './formats.js';
import { referenceWalk } from './reference-walk.js';

const STOPS: Readonly<Record<number, string>> = {
  [WalkStop.INPUT]: 'input',
  [WalkStop.ABORT]: 'abort',
  [WalkStop.NOT_PRESENT]: 'not present',
  [WalkStop.ENCODING]: 'encoding',
  [WalkStop.RESERVED]: 'reserved',
  [WalkStop.OUTPUT]: 'output',
  [WalkStop.PERMISSION]: 'permission',
  [WalkStop.SKIPPED]: 'skipped',
};

const MAPPED = 0x4000_0000n;

/** A table with pages of several sizes around `MAPPED`, and the addresses of all of its entries that are in use. */
function populated(under: FormatUnderTest): {
  place: ReturnType<typeof makeMemory>;
  table: ReturnType<typeof makeTable>;
  entries: bigint[];
} {
  const place = makeMemory(4);
  const table = makeTable(under, place);
  const gather = new IotlbGather();
  const levels = under.format.levels.filter(({ leaf }) => leaf !== null);
  levels.slice(0, 2).forEach((level, index) => {
    const iova = MAPPED + BigInt(index) * (1n << 34n) * BigInt(under.inputBits > 38 ? 1 : 0);
    table.mapPages(hi32(iova), lo32(iova), 0x1, 0x8000_0000 | 0, level.shift, 3, 3, gather);
  });
  const entries: bigint[] = [];
  for (let at = 0; at < place.memory.words.length; at += 2) {
    if (place.memory.words[at] !== 0) entries.push(ARENA + BigInt(at * 4));
  }
  return { place, table, entries };
}

describe.each(everyFormat.map((under) => [under.format.name, under] as const))('%s', (_name, under) => {
  it('agrees with a walk on bigints when bits of entries are flipped', () => {
    const { place, table, entries } = populated(under);
    const { memory } = place;
    const walker = new RadixWalker({ memory, format: under.format });
    const size = BigInt(under.format.levels[1]?.shift ?? 21);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 63 })), { maxLength: 3 }),
        fc.oneof(
          fc.bigInt({ min: 0n, max: (3n << BigInt(under.format.granuleShift)) - 1n }),
          fc.bigInt({ min: 0n, max: 4n << size }),
        ),
        fc.constantFrom(0n, 1n << 34n, 1n << BigInt(under.inputBits)),
        fc.integer({ min: 1, max: 15 }),
        fc.constantFrom(64, 64, 48, 44, 36),
        (flips, offset, far, access, outputBits) => {
          const iova = BigInt.asUintN(64, MAPPED + far + offset);
          const undo = flips.map(([pick, bit]) => {
            const at = entries[pick % entries.length] as bigint;
            memory.load64(hi32(at), lo32(at));
            const { loadedHi, loadedLo } = memory;
            const flipped = join64(loadedHi, loadedLo) ^ (1n << BigInt(bit));
            memory.store64(hi32(at), lo32(at), hi32(flipped), lo32(flipped));
            return () => memory.store64(hi32(at), lo32(at), loadedHi, loadedLo);
          });
          const shape = { levels: table.levels, inputBits: table.inputBits, outputBits };
          const root = new TableRoot(under.format, { hi: table.rootHi, lo: table.rootLo, ...shape });
          const address = join64(table.rootHi, table.rootLo);
          const slow = referenceWalk(under.format, memory, { address, ...shape }, iova, access);
          const walk = (): unknown =>
            walker.walk(root, hi32(iova), lo32(iova), access)
              ? { pa: join64(walker.paHi, walker.paLo), pageShift: walker.pageShift, reads: walker.reads }
              : STOPS[walker.stop];
          // The second walk knows the root and may go the shortest way.
          const outcomes = [walk(), walk()];
          for (const restore of undo.toReversed()) restore();
          expect(outcomes).toEqual([slow, slow]);
        },
      ),
      { numRuns: 600, seed: 7 },
    );
  });

  it('gives the rights that each access needs', () => {
    const place = makeMemory(4);
    const table = makeTable(under, place);
    const gather = new IotlbGather();
    const shift = under.format.granuleShift;
    table.mapPages(0, 0, 0, 0x10_0000, shift, 1, 1, gather);
    table.mapPages(0, 2 ** shift, 0, 0x20_0000, shift, 1, 3, gather);
    const walker = new RadixWalker({ memory: place.memory, format: under.format });
    const root = rootOf(table);
    expect(walker.walk(root, 0, 0x10, Access.READ)).toBe(true);
    expect(walker.permissions(false) & (Access.READ | Access.WRITE)).toBe(Access.READ);
    expect(walker.walk(root, 0, 0x10, Access.WRITE)).toBe(false);
    expect(walker.stop).toBe(WalkStop.PERMISSION);
    expect(walker.walk(root, 0, 2 ** shift + 0x10, Access.READ | Access.WRITE)).toBe(true);
    expect(walker.permissions(false) & (Access.READ | Access.WRITE)).toBe(Access.READ | Access.WRITE);
    expect(walker.paLo).toBe(0x20_0010);
  });
});
