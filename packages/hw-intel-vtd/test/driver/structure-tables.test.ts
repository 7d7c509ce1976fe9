import { describe, expect, it } from 'vitest';
import { StructureTables } from '../../src/driver/structure-tables.js';
import { bareMemory, wordsOf } from '../bench-machine.js';

type Store = [address: bigint, bytes: number, word: bigint];

/** Tables whose stores are logged as the driver writes them back: address, bytes, and the word that is there then. */
function tables(mode: { isScalable: boolean; hasPasids?: boolean }) {
  const { memory, tableFrames, limit } = bareMemory();
  const word = wordsOf(memory);
  const stores: Store[] = [];
  const flush = (hi: number, lo: number, bytes: number): void => {
    const at = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    stores.push([at, bytes, word(at)]);
  };
  const made = new StructureTables(memory, tableFrames, { hasPasids: false, ...mode }, flush);
  return { made, tableFrames, limit, word, stores, take: () => stores.splice(0) };
}

const pointerOf = (entry: bigint): bigint => entry & ~0xfffn;

describe('legacy mode', () => {
  it('leads from the root entry of a bus to the context entry of device and function', () => {
    const { made, word, take } = tables({ isScalable: false });
    expect(take()).toEqual([[made.root, 4096, 0n]]);
    expect(made.cover(0x308)).toBe(true);
    const root = word(made.root + 3n * 16n);
    expect(root & 0xfffn).toBe(1n);
    const table = pointerOf(root);
    // The table is written back, empty, before a pointer leads to it.
    expect(take()).toEqual([
      [table, 4096, 0n],
      [made.root + 0x30n, 8, table | 1n],
    ]);
    expect(made.entryAt(0x308, 0)).toBe(table + 0x80n);
    expect(made.contextEntryAt(0x3ff)).toBe(table + 0xff0n);
    expect(word(made.root + 0x38n)).toBe(0n);
  });

  it('makes one table for a bus', () => {
    const { made, tableFrames } = tables({ isScalable: false });
    made.cover(0x100);
    const before = tableFrames.framesInUse;
    expect(made.cover(0x1ff)).toBe(true);
    expect(tableFrames.framesInUse).toBe(before);
    expect(made.cover(0x200)).toBe(true);
    expect(tableFrames.framesInUse).toBe(before + 1);
  });

  it('stores P last, clears it first, and keeps the rest until the entry is zeroed', () => {
    const { made, take } = tables({ isScalable: false });
    made.cover(0x10);
    const at = made.entryAt(0x10, 0)!;
    take();
    made.write(at, (0x201n << 64n) | 0xabc001n);
    expect(take()).toEqual([
      [at + 8n, 8, 0x201n],
      [at, 8, 0xabc001n],
    ]);
    made.setNotPresent(at);
    expect(take()).toEqual([[at, 8, 0xabc000n]]);
    made.write(at, 0n);
    expect(take()).toEqual([
      [at + 8n, 8, 0n],
      [at, 8, 0n],
    ]);
  });

  it('refuses without memory, and does not start', () => {
    const { made, limit, word } = tables({ isScalable: false });
    limit.left = 0;
    expect(made.cover(0x10)).toBe(false);
    expect(word(made.root)).toBe(0n);
    const { memory, tableFrames, limit: none } = bareMemory();
    none.left = 0;
    const mode = { isScalable: false, hasPasids: false };
    expect(() => new StructureTables(memory, tableFrames, mode, () => undefined)).toThrow(RangeError);
  });
});

describe('scalable mode', () => {
  it.each([
    [0x10, 0n, 0x200n],
    [0x7f, 0n, 0xfe0n],
    [0x80, 8n, 0n],
    [0xfb, 8n, 0xf60n],
  ])('device and function %i: half %i of the root entry, context entry at %i', (devfn, half, offset) => {
    const { made, word } = tables({ isScalable: true });
    expect(made.cover(0x200 | devfn)).toBe(true);
    const table = word(made.root + 0x20n + half);
    expect(table & 0xfffn).toBe(1n);
    expect(word(made.root + 0x20n + (8n - half))).toBe(0n);
    expect(made.contextEntryAt(0x200 | devfn)).toBe(pointerOf(table) + offset);
  });

  it.each([
    [false, 0x401n],
    [true, 0x409n],
  ])('gives a device a directory of 512 entries; PASIDE %s', (hasPasids, bits) => {
    const { made, word, take } = tables({ isScalable: true, hasPasids });
    made.cover(0x10);
    take();
    expect(made.addDirectory(0x10)).toBe(true);
    const context = made.contextEntryAt(0x10);
    const directory = pointerOf(word(context));
    // As Linux leaves it: PDTS 2, RID_PASID 0.
    expect(word(context)).toBe(directory | bits);
    expect([8n, 16n, 24n].map((more) => word(context + more))).toEqual([0n, 0n, 0n]);
    const table = pointerOf(word(directory));
    expect(word(directory)).toBe(table | 1n);
    expect(made.entryAt(0x10, 0)).toBe(table);
    // Whatever the context entry leads to is there before it.
    expect(take().at(-1)).toEqual([context, 8, directory | bits]);
  });

  it('finds the entry of any PASID, with a table for each 64', () => {
    const { made, word, tableFrames, limit } = tables({ isScalable: true, hasPasids: true });
    made.cover(0x10);
    made.addDirectory(0x10);
    const directory = pointerOf(word(made.contextEntryAt(0x10)));
    const before = tableFrames.framesInUse;
    expect(made.entryAt(0x10, 63)).toBe(pointerOf(word(directory)) + 63n * 64n);
    expect(tableFrames.framesInUse).toBe(before);
    const at = made.entryAt(0x10, 0x1041)!;
    expect(at).toBe(pointerOf(word(directory + 0x41n * 8n)) + 64n);
    expect(tableFrames.framesInUse).toBe(before + 1);
    limit.left = 0;
    expect(made.entryAt(0x10, 0x4000)).toBeUndefined();
    expect(made.entryAt(0x10, 0x1042)).toBe(at + 64n);
  });

  it('writes all eight words of an entry, P last, and changes bits of the first', () => {
    const { made, take, word } = tables({ isScalable: true });
    made.cover(0x10);
    made.addDirectory(0x10);
    const at = made.entryAt(0x10, 0)!;
    take();
    made.write(at, (5n << 448n) | (2n << 64n) | 0x7089n);
    expect(take().map(([address]) => address - at)).toEqual([56n, 48n, 40n, 32n, 24n, 16n, 8n, 0n]);
    expect([word(at), word(at + 8n), word(at + 56n)]).toEqual([0x7089n, 2n, 5n]);
    made.setBits(at, 0x200n, true);
    expect(word(at)).toBe(0x7289n);
    made.setBits(at, 0x200n, false);
    expect(word(at)).toBe(0x7089n);
  });

  it('frees every table of a device that goes, and leaves nothing of one that could not come', () => {
    const { made, tableFrames, limit, word } = tables({ isScalable: true, hasPasids: true });
    made.cover(0x10);
    const before = tableFrames.framesInUse;
    for (const allowed of [0, 1]) {
      limit.left = allowed;
      expect(made.addDirectory(0x10)).toBe(false);
      expect(tableFrames.framesInUse).toBe(before);
      expect(word(made.contextEntryAt(0x10))).toBe(0n);
    }
    limit.left = Number.POSITIVE_INFINITY;
    made.addDirectory(0x10);
    made.entryAt(0x10, 0x1041);
    made.removeDirectory(0x10);
    expect(tableFrames.framesInUse).toBe(before);
    expect(word(made.contextEntryAt(0x10))).toBe(0n);
  });
});
