import { NO_PASID, type Endpoint, type InvalidationAnswer } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VTD_PRESETS } from '../../src/index.js';
import type { VtdOptions } from '../../src/index.js';
import { VtdRig } from './rig.js';

const IQH = 0x80;
const IQT = 0x88;
const FSTS = 0x34;
const IQERCD = 0xb0;
const IQE = 0x10;
const ITE = 0x40;
const ICE = 0x20;
const STATUS = 0x3_0000n;
const CAP = 0xd2_008c_222f_0606n;
const DEVICE = 0x0018;

/** Status write of 2, as Linux asks for it (linux-tables: 0x2_00000025 is SW | IF-less wait with FN). */
const wait = (data = 2n, flags = 0x20n): [bigint, bigint] => [(data << 32n) | 5n | flags, STATUS];
const GLOBAL_CONTEXT: [bigint, bigint] = [0x11n, 0n];
const GLOBAL_IOTLB: [bigint, bigint] = [0xd2n, 0n];

describe('wait descriptors', () => {
  it('write their status after everything before, and the head follows', () => {
    const rig = new VtdRig().enable();
    rig.submit(GLOBAL_CONTEXT, GLOBAL_IOTLB, [0x2_0000_0025n, STATUS]);
    expect(rig.load(STATUS)).toBe(2n);
    expect(rig.register(IQH)).toBe(0x30n);
    expect(rig.unit.counters.commands).toBe(3);
  });

  it('raise the invalidation event with IF, once until IWC is cleared', () => {
    const rig = new VtdRig().enable();
    rig.unit.write32(0xa4, 0x41);
    rig.unit.write32(0xa8, 0xfee0_1000 | 0);
    rig.unit.write32(0xa0, 0);
    rig.submit(wait(0n, 0x10n));
    expect(rig.unit.read32(0x9c)).toBe(1);
    expect(rig.messages).toEqual([[0xfee0_1000n, 0x41]]);
    rig.submit(wait(0n, 0x10n));
    expect(rig.messages).toHaveLength(1);
    rig.unit.write32(0x9c, 1);
    rig.submit(wait(0n, 0x10n));
    expect(rig.messages).toHaveLength(2);
  });

  it('ignore bits of the status address that the host does not have', () => {
    const rig = new VtdRig().enable();
    rig.submit([0x2_0000_0025n, STATUS | (1n << 48n) | (1n << 63n)]);
    expect(rig.load(STATUS)).toBe(2n);
  });

  it('with a fence alone do nothing and are legal', () => {
    const rig = new VtdRig().enable();
    rig.submit([0x45n, 0n]);
    expect([rig.register(IQH), rig.unit.read32(FSTS)]).toEqual([0x10n, 0]);
  });
});

describe('errors stop the queue at the descriptor', () => {
  const cases: [string, [bigint, bigint], number][] = [
    ['unknown type', [0xfn, 0n], 3],
    ['type 0', [0n, 0n], 3],
    ['type with high bits', [0x202n, 0n], 3],
    ['reserved field of a context-cache descriptor', [0x8000_0000_0000_0011n, 0n], 4],
    ['upper word of a context-cache descriptor', [0x11n, 1n], 4],
    ['reserved granularity', [0x2n, 0n], 4],
    ['reserved field of an IOTLB descriptor', [0x12n, 0x80n], 4],
    ['reserved field of a wait descriptor', [0x125n, 0n], 4],
    ['page request drain without page requests', [0xa5n, 0n], 4],
    ['PASID type on a unit without scalable mode', [0x26n, 0n], 3],
  ];
  it.each(cases)('%s', (_, descriptor, info) => {
    const rig = new VtdRig().enable();
    rig.submit(GLOBAL_CONTEXT, descriptor, wait());
    expect(rig.unit.read32(FSTS)).toBe(IQE);
    expect(rig.register(IQH)).toBe(0x10n);
    expect(rig.register(IQERCD) & 0xfn).toBe(BigInt(info));
    expect(rig.load(STATUS)).toBe(0n);
    // Software puts a good descriptor in its place and clears the error: the queue goes on from there (VT-d 6.5.2.10).
    rig.store(rig.queue + 0x10n, GLOBAL_IOTLB[0], 0n);
    rig.unit.write32(FSTS, IQE);
    expect([rig.register(IQH), rig.unit.read32(FSTS), rig.load(STATUS)]).toEqual([0x30n, 0, 2n]);
  });

  /** What runs in which table mode and descriptor width (VT-d 6.5.2.11, table of valid types). */
  it.each([
    ['legacy mode has no PASID types', 'legacy', 0n, 0x26n, 3n],
    ['not in wide descriptors either', 'legacy', 0x800n, 0x26n, 3n],
    ['legacy mode takes wide descriptors', 'legacy', 0x800n, 0x11n, 0n],
    ['scalable mode needs wide ones', 'scalable', 0n, 0x11n, 5n],
    ['abort-DMA mode needs wide ones', 'abort', 0n, 0x11n, 5n],
    ['abort-DMA mode has PASID types', 'abort', 0x800n, 0x37n, 0n],
    ['a reserved table mode has nothing', 'reserved', 0x800n, 0x11n, 7n],
  ] as const)('%s', (_, mode, width, type, info) => {
    const rig = new VtdRig({ preset: 'full' }).enable(mode, { queue: false });
    rig.write(0x90, rig.queue | width);
    rig.unit.write32(0x18, 0x8400_0000 | 0);
    rig.store(rig.queue, type, 0n);
    rig.write(IQT, width === 0n ? 0x10n : 0x20n);
    expect([rig.unit.read32(FSTS), rig.register(IQERCD)]).toEqual([info === 0n ? 0 : IQE, info]);
  });

  it.each<[string, VtdOptions, [bigint, bigint], bigint]>([
    ['page-selective without CAP.PSI', { cap: CAP & ~(1n << 39n), ecap: 0xf42n }, [0x32n, 0n], 4n],
    ['a device-TLB type without ECAP.DT', {}, [0x18_0000_0003n, 0n], 3n],
    [
      'PFSID without ECAP.DIT',
      { preset: 'full', ecap: VTD_PRESETS.full.ecap & ~(1n << 41n) },
      [0x120_0018_0000_0003n, 0n],
      4n,
    ],
  ])('%s', (_, options, descriptor, info) => {
    const rig = new VtdRig(options).enable();
    rig.submit(descriptor);
    expect([rig.unit.read32(FSTS), rig.register(IQERCD)]).toEqual([IQE, info]);
  });

  it('the upper half of a 256-bit descriptor must be zero', () => {
    const rig = new VtdRig({ preset: 'full' }).enable('scalable');
    rig.store(rig.queue + 16n, 1n);
    rig.store(rig.queue, 0x11n, 0n);
    rig.write(IQT, 0x20n);
    expect(rig.register(IQERCD) & 0xfn).toBe(4n);
  });

  it('a tail behind the queue is invalid, one between 256-bit descriptors is misaligned', () => {
    const narrow = new VtdRig().enable();
    narrow.write(IQT, 0x1000n);
    expect([narrow.unit.read32(FSTS), narrow.register(IQERCD)]).toEqual([IQE, 1n]);
    const wide = new VtdRig({ preset: 'full' }).enable('scalable');
    wide.write(IQT, 0x30n);
    expect([wide.unit.read32(FSTS), wide.register(IQERCD)]).toEqual([IQE, 6n]);
  });

  it('a queue in a hole is a fetch error', () => {
    const rig = new VtdRig();
    rig.write(0x90, 0x8000_0000n);
    rig.unit.write32(0x18, 0x0400_0000);
    rig.write(IQT, 0x10n);
    expect([rig.unit.read32(FSTS), rig.register(IQERCD)]).toEqual([IQE, 2n]);
  });
});

describe('device-TLB invalidation', () => {
  const options: VtdOptions = { preset: 'full' };
  const answering = (completion: InvalidationAnswer): Endpoint & { ranges: unknown[] } => {
    const ranges: unknown[] = [];
    return {
      ranges,
      invalidateTlb: (range) => {
        ranges.push(range);
        return completion;
      },
      pageGroupResponse: () => undefined,
    };
  };

  it.each<[string, bigint, number, number, number, number]>([
    ['one page', 0x1234_5000n, 0, 0x1234_5000, 0, 0x1234_5fff],
    ['8 KiB', 0x1234_4001n, 0, 0x1234_4000, 0, 0x1234_5fff],
    ['16 KiB', 0x1234_5001n, 0, 0x1234_4000, 0, 0x1234_7fff],
    ['2 MiB', 0x1_000f_f001n, 1, 0, 1, 0x1f_ffff],
    ['everything, as Linux writes it', 0x7fff_ffff_ffff_f001n, 0, 0, -1, -1],
  ])('names %s', (_, address, startHi, startLo, lastHi, lastLo) => {
    const rig = new VtdRig(options).enable();
    const endpoint = answering(1);
    rig.unit.connectEndpoint(DEVICE, endpoint);
    rig.submit([3n | (0x18n << 32n), address]);
    expect(endpoint.ranges).toEqual([{ pasid: NO_PASID, startHi, startLo, lastHi, lastLo }]);
  });

  it('of one PASID, or of all with G', () => {
    const rig = new VtdRig(options).enable('scalable');
    const endpoint = answering(1);
    rig.unit.connectEndpoint(DEVICE, endpoint);
    const q0 = 8n | (0x18n << 16n) | (7n << 32n);
    rig.submit([q0, 0x5000n], [q0, 0x5001n]);
    expect(endpoint.ranges).toMatchObject([{ pasid: 7 }, { pasid: undefined }]);
  });

  it('a time-out aborts the wait behind it, sets ITE and stops until it is cleared', () => {
    const rig = new VtdRig(options).enable();
    rig.submit([3n | (0x18n << 32n), 0x5000n], wait(), GLOBAL_IOTLB, wait(7n));
    expect(rig.unit.read32(FSTS)).toBe(ITE);
    expect((rig.register(IQERCD) >> 32n) & 0xffffn, 'ITESID').toBe(0x18n);
    expect(rig.register(IQH), 'the aborted wait was fetched').toBe(0x20n);
    expect(rig.load(STATUS)).toBe(0n);
    rig.unit.write32(FSTS, ITE);
    expect([rig.register(IQH), rig.load(STATUS)]).toEqual([0x40n, 7n]);
  });

  it('a completion that nobody asked for sets ICE and stops nothing', () => {
    const rig = new VtdRig(options).enable();
    rig.unit.connectEndpoint(DEVICE, answering('unexpected'));
    rig.submit([3n | (0x18n << 32n), 0x5000n], wait());
    expect(rig.unit.read32(FSTS)).toBe(ICE);
    expect(rig.register(IQERCD) >> 48n, 'ICESID').toBe(0x18n);
    expect(rig.load(STATUS)).toBe(2n);
    rig.unit.connectEndpoint(0x20, answering('unexpected'));
    rig.submit([3n | (0x20n << 32n), 0x5000n]);
    expect(rig.register(IQERCD) >> 48n, 'the first stays').toBe(0x18n);
    rig.unit.write32(FSTS, ICE);
    rig.submit([3n | (0x20n << 32n), 0x5000n]);
    expect([rig.register(IQERCD) >> 48n, rig.unit.read32(FSTS)]).toEqual([0x20n, ICE]);
  });
});

describe('stepped completion', () => {
  it('runs as many descriptors as told', () => {
    const rig = new VtdRig({ completion: 'stepped' }).enable();
    rig.submit(GLOBAL_CONTEXT, GLOBAL_IOTLB, wait());
    expect(rig.register(IQH)).toBe(0n);
    expect(rig.unit.step(2)).toBe(2);
    expect([rig.register(IQH), rig.load(STATUS)]).toEqual([0x20n, 0n]);
    expect(rig.unit.step()).toBe(1);
    expect(rig.load(STATUS)).toBe(2n);
    expect(rig.unit.step()).toBe(0);
  });
});

describe('switching the queue', () => {
  it('off has no effect while descriptors are left', () => {
    const rig = new VtdRig({ completion: 'stepped' }).enable();
    rig.submit(GLOBAL_CONTEXT);
    rig.unit.write32(0x18, 0x8000_0000 | 0);
    expect(rig.unit.read32(0x1c) & 0x0400_0000).toBe(0x0400_0000);
    rig.unit.step();
    rig.unit.write32(0x18, 0x8000_0000 | 0);
    expect(rig.unit.read32(0x1c) & 0x0400_0000).toBe(0);
    expect(rig.register(IQH)).toBe(0n);
  });

  it('wraps at the end of the queue', () => {
    const rig = new VtdRig().enable();
    for (let turn = 0; turn < 300; turn++) rig.submit(GLOBAL_CONTEXT);
    expect(rig.register(IQH)).toBe(BigInt((300 * 16) % 4096));
    expect(rig.unit.counters.commands).toBe(300);
  });
});
