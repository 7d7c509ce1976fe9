import { Errno, IotlbGather, Prot } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { device, driverBench, mapRun, REGISTERS, unmapPages, unmapRun } from './driver-bench.js';
import { walk } from './second-stage-walk.js';

const RW = Prot.READ | Prot.WRITE;
const MIB = 0x10_0000;
const DEV = device(0x38);

function attached(registers: { cap: bigint; ecap: bigint } = REGISTERS.aw39) {
  const bench = driverBench(registers);
  const domain = bench.domain();
  bench.driver.addDevice(DEV);
  bench.driver.attach(DEV, domain);
  bench.fake.take();
  const taken = (): string[] => bench.fake.take().map(([q0, q1]) => `${q0.toString(16)} ${q1.toString(16)}`);
  return { ...bench, domain, taken };
}

describe('tables that the driver writes', () => {
  it.each([REGISTERS.aw39, REGISTERS.scalable])(
    'translate every page of random mappings, by an independent walk',
    { timeout: 60_000 },
    (registers) => {
      const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 500, max: 1100 }));
      const run = fc.record({
        iova: fc.integer({ min: 0, max: 0x3_0000 }),
        pa: fc.integer({ min: 0, max: 0x7_0000 }),
        size,
      });
      fc.assert(
        fc.property(fc.array(run, { maxLength: 8 }), (runs) => {
          const { memory, driver, domain: make } = driverBench(registers);
          const domain = make();
          const { levels } = driver.traits;
          const expected = new Map<number, number>();
          for (const { iova, pa, size: pages } of runs) {
            const free = Array.from({ length: pages }, (_, at) => !expected.has(iova + at)).every(Boolean);
            if (!free) continue;
            expect(mapRun(domain, BigInt(iova) << 12n, BigInt(pa) << 12n, pages * 4096, RW)).toBe(0);
            for (let at = 0; at < pages; at++) expected.set(iova + at, pa + at);
          }
          for (const [iova, pa] of expected) {
            expect(walk(memory, domain.root, levels, (BigInt(iova) << 12n) | 0x123n)?.pa).toBe(
              (BigInt(pa) << 12n) | 0x123n,
            );
            for (const beside of [iova - 1, iova + 1]) {
              if (beside < 0 || expected.has(beside)) continue;
              expect(walk(memory, domain.root, levels, BigInt(beside) << 12n)).toBeUndefined();
            }
          }
        }),
        { numRuns: 25 },
      );
    },
  );

  it.each([
    ['read-only', Prot.READ, 0x1n],
    ['read-write', RW, 0x3n],
    // Linux sets bit 0 in every leaf.
    ['write-only', Prot.WRITE, 0x3n],
    ['cached, no execution, device memory', RW | Prot.CACHE | Prot.NOEXEC | Prot.MMIO | Prot.PRIV, 0x3n],
  ])('have the recorded bits in a %s leaf', (_, prot, bits) => {
    const { memory, domain } = attached();
    expect(mapRun(domain, 0x4000_0000n, 0x8000_0000n, 0x4000_0000, prot)).toBe(0);
    expect(mapRun(domain, 0x20_0000n, 0x40_0000n, 2 * MIB, prot)).toBe(0);
    expect(mapRun(domain, 0x1000n, 0x5000n, 4096, prot)).toBe(0);
    expect(walk(memory, domain.root, 3, 0x1000n)).toEqual({ pa: 0x5000n, level: 1, bits });
    expect(walk(memory, domain.root, 3, 0x20_0000n)).toEqual({ pa: 0x40_0000n, level: 2, bits: bits | 0x80n });
    expect(walk(memory, domain.root, 3, 0x4000_0000n)).toEqual({ pa: 0x8000_0000n, level: 3, bits: bits | 0x80n });
  });

  it('map nothing without a right', () => {
    expect(mapRun(attached().domain, 0n, 0n, 4096, Prot.CACHE)).toBe(Errno.EINVAL);
  });

  it('have SNP in every leaf once coherency is enforced, which must be before the first mapping', () => {
    const snoop = { cap: REGISTERS.aw39.cap, ecap: REGISTERS.aw39.ecap | 0x80n };
    const { memory, domain } = attached(snoop);
    expect(domain.enforceCacheCoherency()).toBe(true);
    mapRun(domain, 0x1000n, 0x5000n, 4096, Prot.READ);
    expect(walk(memory, domain.root, 3, 0x1000n)?.bits).toBe(0x801n);
    expect(domain.enforceCacheCoherency()).toBe(true);

    const late = attached(snoop);
    mapRun(late.domain, 0x1000n, 0x5000n, 4096, Prot.READ);
    expect(late.domain.enforceCacheCoherency()).toBe(false);
    expect(attached(REGISTERS.aw39).domain.enforceCacheCoherency()).toBe(false);
  });

  it('use superpages that the unit has', () => {
    const pages = (sslps: bigint): bigint =>
      attached({ cap: (REGISTERS.aw39.cap & ~(0xfn << 34n)) | (sslps << 34n), ecap: REGISTERS.aw39.ecap }).domain
        .pageSizes;
    expect([pages(0n), pages(1n), pages(3n)]).toEqual([0x1000n, 0x20_1000n, 0x4020_1000n]);
  });

  it('refuse read-only pages below nested domains (erratum 772415)', () => {
    const nest = { cap: REGISTERS.scalable.cap, ecap: REGISTERS.scalable.ecap | (1n << 26n) };
    const parent = driverBench(nest).domain({ isNestParent: true });
    expect(mapRun(parent, 0n, 0n, 4096, Prot.READ)).toBe(Errno.EINVAL);
    expect(mapRun(parent, 0n, 0n, 4096, RW)).toBe(0);
  });
});

describe('after a map', () => {
  it('nothing is invalidated without caching mode', () => {
    const { domain, taken } = attached();
    mapRun(domain, 0x1000n, 0x5000n, 4096, RW);
    expect(taken()).toEqual([]);
  });

  it('caching mode drops the block, paging-structure caches included (IH 0)', () => {
    const { domain, taken } = attached(REGISTERS.caching);
    mapRun(domain, 0x4000n, 0x5000n, 4 * 4096, RW);
    expect(taken()).toEqual(['200f2 4002']);
  });

  it('a domain without devices sends nothing', () => {
    const { domain: make, fake } = driverBench(REGISTERS.caching);
    fake.take();
    const domain = make();
    mapRun(domain, 0x1000n, 0x5000n, 4096, RW);
    unmapRun(domain, 0x1000n, 4096);
    domain.flushAll();
    expect(fake.take()).toEqual([]);
  });

  it('the write buffer is flushed where there is one', () => {
    const { domain, fake, taken } = attached({ ...REGISTERS.aw39, cap: REGISTERS.aw39.cap | 0x10n });
    fake.writes.length = 0;
    mapRun(domain, 0x1000n, 0x5000n, 4096, RW);
    expect(fake.writes).toEqual([[0x18, 0x8c00_0000]]);
    expect(taken()).toEqual([]);
  });

  it('a large page that takes the place of a table drops the way through it', () => {
    const { domain, frames, memory, taken } = attached();
    mapRun(domain, 0x20_0000n, 0x5000n, 4096, RW);
    // The page goes without the call that would take its table too.
    unmapRun(domain, 0x20_0000n, 4096);
    taken();
    const before = frames.framesInUse;
    expect(mapRun(domain, 0x20_0000n, 0x40_0000n, 2 * MIB, RW)).toBe(0);
    expect(taken()).toEqual(['200f2 200009']);
    expect(frames.framesInUse).toBe(before - 1);
    expect(walk(memory, domain.root, 3, 0x20_0000n)?.level).toBe(2);
  });
});

describe('after an unmap', () => {
  it('pages are dropped by one block with IH, as recorded', () => {
    const { domain, taken } = attached();
    mapRun(domain, 0x3000_0000n, 0x5000n, 8 * 4096, RW);
    expect(unmapRun(domain, 0x3000_0000n, 8 * 4096)).toBe(8 * 4096);
    expect(taken()).toEqual(['200f2 30000043']);
  });

  it('a table that went is dropped without IH, and its frame comes back only after the wait', () => {
    const { domain, fake, frames, taken } = attached();
    mapRun(domain, 0x20_0000n, 0x5000n, 2 * MIB, RW);
    const held = frames.framesInUse;
    const seen: number[] = [];
    fake.accepts = () => seen.push(frames.framesInUse) > 0;
    expect(unmapRun(domain, 0x20_0000n, 2 * MIB)).toBe(2 * MIB);
    expect(taken()).toEqual(['200f2 200009']);
    expect(seen).toEqual([held, held]);
    expect(frames.framesInUse).toBe(held - 1);
  });

  it('tables of a call that forces a sync wait for the invalidation that covers them', () => {
    const { domain, fake, frames, taken } = attached();
    mapRun(domain, 0x1f_f000n, 0x5000n, 4096 + 2 * MIB, RW);
    const held = frames.framesInUse;
    const gather = new IotlbGather();
    unmapPages(domain, 0x1f_f000n, 12, 1, gather);
    const seen: number[] = [];
    fake.accepts = () => seen.push(frames.framesInUse) > 0;
    unmapPages(domain, 0x20_0000n, 21, 1, gather);
    domain.syncUnmap(gather);
    // One page with IH; then the table's block, without.
    expect(taken()).toEqual(['200f2 1ff040', '200f2 200009']);
    expect(seen).toEqual([held, held, held, held]);
    expect(frames.framesInUse).toBe(held - 1);
  });

  it('the whole domain is dropped for a block beyond MAMV, and without page-selective invalidation', () => {
    // MAMV 0x12: 1 GiB.
    const { domain, taken } = attached();
    mapRun(domain, 0n, 0n, 0x4000_0000, RW);
    mapRun(domain, 0x4000_0000n, 0n, 0x4000_0000, RW);
    unmapRun(domain, 0n, 0x4000_0000);
    expect(taken()).toEqual(['200f2 52']);
    mapRun(domain, 0n, 0n, 0x4000_0000, RW);
    unmapRun(domain, 0n, 0x8000_0000);
    expect(taken()).toEqual(['200e2 0']);

    const none = attached({ ...REGISTERS.aw39, cap: REGISTERS.aw39.cap & ~(1n << 39n) });
    mapRun(none.domain, 0n, 0n, 4096, RW);
    unmapRun(none.domain, 0n, 4096);
    expect(none.taken()).toEqual(['200e2 0']);
  });

  it('every unit, PASID and domain id is told once', () => {
    const { domain, driver, taken } = attached();
    driver.addDevice(device(0x40));
    driver.attach(device(0x40), domain);
    mapRun(domain, 0x1000n, 0n, 4096, RW);
    unmapRun(domain, 0x1000n, 4096);
    expect(taken()).toEqual(['200f2 1040']);
    driver.detach(device(0x40));
    taken();
    domain.flushAll();
    expect(taken()).toEqual(['200e2 0']);
  });
});

describe('table frames', () => {
  it('that run out in the middle of a map leave nothing behind', () => {
    for (let left = 0; left < 4; left++) {
      const { domain, frames, memory } = attached();
      const held: number[] = [];
      for (let frame = frames.allocate(0); frame >= 0; frame = frames.allocate(0)) held.push(frame);
      for (const frame of held.splice(-left, left)) frames.free(frame, 0);
      // Two tables of 2 MiB pages, two of 4 KiB pages.
      const iova = 0x4000_0000n - 0x1000n;
      const errno = mapRun(domain, iova, 0x5000n, 2 * 4096, RW);
      expect(errno).toBe(Errno.ENOMEM);
      for (const at of [iova, iova + 0x1000n]) expect(walk(memory, domain.root, 3, at)).toBeUndefined();
      const inUse = frames.framesInUse;
      domain.free();
      for (const frame of held) frames.free(frame, 0);
      expect(frames.framesInUse).toBeLessThan(inUse - held.length + 1);
    }
  });

  it('all come back when a domain is freed', () => {
    const { domain: make, frames } = driverBench(REGISTERS.aw39);
    const before = frames.framesInUse;
    const domain = make();
    mapRun(domain, 0x1000n, 0x5000n, 5 * MIB, RW);
    mapRun(domain, 0x40_0000_0000n, 0x5000n, 3 * MIB, RW);
    unmapRun(domain, 0x1000n, 5 * MIB);
    unmapRun(domain, 0x40_0000_0000n, 3 * MIB);
    domain.free();
    expect(frames.framesInUse).toBe(before);
  });
});
