import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Access,
  hi32,
  IotlbGather,
  join64,
  lo32,
  pageShiftsOf,
  RadixTable,
  RadixWalker,
  type TableWriteObserver,
} from '../../src/index.js';
import { makeApart, makeMemory, rootOf } from './bench-memory.js';
import { everyFormat } from './formats.js';

const observer: TableWriteObserver = { written: () => {}, unlinked: () => {}, rootChanged: () => {} };

const everyShape = everyFormat.flatMap((under) =>
  under.format.levels.slice(1).flatMap(({ shift, indexBits, number }, below) => {
    const inputBits = Math.min(under.inputBits, shift + indexBits);
    return inputBits <= shift
      ? []
      : [[`${under.format.name} from level ${number}`, { ...under, inputBits }, below + 2]];
  }),
) as [string, (typeof everyFormat)[number], number][];

describe.each(everyShape)('%s', (_name, under, levels) => {
  // 3 MiB: the root lies in the window of 2 MiB, and the other tables beyond.
  it.each([
    [1, 0],
    [3, 256],
  ])('maps and unmaps single pages as the general way does: %i MiB after %i frames', (megabytes, before) => {
    const sizes = pageShiftsOf(under.format).filter((shift) => shift < under.inputBits - 3 && shift <= 30);
    const granule = under.format.granuleShift;
    const step = fc.record({
      isMap: fc.boolean(),
      page: fc.oneof(
        fc.nat(3),
        fc.constantFrom(0, 1, 2, 3).map((part) => part * 2 ** (under.inputBits - 2 - granule)),
      ),
      pa: fc.bigInt({ min: 0n, max: (1n << 54n) - 1n }),
      shift: fc.oneof(
        { weight: 5, arbitrary: fc.constant(granule) },
        { weight: 1, arbitrary: fc.constantFrom(...sizes) },
      ),
      prot: fc.constantFrom(1, 2, 3, 0, 64),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 40 }), fc.boolean(), (steps, isWatched) => {
        const places = [undefined, observer].map((told) => {
          const place = makeMemory(megabytes);
          return { place, table: makeApart(under, place, before, { levels, observer: told ?? null }) };
        });
        if (isWatched) places[0]?.place.memory.addObserver({ beforeWrite: () => {} });
        const run = (table: RadixTable): unknown[] =>
          steps.map(({ isMap, page, pa, shift, prot }) => {
            const size = 1n << BigInt(shift);
            const iova = ((BigInt(page) << BigInt(granule)) / size) * size;
            const at = (pa / size) * size;
            const gather = new IotlbGather();
            if (!isMap) return table.unmapPages(hi32(iova), lo32(iova), shift, 1, gather);
            const errno = table.mapPages(hi32(iova), lo32(iova), hi32(at), lo32(at), shift, 1, prot, gather);
            return [errno, table.mappedPages, table.replaced];
          });
        const [lean, general] = places.map(({ place, table }) => {
          const told = run(table);
          return { told, words: place.memory.bytes };
        });
        expect(lean?.told).toEqual(general?.told);
        expect(Buffer.compare(lean?.words as Uint8Array, general?.words as Uint8Array)).toBe(0);
      }),
      { numRuns: 4, seed: 11 },
    );
  });
});

/** Tells which way a page went. */
class ShortTable extends RadixTable {
  unmapShort(iovaHi: number, iovaLo: number): boolean {
    return this.unmapOne(iovaHi, iovaLo);
  }
}

class ShortWalker extends RadixWalker {
  get isShort(): boolean {
    return this.leanReads !== 0;
  }
}

it.each(everyShape)('%s: finds the entry of every page, whatever its index', (_name, under, levels) => {
  const granule = under.format.granuleShift;
  const page = fc.bigInt({ min: 0n, max: (1n << BigInt(under.inputBits - granule)) - 2n });
  fc.assert(
    fc.property(fc.uniqueArray(page, { minLength: 1, maxLength: 4 }), (pages) => {
      const place = makeMemory(4);
      const { format, inputBits, leafBits, tableBits } = under;
      const table = new ShortTable({ ...place, format, inputBits, leafBits, tableBits, levels });
      const isPlain = format.address[0]?.address === format.address[0]?.bits[1] && inputBits >= 32;
      const isShort = isPlain && levels <= 4;
      const isShortWalk = isPlain && ((granule === 12 && levels === 4) || (granule === 16 && levels === 3));
      // Of two neighbours, the second finds the tables of the first, unless it lies in the next one.
      const all = [...new Set(pages.flatMap((first) => [first, first + 1n]))];
      const paOf = (of: bigint): bigint => ((of & 0xffffn) | 0x1_0000n) << BigInt(granule);
      const gather = new IotlbGather();
      const iovas = all.map((of): [number, number] => [hi32(of << BigInt(granule)), lo32(of << BigInt(granule))]);
      iovas.forEach(([hi, lo], index) => {
        const pa = paOf(all[index] as bigint);
        expect(table.mapPages(hi, lo, hi32(pa), lo32(pa), granule, 1, 3, gather)).toBe(0);
      });
      const found = (): (bigint | null)[] =>
        iovas.map(([hi, lo]) => (table.iovaToPhys(hi, lo) ? join64(table.foundPaHi, table.foundPaLo) : null));
      const walker = new ShortWalker({ memory: place.memory, format });
      const root = rootOf(table);
      walker.prepare(root);
      const walked = (): (bigint | null)[] =>
        iovas.map(([hi, lo]) => {
          if (!walker.walk(root, hi, lo, Access.READ)) return null;
          expect(walker.isShort).toBe(isShortWalk);
          expect([walker.pageShift, walker.level, walker.reads]).toEqual([granule, 0, levels]);
          return join64(walker.paHi, walker.paLo);
        });
      const expected: (bigint | null)[] = all.map(paOf);
      expect(found()).toEqual(expected);
      expect(walked()).toEqual(expected);
      iovas.forEach(([hi, lo], index) => {
        if (isShort) expect(table.unmapShort(hi, lo)).toBe(true);
        else expect(table.unmapPages(hi, lo, granule, 1, gather)).toBe(2 ** granule);
        expected[index] = null;
        expect(found()).toEqual(expected);
        expect(walked()).toEqual(expected);
      });
    }),
    { numRuns: 8, seed: 13 },
  );
});
