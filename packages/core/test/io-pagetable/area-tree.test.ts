import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AreaTree } from '../../src/io-pagetable/area-tree.js';
import { Area } from '../../src/io-pagetable/area.js';
import type { AreaTable } from '../../src/io-pagetable/filled-range.js';
import { HoleTest } from '../../src/io-pagetable/hole-test.js';
import { byteOf, joinKey, pageOf } from '../../src/io-pagetable/iova-key.js';

const owner = { pageSize: 4096 } as AreaTable;

function area(start: bigint, length: bigint): Area {
  return new Area(owner, pageOf(start), byteOf(start), pageOf(length - 1n), byteOf(length - 1n), 0, 0, 0);
}

const firstIn = (tree: AreaTree, start: bigint, last: bigint): Area | null =>
  tree.firstIn(pageOf(start), byteOf(start), pageOf(last), byteOf(last));

function hole(tree: AreaTree, start: bigint, last: bigint, length: bigint, alignment: number): bigint | null {
  const test = new HoleTest(pageOf(length - 1n), byteOf(length - 1n), alignment, 0);
  return tree.firstHole(pageOf(start), byteOf(start), pageOf(last), byteOf(last), test)
    ? joinKey(test.page, test.byte)
    : null;
}

function naiveHole(list: readonly Area[], start: bigint, last: bigint, length: bigint, align: bigint): bigint | null {
  let from = start;
  const fits = (low: bigint, high: bigint): bigint | null => {
    const at = ((low + align - 1n) / align) * align;
    return at < high && high - at >= length - 1n ? at : null;
  };
  for (const each of list) {
    if (each.last < start || each.iova > last) continue;
    if (each.iova > from) {
      const found = fits(from, each.iova - 1n);
      if (found !== null) return found;
    }
    from = each.last + 1n;
  }
  return from <= last ? fits(from, last) : null;
}

// Few enough places that holes open and close, enough entries that leaves and inner nodes split and vanish.
const places = (unit: bigint, count: number): fc.Arbitrary<bigint> => fc.nat(count).map((n) => BigInt(n) * unit);

describe('AreaTree', () => {
  it.each([
    ['bytes', 1n, 3000],
    ['pages', 4096n, 3000],
    ['near 2^64', 0x0040_0000_0000_0000n, 1000],
  ])('finds areas and holes as a sorted list does: %s', (_name, unit, count) => {
    const move = fc.record({
      start: places(unit, count),
      length: fc.integer({ min: 1, max: 5 }).map((n) => BigInt(n) * unit),
      remove: fc.boolean(),
      probe: places(unit, count),
      want: fc.integer({ min: 1, max: 12 }).map((n) => BigInt(n) * unit),
      alignment: fc.constantFrom(1, 4, 0x1000, 0x2000, 0x8000, 0x20_0000),
    });
    fc.assert(
      fc.property(fc.array(move, { minLength: 600, maxLength: 1500 }), (moves) => {
        const tree = new AreaTree();
        let list: Area[] = [];
        for (const [index, { start, length, remove, probe, want, alignment }] of moves.entries()) {
          const last = start + length - 1n;
          const hit = list.find((each) => each.iova <= last && start <= each.last) ?? null;
          expect(firstIn(tree, start, last)).toBe(hit);
          if (hit === null) {
            const added = area(start, length);
            tree.insert(added);
            list = [...list, added].toSorted((a, b) => (a.iova < b.iova ? -1 : 1));
          } else if (remove) {
            tree.remove(hit);
            list = list.filter((each) => each !== hit);
          }
          const end = probe + unit * 200n;
          expect(hole(tree, probe, end, want, alignment)).toBe(naiveHole(list, probe, end, want, BigInt(alignment)));
          if (index % 50 === 0) expect(tree.check()).toEqual([]);
        }
        const seen: Area[] = [];
        tree.forEach((each) => void seen.push(each));
        expect(seen).toEqual(list);
        expect(tree.size).toBe(list.length);
        for (const each of list) tree.remove(each);
        expect([tree.size, ...tree.check()]).toEqual([0]);
      }),
      { numRuns: 8 },
    );
  });

  it('stays sound while ten thousand areas come in order and go in another', () => {
    const tree = new AreaTree();
    const areas = Array.from({ length: 10_000 }, (_, index) => area(BigInt(index) * 8192n, 4096n));
    for (const each of areas) tree.insert(each);
    expect(tree.check()).toEqual([]);
    for (let index = 0; index < areas.length; index++) tree.remove(areas[(index * 7919) % areas.length]!);
    expect(tree.check()).toEqual([]);
    expect(tree.size).toBe(0);
    tree.insert(areas[5]!);
    expect(firstIn(tree, 0n, 0xffff_ffff_ffff_ffffn)).toBe(areas[5]);
  });

  it('does not try holes one by one that are wide enough and badly aligned', () => {
    const tree = new AreaTree();
    // Every block of 16 pages has a hole of 8 pages that starts at its 5th; block 4000 is empty but for its first page.
    for (let block = 0n; block < 5000n; block++) {
      const start = block * 0x1_0000n;
      tree.insert(area(start, block === 4000n ? 0x1000n : 0x5000n));
      if (block !== 4000n) tree.insert(area(start + 0xd000n, 0x3000n));
    }
    const test = new HoleTest(7, 4095, 0x8000, 0);
    let offers = 0;
    const fits = test.fits.bind(test);
    test.fits = (...bounds): boolean => {
      offers++;
      return fits(...bounds);
    };
    expect(tree.firstHole(0, 0, 5000 * 16 - 1, 4095, test)).toBe(true);
    expect(test.page).toBe(4000 * 16 + 8);
    expect(offers).toBeLessThan(4);
  });

  it('refuses to remove an area that is not in it', () => {
    const tree = new AreaTree();
    tree.insert(area(0n, 4096n));
    expect(() => tree.remove(area(0n, 4096n))).toThrow('not in this tree');
  });
});
