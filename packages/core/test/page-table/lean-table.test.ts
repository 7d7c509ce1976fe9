import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hi32, IotlbGather, lo32, pageShiftsOf, type RadixTable, type TableWriteObserver } from '../../src/index.js';
import { makeApart, makeMemory } from './bench-memory.js';
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
