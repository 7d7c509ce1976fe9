import { Errno, HwptFlag, Prot } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../../src/index.js';
import {
  attached,
  bareBackend,
  device,
  domainOf,
  map,
  opcodeOf,
  QueuedCommands,
  register64,
  unmap,
  wordsOf,
} from '../bench-machine.js';

const { server } = SMMU_V3_PRESETS;
const IOVA = 0x12_3456_7000n;
const PA = 0x1_2000_0000n;
const RW = Prot.READ | Prot.WRITE | Prot.CACHE;
const SYNC = 0x46;
const STAGE2: SmmuV3Options = { preset: 'server', domainStage: 2 };
/** IDR5 with another OAS code. */
const oas = (code: number): number => (server.idr5 & ~7) | code;

/** The stream table entry of device 0x10, four words. */
function entryOf({ backend, memory }: ReturnType<typeof attached>): bigint[] {
  const word = wordsOf(memory);
  const leaf = word(register64(backend.unit, 0x80) & 0x000f_ffff_ffff_ffc0n) & 0x000f_ffff_ffff_ffc0n;
  return [0n, 8n, 16n, 24n].map((at) => word(leaf + 0x10n * 64n + at));
}

describe('a domain of stage 2', () => {
  it.each([{}, { caches: false }, { completion: 'stepped' }, { idr3: server.idr3 & ~0x400 }] as const)(
    'moves bytes and refuses them after the unmap (%o)',
    (options) => {
      const { domain, port, backend } = attached({ ...STAGE2, ...options });
      expect(map(domain, IOVA, PA, 12, 2, RW)).toBe(0);
      expect(port.write(IOVA + 0xffen, Uint8Array.of(1, 2, 3, 4)).status).toBe('ok');
      expect([...port.read(IOVA + 0xffen, 4).data]).toEqual([1, 2, 3, 4]);
      expect(unmap(domain, IOVA, 12, 2)).toBe(8192);
      expect(port.read(IOVA, 4).pieces[0]?.fault).toMatchObject({ name: 'F_TRANSLATION', details: { stage: 2 } });
      // S2 (39), class IN, a read.
      expect(backend.events[0]?.words).toEqual([0x10_0000_0010n, 0x288_0000_0000n, IOVA, IOVA]);
    },
  );

  it('has rights of its own for reading and writing', () => {
    const { domain, port } = attached(STAGE2);
    expect(map(domain, IOVA, PA, 12, 1, Prot.READ)).toBe(0);
    expect(map(domain, IOVA + 0x1000n, PA, 12, 1, Prot.WRITE)).toBe(0);
    expect(port.write(IOVA, Uint8Array.of(1)).pieces[0]?.fault).toMatchObject({ name: 'F_PERMISSION' });
    expect(port.write(IOVA + 0x1000n, Uint8Array.of(9)).status).toBe('ok');
    expect(port.read(IOVA + 0x1000n, 1).pieces[0]?.fault).toMatchObject({ name: 'F_PERMISSION' });
    expect(map(domain, 0n, PA, 12, 1, Prot.CACHE)).toBe(Errno.EINVAL);
  });

  it('writes leaves with memory types, bit by bit', () => {
    const at = attached(STAGE2);
    const { domain, memory } = at;
    const kinds = [RW, Prot.READ, RW | Prot.NOEXEC, Prot.WRITE | Prot.MMIO];
    kinds.forEach((prot, page) => expect(map(domain, BigInt(page) << 12n, PA, 12, 1, prot)).toBe(0));
    const word = wordsOf(memory);
    let table = entryOf(at)[3]! & 0x000f_ffff_ffff_f000n;
    for (let level = 0; level < 3; level++) table = word(table) & 0x000f_ffff_ffff_f000n;
    expect(kinds.map((_, page) => word(table + BigInt(page * 8)) - PA)).toEqual([
      // valid, page, MemAttr 15, S2AP 3, inner shareable, AF
      0x7ffn,
      // MemAttr 5, S2AP 1, outer shareable
      0x657n,
      0x7ffn | (3n << 53n),
      // MemAttr 1, S2AP 2
      0x687n,
    ]);
  });

  it('is announced as Linux does: the stream entry alone, then invalidations by VMID', () => {
    const at = attached(STAGE2);
    const { domain, backend, memory, dev } = at;
    const [q0, q1, q2, q3] = entryOf(at);
    // Config 6; T0SZ 16, SL0 2, write-back, inner shareable, 4K, S2PS 5, AA64, PTW, R; VMID 1.
    expect([q0, q1, q2]).toEqual([0xdn, 0n, 0x044d_3590_0000_0001n]);
    expect(q3! & 0xfffn).toBe(0n);
    map(domain, IOVA, PA, 12, 8, RW);
    const queue = new QueuedCommands(backend.unit, memory);
    unmap(domain, IOVA, 12, 8);
    // TLBI_S2_IPA, VMID 1, NUM 0, SCALE 3; leaf, TTL 3, 4K.
    const [tlbi, sync] = queue.take();
    expect(tlbi).toBe(0x1_0030_002an | ((IOVA | 0x701n) << 64n));
    expect(opcodeOf(sync!)).toBe(SYNC);
    domain.flushAll();
    expect(queue.take()[0]).toBe(0x1_0000_0028n);
    backend.detach(dev);
    // CFGI_STE with a sync after each of two steps; nothing about context descriptors.
    expect(queue.take().map(opcodeOf)).toEqual([0x03, SYNC, 0x03, SYNC, 0x01]);
    expect(backend.attach(dev, domain)).toBe(0);
    expect(queue.take().map(opcodeOf)).toEqual([0x03, SYNC, 0x03, SYNC, 0x01]);
  });

  it.each([
    ['40 bits, 4K: level 1, two tables', 2, 4096, 0x18n, 1n, 0n, 40],
    ['42 bits, 4K: level 1, eight tables', 3, 4096, 0x16n, 1n, 0n, 42],
    ['44 bits, 4K: 32 tables would be too many', 4, 4096, 0x14n, 2n, 0n, 44],
    ['48 bits, 4K: level 0', 5, 4096, 0x10n, 2n, 0n, 48],
    ['48 bits, 16K: level 1, two tables', 5, 16_384, 0x10n, 2n, 2n, 48],
    ['44 bits, 64K: level 1', 4, 65_536, 0x14n, 2n, 1n, 44],
    ['52 bits, 64K', 6, 65_536, 0x0cn, 2n, 1n, 52],
    ['52 bits, 4K: 48 are used', 6, 4096, 0x10n, 2n, 0n, 48],
  ] as const)('%s', (_, code, pageSize, t0sz, sl0, tg, bits) => {
    const wide = code === 6 ? 1 << 10 : 0;
    const at = attached({ ...STAGE2, idr5: oas(code) | wide }, { pageSize });
    const [, , q2] = entryOf(at);
    expect([(q2! >> 32n) & 63n, (q2! >> 38n) & 3n, (q2! >> 46n) & 3n]).toEqual([t0sz, sl0, tg]);
    const { domain, port } = at;
    expect(domain.aperture.last).toBe((1n << BigInt(bits)) - 1n);
    const top = domain.aperture.last + 1n - BigInt(pageSize);
    const shift = Math.log2(pageSize);
    for (const iova of [0n, 0x4000_0000n, top]) {
      expect(map(domain, iova, PA, shift, 1, RW)).toBe(0);
      expect(port.read(iova + 4n, 4).pieces[0]?.pa).toBe(PA + 4n);
      expect(unmap(domain, iova, shift, 1)).toBe(pageSize);
      expect(port.read(iova, 4).status).toBe('blocked');
    }
  });

  it('has 255 VMIDs without VMID16, and gives one out again', () => {
    const { backend } = bareBackend({ ...STAGE2, idr0: server.idr0 & ~(1 << 18) });
    const domains = Array.from({ length: 255 }, () => domainOf(backend.allocPaging(device(0x10), 0, undefined)));
    expect(backend.allocPaging(device(0x10), 0, undefined)).toBe(Errno.ENOSPC);
    domains[7]?.free();
    domainOf(backend.allocPaging(device(0x10), 0, undefined));
    expect(backend.allocPaging(device(0x10), 0, undefined)).toBe(Errno.ENOSPC);
  });

  it('has no dirty tracking, needs no memory to attach, and leaks none', () => {
    const at = bareBackend(STAGE2);
    const { backend, limit, tableFrames } = at;
    expect(backend.addDevice(device(0x10))).toBe(0);
    expect(backend.capabilitiesOf().dirtyTracking).toBe(false);
    expect(backend.allocPaging(device(0x10), HwptFlag.DIRTY_TRACKING, undefined)).toBe(Errno.EOPNOTSUPP);
    const before = tableFrames.framesInUse;
    limit.left = 0;
    expect(backend.allocPaging(device(0x10), 0, undefined)).toBe(Errno.ENOMEM);
    limit.left = 1;
    const domain = domainOf(backend.allocPaging(device(0x10), 0, undefined));
    expect(backend.attach(device(0x10), domain)).toBe(0);
    limit.left = Number.POSITIVE_INFINITY;
    map(domain, IOVA, PA, 12, 1, RW);
    backend.detach(device(0x10));
    domain.free();
    expect(tableFrames.framesInUse).toBe(before);
  });

  it('is what a unit without stage 1 gets by itself, and needs a unit that has stage 2', () => {
    const { domain, port } = attached({ preset: 'server', idr0: server.idr0 & ~2 });
    map(domain, IOVA, PA, 12, 1, RW);
    expect(port.read(IOVA, 1).status).toBe('ok');
    expect(() => bareBackend({ domainStage: 2 })).toThrow(
      'armSmmuv3: domains of stage 2 need a unit that has it (IDR0.S2P)',
    );
  });

  it('takes the attributes of requests as they come where the unit can override them', () => {
    const at = attached({ ...STAGE2, idr1: server.idr1 | (1 << 27) });
    expect(entryOf(at)[1]).toBe(1n << 44n);
  });

  it('lets walks go past the caches, outer shareable, where the unit does not snoop; so does stage 1', () => {
    const idr0 = server.idr0 & ~0x10;
    const [, , q2] = entryOf(attached({ ...STAGE2, idr0 }));
    expect((q2! >> 40n) & 0x3fn).toBe(0x20n);
    const at = attached({ preset: 'server', idr0 });
    const cd = wordsOf(at.memory)(entryOf(at)[0]! & 0x000f_ffff_ffff_ffc0n);
    expect((cd >> 8n) & 0x3fn).toBe(0x20n);
  });
});
