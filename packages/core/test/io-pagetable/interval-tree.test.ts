import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AccessRange } from '../../src/io-pagetable/held-pages.js';
import { IntervalTree } from '../../src/io-pagetable/interval-tree.js';

const range = fc.tuple(fc.nat(40), fc.nat(6)).map(([first, span]) => [first, first + span] as const);

describe('IntervalTree', () => {
  it('answers as a list of overlapping ranges does', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(range, fc.nat(3), range), { maxLength: 120 }), (moves) => {
        const tree = new IntervalTree<AccessRange>();
        let list: AccessRange[] = [];
        for (const [[first, last], remove, [low, high]] of moves) {
          const known = list[first % Math.max(1, list.length)];
          if (remove === 0 && known !== undefined) {
            tree.remove(known);
            list = list.filter((each) => each !== known);
          } else {
            const added = new AccessRange(first, last);
            tree.insert(added);
            list.push(added);
          }
          const inOrder = list.toSorted((a, b) => a.firstIndex - b.firstIndex);
          const hit = inOrder.find((each) => each.firstIndex <= high && low <= each.lastIndex);
          expect(tree.firstIn(low, high)?.firstIndex).toBe(hit?.firstIndex);
          expect(tree.firstIndexAfter(low)).toBe(inOrder.find((each) => each.firstIndex > low)?.firstIndex ?? Infinity);
          expect(tree.exact(low, high) !== null).toBe(
            list.some((each) => each.firstIndex === low && each.lastIndex === high),
          );
          expect(tree.empty).toBe(list.length === 0);
        }
        const seen: number[] = [];
        tree.forEach((each) => void seen.push(each.firstIndex));
        expect(seen).toEqual(list.map((each) => each.firstIndex).toSorted((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  });

  it('finds an exact range among many that begin where it begins', () => {
    const tree = new IntervalTree<AccessRange>();
    const ranges = Array.from({ length: 50 }, (_, span) => new AccessRange(7, 7 + span));
    for (const each of ranges) tree.insert(each);
    for (const each of ranges) expect(tree.exact(7, each.lastIndex)).toBe(each);
    expect(tree.exact(7, 60)).toBeNull();
    expect(tree.exact(8, 9)).toBeNull();
  });

  it('refuses to remove a range that is not in it', () => {
    expect(() => new IntervalTree<AccessRange>().remove(new AccessRange(0, 1))).toThrow('not in this tree');
  });
});
