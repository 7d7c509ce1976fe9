import { hi32, IotlbGather, join64, lo32, Prot } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { PagingDomain } from '../../src/driver/paging-domain.js';
import { bareBackend, device } from '../bench-machine.js';
import { bookWalk } from '../unit/book-walk.js';
import { DEVICE_TABLE, PTE_RW, READ, Rig } from '../unit/rig.js';

/** Level and log2 of every page size that Next Level 7 can say (48882 2.2.3): above the level's own, below the next one's. */
const SIZES = [1, 2, 3, 4, 5].flatMap((level) => {
  const natural = 3 + 9 * level;
  return Array.from({ length: 8 }, (_, more) => [level, natural + 1 + more] as const);
});
const LEGAL = SIZES.filter(([, shift]) => shift <= 52);

/** Address bits of a page of 2^shift bytes at `pa`: ones below half of the size. */
const coded = (pa: bigint, shift: number): bigint => pa | (((1n << BigInt(shift - 1)) - 1n) & ~0xfffn);
const naturalShift = (level: number): number => 3 + 9 * level;

describe('pages with their size in the address', () => {
  it.each(LEGAL)('level %i, 2^%i bytes: every replica answers for all of the page', (level, shift) => {
    const rig = new Rig();
    const root = rig.hostDevice(8, 5, 6);
    const bytes = 1n << BigInt(shift);
    const step = 1n << BigInt(naturalShift(level));
    const iova = 1n << 56n;
    const pa = shift < 50 ? 1n << 50n : 0n;
    for (let at = iova; at < iova + bytes; at += step) {
      rig.mapHost(root, 6, at, coded(pa, shift) | PTE_RW | 0xe00n, level);
    }
    for (let at = iova; at < iova + bytes; at += step) {
      const offset = at - iova + 0x123n;
      expect(rig.ask(8, iova + offset)).toMatchObject({ pa: pa + offset, pageShift: shift });
      rig.unit.caches.iotlb.clear();
    }
    expect(rig.ask(8, iova + bytes - 4n)).toMatchObject({ pa: pa + bytes - 4n });
    expect(rig.pa(8, iova + bytes)).toBeUndefined();
    expect(rig.pa(8, iova - 1n)).toBeUndefined();
    const word = (at: bigint): bigint => rig.load(at);
    expect(bookWalk(word, rig.load(DEVICE_TABLE + 256n), iova + bytes - 4n, false).bytes).toBe(bytes);
  });

  it.each([1, 2, 3, 4, 5, 6])('at level %i no other size is one', (level) => {
    const rig = new Rig();
    const root = rig.hostDevice(8, 5, 6);
    for (let shift = 13; shift <= 53; shift++) {
      const isLegal = LEGAL.some(([at, size]) => at === level && size === shift);
      rig.mapHost(root, 6, 0n, coded(0n, shift) | PTE_RW | 0xe00n, level);
      rig.command(8n << 60n);
      const { pa, fault } = rig.ask(8, 0n);
      expect([shift, pa !== undefined]).toEqual([shift, isLegal]);
      if (!isLegal) expect(fault?.details).toMatchObject({ present: true, reserved: true });
    }
  });

  it('may differ from replica to replica: each access goes by the one it meets', () => {
    const rig = new Rig();
    const root = rig.hostDevice(8, 5);
    rig.mapHost(root, 3, 0n, coded(0x10_0000_0000n, 13) | PTE_RW | 0xe00n);
    rig.mapHost(root, 3, 0x1000n, coded(0x20_0000_0000n, 13) | PTE_RW | 0xe00n);
    expect(rig.pa(8, 0x1abcn)).toBe(0x20_0000_1abcn);
    rig.command(8n << 60n);
    expect(rig.pa(8, 0xabcn)).toBe(0x10_0000_0abcn);
  });
});

describe('links', () => {
  it.each([
    [6, 1],
    [6, 4],
    [5, 2],
    [4, 1],
    [3, 1],
  ])('from level %i to level %i: the skipped address bits have to be zero', (from, to) => {
    const rig = new Rig();
    const root = rig.hostDevice(8, 5, from);
    const below = rig.table();
    rig.store(root, below | 0x6000_0000_0000_0001n | (BigInt(to) << 9n));
    const page = 1n << BigInt(naturalShift(to));
    rig.store(below, page | PTE_RW);
    expect(rig.pa(8, 0x123n)).toBe(page + 0x123n);
    for (let level = to + 1; level < from; level++) {
      const { fault } = rig.ask(8, 1n << BigInt(naturalShift(level)));
      expect(fault?.details).toMatchObject({ present: false });
    }
  });

  it.each([1, 2, 3, 4, 5, 6])('level %i: to the same level or a higher one there is no way', (level) => {
    const rig = new Rig();
    const root = rig.hostDevice(8, 5, level);
    for (let next = level; next <= 6; next++) {
      rig.store(root, root | 0x6000_0000_0000_0001n | (BigInt(next) << 9n));
      expect(rig.ask(8, 0n).fault?.details).toMatchObject({ present: true, reserved: true });
    }
  });
});

describe("the driver's pages of every size", () => {
  const { memory, backend } = bareBackend({ preset: 'zen-server' });
  const dev = device(0x10);
  backend.addDevice(dev);
  const domain = backend.allocPaging(dev, 2, undefined);
  if (!(domain instanceof PagingDomain) || domain.dirty === undefined) throw new Error('no domain');
  backend.attach(dev, domain);
  domain.dirty.setTracking(true);
  const { dirty } = domain;
  const load = (at: bigint): bigint => {
    memory.load64(hi32(at), lo32(at));
    return join64(memory.loadedHi, memory.loadedLo);
  };
  /** The table entry that translates an address, found by the book; the walk ends at `level`. */
  const entryAt = (iova: bigint, level: number): bigint => {
    let table = domain.root;
    for (let at = domain.levels; at > level; at--) {
      table = load(table + 8n * ((iova >> BigInt(naturalShift(at))) & 0x1ffn)) & 0xf_ffff_ffff_f000n;
    }
    return table + 8n * ((iova >> BigInt(naturalShift(level))) & 0x1ffn);
  };
  const offered = LEGAL.filter(([, shift]) => ((domain.pageSizes >> BigInt(shift)) & 1n) === 1n);

  it('are all that the format has up to 2^51 bytes', () => {
    expect(offered).toHaveLength(LEGAL.length - 1);
  });

  it.each(offered)('level %i, 2^%i bytes: maps, reads dirty bits and unmaps all replicas', (level, shift) => {
    const bytes = 1n << BigInt(shift);
    const step = 1n << BigInt(naturalShift(level));
    const iova = 1n << 55n;
    const prot = Prot.READ | Prot.WRITE;
    expect(domain.mapPages(hi32(iova), lo32(iova), hi32(bytes), lo32(bytes), shift, 1, prot)).toBe(0);
    const replicas: bigint[] = [];
    for (let at = iova; at < iova + bytes; at += step) replicas.push(entryAt(at, level));
    const golden = coded(bytes, shift) | PTE_RW | 0xe00n;
    expect(replicas.map(load)).toEqual(replicas.map(() => golden));

    const read = (): number[] => {
      const marked: number[] = [];
      const gather = new IotlbGather();
      const sink = { mark: (_hi: number, _lo: number, size: number) => void marked.push(size) };
      expect(dirty.readAndClear(hi32(iova), lo32(iova), Number(bytes), 0, sink, gather)).toBe(0);
      return marked;
    };
    // Hardware sets D in the replica that it walked; the reader looks at all, and clears all.
    for (const marked of new Set([0, 1, replicas.length - 1])) {
      const at = replicas[marked]!;
      memory.store64(hi32(at), lo32(at), hi32(golden), lo32(golden) | 0x60);
      expect(read().reduce((sum, size) => sum + size, 0)).toBe(Number(bytes));
      expect(replicas.map(load).filter((word) => (word & 0x40n) !== 0n)).toEqual([]);
      expect(read()).toEqual([]);
    }
    const gather = new IotlbGather();
    expect(domain.unmapPages(hi32(iova), lo32(iova), shift, 1, gather)).toBe(Number(bytes));
    domain.syncUnmap(gather);
    expect(replicas.map(load)).toEqual(replicas.map(() => 0n));
  });

  it('have the dirty bit in the walked replica alone', () => {
    const prot = Prot.READ | Prot.WRITE;
    expect(domain.mapPages(0, 0, 1, 0, 16, 1, prot)).toBe(0);
    expect(backend.unit.translate(dev.requesterId, -1, 0, 0x5000, READ)).toBe(true);
    expect(backend.unit.translate(dev.requesterId, -1, 0, 0x5000, 2)).toBe(true);
    const dirtyBits = Array.from({ length: 16 }, (_, at) => (load(entryAt(BigInt(at) * 0x1000n, 1)) & 0x40n) !== 0n);
    expect(dirtyBits).toEqual(Array.from({ length: 16 }, (_, at) => at === 5));
  });
});
