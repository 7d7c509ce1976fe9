import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Process } from '@ioasis/core';
import { DmaEntry, DmaList } from '../../src/type1/dma-list.js';

const entry = (iova: bigint, size: bigint): DmaEntry => {
  const made = new DmaEntry(iova, 0n, 3, {} as Process, false);
  // As a mapping is made: inserted empty, grown afterwards.
  made.size = size;
  return made;
};

const listOf = (...ranges: readonly (readonly [bigint, bigint])[]): DmaList => {
  const list = new DmaList();
  for (const [iova, size] of ranges) list.insert(entry(iova, size));
  return list;
};

const TOP = 0xffff_ffff_ffff_f000n;

describe('DmaList', () => {
  it('keeps mappings in order of IOVA', () => {
    const list = listOf([0x3000n, 0x1000n], [0x1000n, 0x1000n], [0x2000n, 0x1000n]);
    expect([...list].map(({ iova }) => iova)).toEqual([0x1000n, 0x2000n, 0x3000n]);
  });

  it('finds what a linear search finds', () => {
    const pages = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 20 });
    fc.assert(
      fc.property(pages, fc.integer({ min: 0, max: 64 }), fc.integer({ min: 1, max: 8 }), (used, start, count) => {
        const list = listOf(...used.map((page) => [BigInt(page) * 0x1000n, 0x1000n] as const));
        const hits = used.filter((page) => page >= start && page < start + count).toSorted((a, b) => a - b);
        const found = list.find(BigInt(start) * 0x1000n, BigInt(count) * 0x1000n);
        expect(found !== undefined).toBe(hits.length > 0);
        const first = list.firstFrom(BigInt(start) * 0x1000n, BigInt(count) * 0x1000n);
        expect(first?.iova).toBe(hits[0] === undefined ? undefined : BigInt(hits[0]) * 0x1000n);
      }),
      { numRuns: 200 },
    );
  });

  it('does not find a mapping that ends with the address space, as Linux 6.12 does not', () => {
    const list = listOf([TOP, 0x1000n]);
    expect(list.find(TOP, 1n)).toBeUndefined();
    expect(list.firstFrom(TOP, 0x1000n)).toBeUndefined();
    expect(list.atTop(TOP, 0x1000n)?.iova).toBe(TOP);
  });

  it('finds nothing with a search that ends with the address space', () => {
    expect(listOf([TOP - 0x1000n, 0x1000n]).find(TOP - 0x1000n, 0x2000n)).toBeUndefined();
  });

  it('lets a mapping that ends with the address space hide the others while it is the root', () => {
    const list = listOf([TOP, 0x1000n], [0x1000n, 0x1000n]);
    expect(list.find(0x1000n, 0x1000n)?.iova).toBe(0x1000n);
    expect(list.firstFrom(0x1000n, 0x1000n)).toBeUndefined();
    // A third one turns the tree: the root is in the middle now.
    list.insert(entry(0x3000n, 0x1000n));
    expect(list.firstFrom(0x1000n, 0x1000n)?.iova).toBe(0x1000n);
  });

  it('removes exactly the given mapping', () => {
    const list = listOf([0x1000n, 0x1000n], [0x2000n, 0x1000n]);
    list.remove(list.first() as DmaEntry);
    expect([...list].map(({ iova }) => iova)).toEqual([0x2000n]);
    expect(list.length).toBe(1);
  });
});
