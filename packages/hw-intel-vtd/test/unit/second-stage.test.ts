import { Access, CacheLines } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;
const A = 0x100n;
const D = 0x200n;

describe('second-stage pages', () => {
  it.each([
    ['three levels', 3, 1n],
    ['four levels', 4, 2n],
    ['five levels', 5, 3n],
  ])('%s', (_, levels, aw) => {
    const rig = new VtdRig({ preset: 'full' });
    const root = rig.context(DEVICE, 5, { aw });
    const iova = (1n << BigInt(12 + 9 * levels - 1)) | 0x1234_5000n;
    rig.map(root, iova, PA | 3n, { levels });
    rig.enable();
    expect(rig.ask(DEVICE, iova | 0x678n)).toBe('0x100000678');
    expect(rig.ask(DEVICE, 1n << BigInt(12 + 9 * levels))).toBe('ADDRESS_BEYOND_WIDTH');
  });

  it('MGAW limits tables that are wider', () => {
    // The unit of an integrated GPU: four-level tables, 39 bits (kernel log: cap 1c0000c40660462).
    const rig = new VtdRig({ cap: 0x1c0_000c_4066_0462n, ecap: 0xf0_20dfn, hostAddressWidth: 39 });
    rig.map(rig.context(DEVICE, 5), IOVA, 0x1000_0003n);
    rig.enable('legacy', { queue: false });
    expect(rig.ask(DEVICE, IOVA)).toBe('0x10000000');
    expect(rig.ask(DEVICE, 1n << 39n)).toBe('ADDRESS_BEYOND_WIDTH');
  });

  it.each([
    ['2 MiB', 2, PA | 0x83n, 0x12_3abcn],
    ['1 GiB', 3, PA | 0x83n, 0x1234_5abcn],
  ])('%s', (_, level, entry, offset) => {
    const rig = new VtdRig();
    rig.map(rig.context(DEVICE, 5), IOVA, entry, { level });
    rig.enable();
    expect(rig.ask(DEVICE, IOVA + offset)).toBe(`0x${(PA + offset).toString(16)}`);
    expect(1n << BigInt(rig.unit.translation.pageShift)).toBe(1n << BigInt(3 + 9 * level));
  });

  it.each([
    ['2 MiB where the unit has none', 2, PA | 0x83n, { pageSizes: [] }],
    ['1 GiB where the unit has none', 3, PA | 0x83n, { pageSizes: ['2M'] }],
    ['a page at level 4', 4, PA | 0x83n, {}],
    ['a 2 MiB page that is not aligned', 2, PA | 0x1083n, {}],
    ['an address above the host width', 1, (1n << 48n) | 3n, {}],
    ['SNP without snoop control', 1, PA | 0x803n, {}],
    ['TM without device TLBs', 1, PA | 3n | (1n << 62n), {}],
    ['bit 11 of a table', 2, 0x5803n, {}],
  ] as const)('reserved: %s', (_, level, entry, options) => {
    const rig = new VtdRig(options);
    rig.map(rig.context(DEVICE, 5), IOVA, entry, { level });
    rig.enable();
    expect(rig.ask(DEVICE, IOVA)).toBe('ENTRY_RESERVED');
  });

  it('SNP is fine with snoop control', () => {
    const rig = new VtdRig({ snoopControl: true });
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 0x803n);
    rig.enable();
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('rights are tested before reserved bits', () => {
    const rig = new VtdRig();
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 0x801n);
    rig.enable();
    expect(rig.ask(DEVICE, IOVA, Access.WRITE)).toBe('WRITE_DENIED');
    expect(rig.ask(DEVICE, IOVA)).toBe('ENTRY_RESERVED');
  });

  it('a table takes rights away', () => {
    const rig = new VtdRig();
    const root = rig.context(DEVICE, 5);
    rig.map(root, IOVA, PA | 3n);
    const link = rig.entryAt(root, 4, IOVA, 3);
    rig.store(link, rig.load(link) & ~2n);
    rig.enable();
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
    expect(rig.ask(DEVICE, IOVA, Access.WRITE)).toBe('WRITE_DENIED');
    expect(rig.ask(DEVICE, IOVA, Access.READ | Access.WRITE | Access.ATOMIC)).toBe('WRITE_DENIED');
  });
});

describe('second-stage accessed and dirty bits', () => {
  const build = (low: bigint): { rig: VtdRig; root: bigint; at: bigint } => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const root = rig.page();
    const at = rig.map(root, IOVA, PA | 3n);
    rig.pasid(directory, 1, { q0: root | low, q1: 5n });
    return { rig: rig.enable('scalable'), root, at };
  };

  it('are set with SSADE: A by a read on every level, D by a write on the page', () => {
    const { rig, root, at } = build(0x289n);
    rig.ask(DEVICE, IOVA, Access.READ, 1);
    for (const level of [4, 3, 2]) expect(rig.load(rig.entryAt(root, 4, IOVA, level)) & A).toBe(A);
    expect(rig.load(at) & (A | D)).toBe(A);
    rig.ask(DEVICE, IOVA, Access.WRITE, 1);
    expect(rig.load(at) & (A | D)).toBe(A | D);
  });

  it('are left alone without it', () => {
    const { rig, at } = build(0x89n);
    rig.ask(DEVICE, IOVA, Access.WRITE, 1);
    expect(rig.load(at)).toBe(PA | 3n);
  });

  it('a cleared D is set again only after the entry left the IOTLB', () => {
    const { rig, at } = build(0x289n);
    rig.ask(DEVICE, IOVA, Access.WRITE, 1);
    rig.store(at, PA | 3n | A);
    rig.ask(DEVICE, IOVA, Access.WRITE, 1);
    expect(rig.load(at) & D, 'dirty tracking without invalidation loses writes').toBe(0n);
    rig.submit([0x32n | (5n << 16n), IOVA]);
    rig.ask(DEVICE, IOVA, Access.WRITE, 1);
    expect(rig.load(at) & D).toBe(D);
  });
});

describe('walks that do not snoop', () => {
  it('see an entry only once its line was flushed', () => {
    const rig = new VtdRig({ coherent: false, cachingMode: false });
    const lines = new CacheLines(rig.memory);
    const root = rig.context(DEVICE, 5);
    const at = rig.entryAt(root, 4, IOVA, 1);
    rig.enable();
    lines.install();
    rig.store(at, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
    lines.flush(0, Number(at), 8);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('nor context entries', () => {
    const rig = new VtdRig({ coherent: false, cachingMode: false });
    rig.contextAt(DEVICE);
    rig.enable();
    const lines = new CacheLines(rig.memory);
    lines.install();
    rig.context(DEVICE, 5);
    expect(rig.ask(DEVICE, IOVA)).toBe('CONTEXT_NOT_PRESENT');
    lines.flushAll();
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
  });

  it('coherent ones see it at once', () => {
    const rig = new VtdRig({ coherent: true });
    const at = rig.entryAt(rig.context(DEVICE, 5), 4, IOVA, 1);
    rig.enable();
    new CacheLines(rig.memory).install();
    rig.store(at, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});

describe('a write buffer (RWBF)', () => {
  it.each([
    ['WBF', (rig: VtdRig): void => rig.unit.write32(0x18, 0x8c00_0000 | 0)],
    ['an invalidation', (rig: VtdRig): void => rig.submit([0xd2n, 0n])],
  ])('holds entries back until %s', (_, drain) => {
    const rig = new VtdRig({ coherent: true, writeBufferFlush: true, cachingMode: false });
    const at = rig.entryAt(rig.context(DEVICE, 5), 4, IOVA, 1);
    rig.enable();
    new CacheLines(rig.memory).install();
    rig.store(at, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
    drain(rig);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});
