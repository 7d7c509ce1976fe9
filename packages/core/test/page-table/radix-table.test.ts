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
  type RadixTable,
} from '../../src/index.js';
import { makeMemory, makeTable, rootOf } from './bench-memory.js';
import { everyFormat, type FormatUnderTest } from './formats.js';
import { referenceWalk } from './reference-walk.js';

/** What software believes is mapped: one entry per granule page. */
class ReferenceMap {
  readonly pages = new Map<bigint, { readonly pa: bigint; readonly leafStart: bigint; readonly leafPages: bigint }>();

  map(iova: bigint, pa: bigint, pages: bigint): void {
    for (let page = 0n; page < pages; page++)
      this.pages.set(iova + page, { pa: pa + page, leafStart: iova, leafPages: pages });
  }
}

const prots = [1, 3, 2];

interface Step {
  readonly kind: 'map' | 'unmap';
  readonly iova: bigint;
  readonly pa: bigint;
  readonly size: number;
  readonly count: number;
  readonly prot: number;
}

/** Few places, close together and at the ends of the aperture, so that steps meet. */
const stepFor = (under: FormatUnderTest): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constantFrom('map' as const, 'map' as const, 'unmap' as const),
    iova: fc.oneof(
      fc.bigInt({ min: 0n, max: 0x40_0000n }),
      fc.constantFrom(0n, (1n << BigInt(under.inputBits)) - 1n, (1n << BigInt(under.inputBits - 1)) - 0x1000n),
      fc.integer({ min: 12, max: under.inputBits - 1 }).map((bit) => (1n << BigInt(bit)) - 1n),
    ),
    pa: fc.oneof(fc.bigInt({ min: 0n, max: (1n << 40n) - 1n }), fc.constantFrom(0n, 0xffff_f000n, 0x1_0000_0000n)),
    size: fc.nat(),
    count: fc.integer({ min: 1, max: 700 }),
    prot: fc.constantFrom(...prots),
  });

/** Page sizes that stay small enough for the reference. */
const sizesOf = (under: FormatUnderTest): number[] => pageShiftsOf(under.format).filter((shift) => shift <= 25);

function run(
  under: FormatUnderTest,
  steps: readonly Step[],
  overwrite: 'refuse' | 'replace',
  unlink: 'range' | 'page' | 'keep',
): ReturnType<typeof makeMemory> {
  const place = makeMemory(32);
  const growing = under.format.nextLevel !== undefined;
  const table = makeTable(under, place, {
    overwrite,
    unlink,
    growingRoot: growing,
    ...(growing ? { inputBits: 39, levels: 3 } : {}),
  });
  const reference = new ReferenceMap();
  const gather = new IotlbGather();
  const granule = BigInt(under.format.granuleShift);
  const sizes = sizesOf(under);
  const probes = new Set<bigint>();
  for (const step of steps) {
    const shift = sizes[step.size % sizes.length] as number;
    const size = 1n << BigInt(shift);
    const leafPages = size >> granule;
    const iova = (step.iova / size) * size;
    const pa = (step.pa / size) * size;
    const last = (1n << BigInt(under.inputBits)) - 1n;
    const room = Number((last - iova + 1n) / size);
    const count = Math.max(1, Math.min(step.count, room, Number(0x800n / leafPages)));
    const first = iova >> granule;
    for (const at of [iova, iova + size / 2n, iova + size * BigInt(count) - 1n, iova + size * BigInt(count)])
      probes.add(at);
    const pages = count * Number(leafPages);
    const inUse = [...Array(pages).keys()].filter((page) => reference.pages.has(first + BigInt(page))).length;
    if (step.kind === 'map' && inUse === 0) {
      expect(table.mapPages(hi32(iova), lo32(iova), hi32(pa), lo32(pa), shift, count, step.prot, gather)).toBe(0);
      expect(table.mappedPages).toBe(count);
      for (let page = 0; page < count; page++) {
        reference.map(first + BigInt(page) * leafPages, (pa >> granule) + BigInt(page) * leafPages, leafPages);
      }
      // A driver that unlinks tables takes what it covers for mapped, as its callers promise.
    } else if (step.kind === 'unmap' && (inUse === pages || unlink === 'keep')) {
      const expected = expectedUnmap(reference, first, pages) * 2 ** under.format.granuleShift;
      expect(table.unmapPages(hi32(iova), lo32(iova), shift, count, gather)).toBe(expected);
    }
    table.releaseGathered(gather);
  }
  check(
    under,
    place,
    table,
    reference,
    [...probes].filter((at) => at >> BigInt(under.inputBits) === 0n),
  );
  table.free();
  return place;
}

/** Pages that an unmap takes: leaf by leaf up to a hole, a larger leaf as a whole. */
function expectedUnmap(reference: ReferenceMap, first: bigint, pages: number): number {
  let taken = 0n;
  let page = first;
  while (page < first + BigInt(pages)) {
    const leaf = reference.pages.get(page);
    if (leaf === undefined) break;
    for (let at = leaf.leafStart; at < leaf.leafStart + leaf.leafPages; at++) reference.pages.delete(at);
    taken += leaf.leafPages;
    page = leaf.leafStart + leaf.leafPages;
  }
  return Number(taken);
}

function check(
  under: FormatUnderTest,
  { memory }: ReturnType<typeof makeMemory>,
  table: RadixTable,
  reference: ReferenceMap,
  probes: readonly bigint[],
): void {
  const root = rootOf(table);
  const slowRoot = { address: join64(table.rootHi, table.rootLo), levels: table.levels, inputBits: table.inputBits };
  const walker = new RadixWalker({ memory, format: under.format });
  const granule = BigInt(under.format.granuleShift);
  for (const at of probes) {
    const expected = reference.pages.get(at >> granule);
    const pa = expected === undefined ? undefined : (expected.pa << granule) | (at & ((1n << granule) - 1n));
    const found = table.iovaToPhys(hi32(at), lo32(at));
    expect(found ? join64(table.foundPaHi, table.foundPaLo) : undefined).toBe(pa);
    const slow = referenceWalk(under.format, memory, slowRoot, at, Access.READ);
    const fast = walker.walk(root, hi32(at), lo32(at), Access.READ);
    expect(fast).toBe(typeof slow === 'object');
    if (typeof slow === 'object') {
      expect(slow.pa).toBe(pa);
      expect({ pa: join64(walker.paHi, walker.paLo), shift: walker.pageShift, reads: walker.reads }).toEqual({
        pa: slow.pa,
        shift: slow.pageShift,
        reads: slow.reads,
      });
    }
  }
}

describe.each(everyFormat.map((under) => [under.format.name, under] as const))('%s', (_name, under) => {
  it('maps and unmaps like a list of pages, and frees every frame', () => {
    fc.assert(
      fc.property(
        fc.array(stepFor(under), { minLength: 1, maxLength: 12 }),
        fc.constantFrom('refuse' as const, 'replace' as const),
        fc.constantFrom('range' as const, 'page' as const, 'keep' as const),
        (steps, overwrite, unlink) => {
          const { frames } = run(under, steps, overwrite, unlink);
          expect(frames.framesInUse).toBe(0);
        },
      ),
      { numRuns: 24, seed: 6 },
    );
  });
});
