import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Access,
  hi32,
  IotlbGather,
  join64,
  lo32,
  pageShiftsOf,
  RadixWalker,
  type PhysicalMemory,
  type RadixTable,
  type RadixWalkerOptions,
} from '../../src/index.js';
import { ARENA, makeApart, makeMemory, makeTable, rootOf } from './bench-memory.js';
import { everyFormat, type FormatUnderTest } from './formats.js';

/** Every format with every depth that its levels allow, from two on. */
const everyShape = everyFormat.flatMap((under) =>
  under.format.levels
    .slice(1)
    .flatMap(({ shift, indexBits, number }, below): (readonly [string, FormatUnderTest, number])[] => {
      const inputBits = Math.min(under.inputBits, shift + indexBits);
      if (inputBits <= shift) return [];
      return [[`${under.format.name} from level ${number}`, { ...under, inputBits }, below + 2]];
    }),
);

/** Pages of all sizes, plain ones of the lower levels first, which begin at multiples of a sixteenth of the input range. */
function populated(table: RadixTable, under: FormatUnderTest): bigint[] {
  const plain = under.format.levels.slice(0, 2).flatMap(({ leaf, shift }) => (leaf === null ? [] : [shift]));
  const sizes = [...new Set([...plain, ...pageShiftsOf(under.format)])].filter((shift) => shift + 4 <= under.inputBits);
  return sizes.slice(0, 12).map((shift, index) => {
    const iova = BigInt(index) << BigInt(under.inputBits - 4);
    const errno = table.mapPages(hi32(iova), lo32(iova), 0x20, 0, shift, 1, index % 3 === 2 ? 1 : 3, new IotlbGather());
    expect(errno).toBe(0);
    return iova;
  });
}

/** Addresses of the entries that a walk reads. */
function pathOf(table: RadixTable, memory: PhysicalMemory, iova: bigint): bigint[] {
  const path: bigint[] = [];
  const walker = new RadixWalker({ memory, format: table.format });
  walker.visitor = {
    entryRead: ({ entryAddressHi, entryAddressLo }) => path.push(join64(entryAddressHi, entryAddressLo)),
  };
  walker.isWatched = true;
  walker.walk(rootOf(table), hi32(iova), lo32(iova), Access.READ);
  return path;
}

/** All that a walk tells, and what it left in memory. */
function outcome(walker: RadixWalker, memory: PhysicalMemory, walked: boolean, entries: readonly bigint[]): unknown {
  const words = entries.map((at) => {
    memory.load64(hi32(at), lo32(at));
    return join64(memory.loadedHi, memory.loadedLo);
  });
  if (!walked) return { stop: walker.stop, level: walker.level, reads: walker.reads, words };
  return {
    pa: join64(walker.paHi, walker.paLo),
    entry: join64(walker.entryHi, walker.entryLo),
    rights: [walker.permissions(false), walker.permissions(true)].map((rights) => rights & ~Access.EXECUTE),
    pageShift: walker.pageShift,
    reads: walker.reads,
    level: walker.level,
    words,
  };
}

describe.each(everyShape)('%s', (_name, under, levels) => {
  // 3 MiB: the root lies in the window of 2 MiB, and the other tables beyond.
  it.each([
    [4, 0],
    [3, 256],
  ])('walks by itself as it does step by step: tables in %i MiB after %i frames', (megabytes, before) => {
    const place = makeMemory(megabytes);
    const { memory } = place;
    const table = makeApart(under, place, before, { levels });
    const iovas = populated(table, under);
    const kept = memory.words.slice();
    const used: number[] = [];
    for (let at = 0; at < kept.length; at += 2) if ((kept[at] as number) !== 0) used.push(at, at + 1);
    const { accessed, dirty } = under.format;
    const modes: Partial<RadixWalkerOptions>[] = [{}, { coherent: false }];
    if (accessed !== null) modes.push({ accessed: 'set' }, { accessed: 'fault' });
    if (accessed !== null && dirty !== null) modes.push({ accessed: 'set', setDirty: true });
    const walkers = modes.map((mode) => {
      const walker = new RadixWalker({ memory, format: under.format, ...mode });
      const watched = new RadixWalker({ memory, format: under.format, ...mode });
      watched.isWatched = true;
      return { walker, watched, root: rootOf(table) };
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 63 })), { minLength: 1, maxLength: 2 }),
        fc.oneof(fc.constantFrom(...iovas.slice(0, 2)), fc.constantFrom(...iovas)),
        fc.oneof(
          { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: 0xfffn }) },
          { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << BigInt(under.inputBits - 4)) - 1n }) },
        ),
        fc.constantFrom(1, 2, 3, 11, 5),
        (flips, start, offset, access) => {
          const iova = start + offset;
          const path = pathOf(table, memory, iova);
          const touched = path.map((at) => Number(at - ARENA) / 4).flatMap((index) => [index, index + 1]);
          const flip = (): void => {
            for (const [pick, bit] of flips) {
              const at = path[pick % path.length] as bigint;
              memory.load64(hi32(at), lo32(at));
              const word = join64(memory.loadedHi, memory.loadedLo) ^ (1n << BigInt(bit));
              memory.store64(hi32(at), lo32(at), hi32(word), lo32(word));
            }
          };
          for (const { walker, watched, root } of walkers) {
            const [careful, first, second] = [watched, walker, walker].map((each) => {
              flip();
              const walked = each.walk(root, hi32(iova), lo32(iova), access);
              const told = outcome(each, memory, walked, path);
              for (const index of [...used, ...touched]) memory.words[index] = kept[index] as number;
              return told;
            });
            expect(first).toEqual(careful);
            expect(second).toEqual(careful);
          }
        },
      ),
      { numRuns: 30, seed: 7 },
    );
  });
});

it('goes the short way from any granule and depth', () => {
  for (const [name, under, levels] of everyShape) {
    const place = makeMemory(4);
    const table = makeTable(under, place, { levels });
    const granule = under.format.granuleShift;
    table.mapPages(0, 0, 0, 0x4000_0000, granule, 1, 3, new IotlbGather());
    const walker = new RadixWalker({ memory: place.memory, format: under.format });
    const root = rootOf(table);
    walker.prepare(root);
    const isShort =
      table.levels <= 4 &&
      table.inputBits >= 32 &&
      under.format.address[0]?.address === under.format.address[0]?.bits[1];
    expect([name, root.leanLevels]).toEqual([name, isShort ? table.levels : 0]);
    expect([name, root.wideBar]).toEqual([name, isShort && granule === 16 && table.levels === 3 ? 0 : -1]);
  }
});
