import { DIRTY_NO_CLEAR, Errno, hi32, HwptFlag, IotlbGather, lo32, Prot } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../../src/index.js';
import { attached, map, QueuedCommands, tlbiOf, unmap } from '../bench-machine.js';

const PA = 0x1_2000_0000n;
const RW = Prot.READ | Prot.WRITE | Prot.CACHE;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

const server = SMMU_V3_PRESETS.server;
const RIL = 1 << 10;

describe('the tables of a domain', () => {
  it.each([
    { block: '2 MiB', shift: 21, hole: 12 },
    { block: '1 GiB', shift: 30, hole: 21 },
    { block: '1 GiB', shift: 30, hole: 12 },
  ])('splits a block of $block for a hole of 2^$hole bytes and keeps the rest', ({ shift, hole }) => {
    const { domain, port, backend } = attached({ preset: 'server', idr3: server.idr3 & ~RIL });
    const base = 0x40_0000_0000n;
    const target = 0x1_4000_0000n;
    const size = 1n << BigInt(shift);
    const gap = 1n << BigInt(hole);
    expect(map(domain, base, target, shift, 1, RW)).toBe(0);
    expect(port.read(base + gap, 4).status).toBe('ok');
    expect(unmap(domain, base + gap, hole, 1)).toBe(2 ** hole);
    for (const offset of [0n, gap - 4n, 2n * gap, size - 4n]) {
      expect(port.read(base + offset, 4).pieces[0]?.pa).toBe(target + offset);
      expect(port.write(base + offset, Uint8Array.of(1)).status).toBe('ok');
    }
    for (const offset of [gap, 2n * gap - 4n]) expect(port.read(base + offset, 4).status).toBe('blocked');
    expect(backend.unit.explain(0x10, -1, base + gap, 1).pa).toBeUndefined();
  });

  it('leaves a split block in the TLB, as Linux 6.12 does: the range names the level of the hole', () => {
    const { domain, port, backend, memory } = attached({ preset: 'server' });
    const base = 0x40_0000_0000n;
    expect(map(domain, base, 0x1_4000_0000n, 21, 1, RW)).toBe(0);
    expect(port.read(base, 4).status).toBe('ok');
    const queue = new QueuedCommands(backend.unit, memory);
    expect(unmap(domain, base, 12, 1)).toBe(4096);
    // TTL 3, but what is cached is a leaf of level 2: the architecture asks nothing of the unit then (IHI 0070 4.4.1).
    expect(tlbiOf(queue.take())).toEqual([{ address: base, leaf: true, ttl: 3, tg: 1, num: 0, scale: 0 }]);
    expect(port.read(base, 4).status).toBe('ok');
    expect(backend.unit.explain(0x10, -1, base, 1).pa).toBeUndefined();
    domain.flushAll();
    expect(port.read(base, 4).status).toBe('blocked');
    expect(port.read(base + 0x1000n, 4).status).toBe('ok');
  });

  it('flushes walks before a table that a block-sized unmap unlinked is freed', () => {
    const { domain, port, backend, memory, tableFrames } = attached({ preset: 'server' });
    const base = 0x40_0000_0000n;
    expect(map(domain, base, PA, 12, 512, RW)).toBe(0);
    expect(port.read(base + 0x1000n, 4).status).toBe('ok');
    const queue = new QueuedCommands(backend.unit, memory);
    const before = tableFrames.framesInUse;
    expect(unmap(domain, base, 21, 1)).toBe(2 * MIB);
    expect(tableFrames.framesInUse).toBe(before - 1);
    // Linux hands the freed table to the walk flush as 2 MiB of granules, level unknown; the pages follow as one block.
    expect(tlbiOf(queue.take())).toEqual([
      { address: base, leaf: false, ttl: 0, tg: 1, num: 0, scale: 9 },
      { address: base, leaf: true, ttl: 2, tg: 1, num: 0, scale: 9 },
    ]);
    expect(port.read(base + 0x1000n, 4).status).toBe('blocked');
    // A new table at the same place must not be shadowed by the old one.
    expect(map(domain, base + 0x3000n, PA + 0x8000n, 12, 1, RW)).toBe(0);
    expect(port.read(base + 0x3000n, 4).pieces[0]?.pa).toBe(PA + 0x8000n);
    expect(port.read(base + 0x1000n, 4).status).toBe('blocked');
  });

  it('flushes walks when a block takes the place of an empty table', () => {
    const { domain, port, backend, memory, tableFrames } = attached({ preset: 'server' });
    const base = 0x40_0000_0000n;
    expect(map(domain, base, PA, 12, 1, RW)).toBe(0);
    expect(port.read(base, 4).status).toBe('ok');
    expect(unmap(domain, base, 12, 1)).toBe(4096);
    const queue = new QueuedCommands(backend.unit, memory);
    const before = tableFrames.framesInUse;
    expect(map(domain, base, 0x1_4000_0000n, 21, 1, RW)).toBe(0);
    expect(tableFrames.framesInUse).toBe(before - 1);
    expect(tlbiOf(queue.take())).toEqual([{ address: base, leaf: false, ttl: 0, tg: 1, num: 0, scale: 9 }]);
    expect(port.read(base + 0x1000n, 4).pieces[0]?.pa).toBe(0x1_4000_1000n);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('keeps a domain whole when table frames run out after %i allocations', (allowed) => {
    const { backend, dev, domain, limit, tableFrames, port } = attached();
    // The domain has its root so far.
    const others = tableFrames.framesInUse - 1;
    expect(map(domain, 0n, PA, 12, 1, RW)).toBe(0);
    // Two pages at both sides of a 512 GiB boundary: three tables for each.
    const iova = (1n << 40n) - 0x1000n;
    limit.left = allowed;
    const errno = map(domain, iova, PA, 12, 2, RW);
    limit.left = Number.POSITIVE_INFINITY;
    expect(errno).toBe(allowed < 6 ? Errno.ENOMEM : 0);
    const mapped = Math.floor(allowed / 3);
    expect(domain.mappedPages).toBe(mapped);
    expect(port.read(iova, 4).status).toBe(mapped > 0 ? 'ok' : 'blocked');
    expect(port.read(iova + 0x1000n, 4).status).toBe(mapped > 1 ? 'ok' : 'blocked');
    // What core does with the part that was mapped.
    if (mapped > 0) expect(unmap(domain, iova, 12, mapped)).toBe(mapped * 4096);
    expect(port.read(iova, 8192).status).toBe('blocked');
    expect(port.read(0n, 4).pieces[0]?.pa).toBe(PA);
    expect(map(domain, iova, PA, 12, 2, RW)).toBe(0);
    expect(port.read(iova, 8192).status).toBe('ok');
    backend.detach(dev);
    domain.free();
    expect(tableFrames.framesInUse).toBe(others);
  });

  it('unmaps nothing of a block that it has no memory to split', () => {
    const { domain, limit, tableFrames, port } = attached();
    expect(map(domain, BigInt(GIB), 0x1_4000_0000n, 30, 1, RW)).toBe(0);
    const before = tableFrames.framesInUse;
    for (const allowed of [0, 1]) {
      limit.left = allowed;
      expect(unmap(domain, BigInt(GIB), 12, 1)).toBe(0);
      limit.left = Number.POSITIVE_INFINITY;
      expect(port.read(BigInt(GIB), 4).pieces[0]?.pa).toBe(0x1_4000_0000n);
      expect(port.read(BigInt(2 * GIB) - 4n, 4).status).toBe('ok');
    }
    expect(tableFrames.framesInUse - before).toBeLessThanOrEqual(1);
    expect(unmap(domain, BigInt(GIB), 12, 1)).toBe(4096);
    domain.flushAll();
    expect(port.read(BigInt(GIB), 4).status).toBe('blocked');
    expect(port.read(BigInt(GIB) + 0x1000n, 4).status).toBe('ok');
  });

  it.each([
    { pageSize: 16_384, page: 14, block: 25 },
    { pageSize: 65_536, page: 16, block: 29 },
  ] as const)('uses the granule of the kernel: pages of $pageSize bytes', ({ pageSize, page, block }) => {
    const { domain, port, backend, memory } = attached({ preset: 'server' }, { pageSize });
    expect(domain.pageSizes).toBe((1n << BigInt(page)) | (1n << BigInt(block)));
    const iova = 0x7000_0000_0000n;
    const target = 0x1_4000_0000n;
    expect(map(domain, iova, target, block, 1, RW)).toBe(0);
    expect(map(domain, iova - BigInt(pageSize), target, page, 1, RW)).toBe(0);
    expect(port.read(iova + (1n << BigInt(block)) - 4n, 4).pieces[0]?.pa).toBe(target + (1n << BigInt(block)) - 4n);
    expect(port.read(iova - 4n, 4).pieces[0]?.pa).toBe(target + BigInt(pageSize) - 4n);
    // The block leaves the TLB first: its split would not take it out (see above).
    domain.flushAll();
    const queue = new QueuedCommands(backend.unit, memory);
    expect(unmap(domain, iova, page, 1)).toBe(pageSize);
    expect(tlbiOf(queue.take())).toMatchObject([{ address: iova, tg: (page - 10) / 2, ttl: 3, num: 0, scale: 0 }]);
    expect(port.read(iova, 4).status).toBe('blocked');
    expect(port.read(iova + BigInt(pageSize), 4).pieces[0]?.pa).toBe(target + BigInt(pageSize));
    expect(unmap(domain, iova - BigInt(pageSize), page, 1)).toBe(pageSize);
    expect(port.read(iova - 4n, 4).status).toBe('blocked');
  });
});

describe('dirty tracking', () => {
  const tracked = (options: SmmuV3Options = {}) => {
    const at = attached({ preset: 'server', ...options }, {}, HwptFlag.DIRTY_TRACKING);
    const { dirty } = at.domain;
    if (dirty === undefined) throw new Error('no dirty tracking');
    const read = (bytes: number, flags = 0): [iova: number, bytes: number][] => {
      const found: [number, number][] = [];
      const gather = new IotlbGather();
      const sink = { mark: (_hi: number, lo: number, size: number) => void found.push([lo, size]) };
      expect(dirty.readAndClear(hi32(0n), lo32(0n), bytes, flags, sink, gather)).toBe(0);
      at.domain.syncUnmap(gather);
      return found;
    };
    expect(dirty.setTracking(true)).toBe(0);
    return { ...at, read };
  };

  it('is not there on a unit that does not write dirty state', () => {
    const { backend, dev, domain } = attached();
    expect(backend.allocPaging(dev, HwptFlag.DIRTY_TRACKING, undefined)).toBe(Errno.EOPNOTSUPP);
    expect(domain.dirty).toBeUndefined();
  });

  it('finds what was written, by page and by block', () => {
    const { domain, port, read } = tracked({ caches: false });
    map(domain, 0n, PA, 12, 4, RW);
    map(domain, BigInt(2 * MIB), 0x1_4000_0000n, 21, 1, RW);
    map(domain, 0x5000n, PA, 12, 1, Prot.READ);
    // Linux maps writable pages without AP[2], which is dirty with DBM: the first reading cleans them.
    read(GIB);
    expect(read(GIB)).toEqual([]);
    expect(port.read(0x1000n, 4).status).toBe('ok');
    expect(read(GIB)).toEqual([]);
    expect(port.write(0x1000n, Uint8Array.of(1)).status).toBe('ok');
    expect(port.write(BigInt(2 * MIB) + 0x1234n, Uint8Array.of(1)).status).toBe('ok');
    expect(port.write(0x5000n, Uint8Array.of(1)).pieces[0]?.fault).toMatchObject({ name: 'F_PERMISSION' });
    const written = [
      [0x1000, 0x1000],
      [2 * MIB, 2 * MIB],
    ];
    expect(read(GIB, DIRTY_NO_CLEAR)).toEqual(written);
    expect(read(GIB)).toEqual(written);
    expect(read(GIB)).toEqual([]);
  });

  it('loses writes through a cached dirty translation, as Linux 6.12 does: cleaning invalidates nothing', () => {
    const { domain, port, read, backend, memory } = tracked();
    map(domain, 0n, PA, 12, 1, RW);
    expect(port.write(0n, Uint8Array.of(1)).status).toBe('ok');
    const queue = new QueuedCommands(backend.unit, memory);
    expect(read(0x1000)).toEqual([[0, 0x1000]]);
    expect(queue.take()).toEqual([]);
    expect(port.write(0n, Uint8Array.of(2)).status).toBe('ok');
    expect(read(0x1000)).toEqual([]);
    // Once the entry is gone from the TLB the walk sets the dirty state again.
    domain.flushAll();
    expect(port.write(0n, Uint8Array.of(3)).status).toBe('ok');
    expect(read(0x1000)).toEqual([[0, 0x1000]]);
  });

  it('walks for a write through a translation that was cached clean', () => {
    const { domain, port, read } = tracked();
    map(domain, 0n, PA, 12, 1, RW);
    read(0x1000);
    expect(port.read(0n, 4).status).toBe('ok');
    expect(read(0x1000)).toEqual([]);
    expect(port.write(0n, Uint8Array.of(1)).status).toBe('ok');
    expect(read(0x1000)).toEqual([[0, 0x1000]]);
  });
});
