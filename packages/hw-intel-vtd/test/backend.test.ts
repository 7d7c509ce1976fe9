import { CacheLines, DIRTY_NO_CLEAR, Errno, hi32, HwptFlag, IotlbGather, lo32, Prot } from '@ioasis/core';
import { describe, expect, it, vi } from 'vitest';
import { intelVtd, type VtdOptions } from '../src/index.js';
import { attached, bareBackend, device, domainOf, map, portOf, QueuedCommands, unmap } from './bench-machine.js';

const IOVA = 0x12_3456_7000n;
const PA = 0x1_2000_0000n;
const RW = Prot.READ | Prot.WRITE;
const SIZE_2M = 0x20_0000n;
/** Recorded registers of a unit without caching mode, 48 bits. */
const PLAIN_CAP = 0xd2_008c_222f_0606n;
const WBF = 1 << 27;

const presets: readonly VtdOptions[] = [
  { preset: 'qemu-q35-39bit' },
  { preset: 'qemu-q35-48bit', caches: false },
  { preset: 'qemu-q35-48bit-scalable' },
  { preset: 'xeon-skylake-sp' },
  { preset: 'xeon-sapphire-rapids' },
  { preset: 'full' },
];

describe.each(['immediate', 'stepped'] as const)('a VT-d unit with its driver, %s completion', (completion) => {
  const make = (options: VtdOptions = {}, cpuCache?: 'snooped' | 'not-snooped', flags?: number) =>
    attached({ completion, ...options }, cpuCache, flags);

  it.each(presets)('moves bytes through a mapping and refuses them after the unmap (%o)', (options) => {
    const { memory, domain, port, backend } = make(options);
    expect(map(domain, IOVA, PA, 12, 2, RW)).toBe(0);
    expect(port.write(IOVA + 0xffen, Uint8Array.of(1, 2, 3, 4)).status).toBe('ok');
    const bytes = new Uint8Array(4);
    memory.read(PA + 0xffen, bytes);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
    expect([...port.read(IOVA + 0xffen, 4).data]).toEqual([1, 2, 3, 4]);

    expect(unmap(domain, IOVA, 12, 2)).toBe(8192);
    expect(port.read(IOVA, 4).pieces[0]?.fault).toMatchObject({ recorded: 'recorded' });
    expect(port.write(IOVA + 0x1000n, Uint8Array.of(1)).status).toBe('blocked');
    expect(backend.faults).toMatchObject([
      { sourceId: 0x10, address: IOVA, kind: 'read' },
      { sourceId: 0x10, address: IOVA + 0x1000n, kind: 'write' },
    ]);
  });

  it("logs what Linux logs, in Linux's words", () => {
    const at = make({ cap: PLAIN_CAP });
    const { domain, port, backend } = at;
    map(domain, IOVA, PA, 12, 1, Prot.READ);
    port.read(0xdead_b000n, 4);
    port.write(IOVA, Uint8Array.of(1));
    port.read(1n << 50n, 4);
    portOf(at, device(0x308)).read(0n, 4);
    portOf(at, device(0x11)).read(0n, 4);
    expect(backend.faults.map(({ line }) => line)).toEqual([
      'DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0xdeadb000 [fault reason 0x06] PTE Read access is not set',
      'DMAR: [DMA Write NO_PASID] Request device [00:02.0] fault addr 0x1234567000 [fault reason 0x05] PTE Write access is not set',
      'DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x4000000000000 [fault reason 0x04] Access beyond MGAW',
      'DMAR: [DMA Read NO_PASID] Request device [03:01.0] fault addr 0x0 [fault reason 0x01] Present bit in root entry is clear',
      'DMAR: [DMA Read NO_PASID] Request device [00:02.1] fault addr 0x0 [fault reason 0x02] Present bit in context entry is clear',
    ]);
  });

  it('makes write-only mappings readable, and read-only ones stay so', () => {
    const { domain, port } = make();
    expect(map(domain, IOVA, PA, 12, 1, Prot.WRITE)).toBe(0);
    expect(map(domain, IOVA + 0x1000n, PA, 12, 1, Prot.READ)).toBe(0);
    expect(port.write(IOVA, Uint8Array.of(9)).status).toBe('ok');
    expect([...port.read(IOVA, 1).data]).toEqual([9]);
    expect(port.write(IOVA + 0x1000n, Uint8Array.of(9)).status).toBe('blocked');
    expect(map(domain, IOVA + 0x2000n, PA, 12, 1, Prot.CACHE)).toBe(Errno.EINVAL);
    expect(map(domain, IOVA, PA, 12, 1, Prot.READ)).toBe(Errno.EEXIST);
  });

  it('in caching mode a mapping after a fault needs its invalidation, without caching mode it does not', () => {
    const cm = make({ preset: 'qemu-q35-48bit', cachingMode: true });
    map(cm.domain, 0n, PA, 12, 1, RW);
    expect(cm.port.read(IOVA, 4).status).toBe('blocked');
    expect(map(cm.domain, IOVA, PA, 12, 1, RW, false)).toBe(0);
    // A driver that forgets syncMap: the unit keeps what was not present.
    expect(cm.port.read(IOVA, 4).status).toBe('blocked');
    cm.domain.syncMap(hi32(IOVA), lo32(IOVA), hi32(IOVA + 0xfffn), lo32(IOVA + 0xfffn));
    expect(cm.port.read(IOVA, 4).status).toBe('ok');

    const plain = make({ cap: PLAIN_CAP });
    expect(plain.port.read(IOVA, 4).status).toBe('blocked');
    map(plain.domain, IOVA, PA, 12, 1, RW, false);
    expect(plain.port.read(IOVA, 4).status).toBe('ok');
  });

  it.each([{ preset: 'qemu-q35-48bit' }, { preset: 'qemu-q35-48bit-scalable' }] as const)(
    'in caching mode a device that was refused before it was attached is translated afterwards (%o)',
    (options) => {
      const at = bareBackend({ ...options, completion });
      const dev = device(0x10);
      const port = portOf(at, dev);
      expect(port.read(IOVA, 4).status).toBe('blocked');
      at.backend.addDevice(dev);
      expect(port.read(IOVA, 4).status).toBe('blocked');
      const domain = domainOf(at.backend.allocPaging(dev, 0, undefined));
      map(domain, IOVA, PA, 12, 1, RW);
      expect(at.backend.attach(dev, domain)).toBe(0);
      expect(port.read(IOVA, 4).status).toBe('ok');
    },
  );

  it('tracks dirty pages: on, read and clear, off', () => {
    const { domain, port } = make({ preset: 'xeon-sapphire-rapids' }, 'snooped', HwptFlag.DIRTY_TRACKING);
    const { dirty } = domain;
    if (dirty === undefined) throw new Error('no dirty tracking');
    map(domain, 0n, PA, 12, 4, RW);
    map(domain, SIZE_2M, PA + SIZE_2M, 21, 1, RW);
    const read = (flags = 0): [number, number][] => {
      const found: [number, number][] = [];
      const gather = new IotlbGather();
      const sink = { mark: (_hi: number, lo: number, bytes: number) => void found.push([lo, bytes]) };
      expect(dirty.readAndClear(0, 0, 0x40_0000, flags, sink, gather)).toBe(0);
      domain.syncUnmap(gather);
      return found;
    };
    const write = (iova: bigint): string => port.write(iova, Uint8Array.of(1)).status;
    const sink = { mark: () => undefined };
    expect(dirty.readAndClear(0, 0, 0x1000, 0, sink, new IotlbGather())).toBe(Errno.EINVAL);
    expect(write(0x3000n)).toBe('ok');
    expect(dirty.setTracking(true)).toBe(0);
    port.read(0n, 4);
    expect(read()).toEqual([]);
    write(0x1000n);
    write(SIZE_2M + 0x5000n);
    const both = [
      [0x1000, 0x1000],
      [0x20_0000, 0x20_0000],
    ];
    expect(read(DIRTY_NO_CLEAR)).toEqual(both);
    expect(read()).toEqual(both);
    expect(read()).toEqual([]);
    // The unit has these pages in its IOTLB as dirty: without the invalidation of the clear, the next writes leave no mark.
    write(0x1000n);
    expect(read()).toEqual([[0x1000, 0x1000]]);
    expect(dirty.setTracking(false)).toBe(0);
    write(0x2000n);
    expect(dirty.setTracking(true)).toBe(0);
    expect(read()).toEqual([]);
    write(0x2000n);
    expect(read()).toEqual([[0x2000, 0x1000]]);
  });

  it('keeps dirty tracking on for a device that comes later', () => {
    const { backend, domain, ...at } = make({ preset: 'xeon-sapphire-rapids' }, 'snooped', HwptFlag.DIRTY_TRACKING);
    domain.dirty!.setTracking(true);
    const late = device(0x90, 2);
    backend.addDevice(late);
    expect(backend.attach(late, domain)).toBe(0);
    map(domain, 0n, PA, 12, 1, RW);
    portOf({ backend, ...at }, late).write(0n, Uint8Array.of(1));
    const marked: number[] = [];
    const sink = { mark: (_hi: number, _lo: number, bytes: number) => void marked.push(bytes) };
    domain.dirty!.readAndClear(0, 0, 0x1000, 0, sink, new IotlbGather());
    expect(marked).toEqual([0x1000]);
  });

  it.each([
    ['qemu-q35-48bit', ['READ_DENIED', 'CONTEXT_NOT_PRESENT', 'ROOT_NOT_PRESENT']],
    ['xeon-sapphire-rapids', ['SS_ENTRY_NOT_PRESENT', 'SM_CONTEXT_NOT_PRESENT', 'SM_ROOT_NOT_PRESENT']],
  ] as const)('writes cache lines back for walks that do not snoop (%s)', (preset, absent) => {
    const at = make({ preset, coherent: false }, 'not-snooped');
    const { domain, port, memory } = at;
    expect(map(domain, IOVA, PA, 12, 3, RW)).toBe(0);
    expect(port.read(IOVA, 0x3000).status).toBe('ok');
    // Neighbours in the same tables read as absent: the frames' former content, which looks present, is nowhere to be seen.
    const fault = (of: number, iova: bigint): string | undefined => {
      const refused = portOf(at, device(of)).read(iova, 4).pieces[0]?.fault;
      return typeof refused === 'object' ? refused.name : refused;
    };
    for (const iova of [IOVA + 0x3000n, 0n, domain.aperture.last - 0xfffn]) expect(fault(0x10, iova)).toBe(absent[0]);
    expect([fault(0x70, IOVA), fault(0x1f0, IOVA)]).toEqual(absent.slice(1));
    expect(unmap(domain, IOVA, 12, 3)).toBe(0x3000);
    expect(port.read(IOVA, 4).status).toBe('blocked');
    expect(map(domain, IOVA, PA, 12, 1, RW)).toBe(0);
    expect(port.read(IOVA, 4).status).toBe('ok');

    // The same without the flush: the unit does not see the mapping.
    if (!(memory.lineCache instanceof CacheLines)) throw new Error('no cache lines');
    const flush = vi.spyOn(memory.lineCache, 'flush').mockImplementation(() => undefined);
    map(domain, IOVA + 0x8000n, PA, 12, 1, RW);
    expect(port.read(IOVA + 0x8000n, 4).status).toBe('blocked');
    expect(flush).toHaveBeenCalled();
  });

  it('flushes the write buffer after a map where there is one', () => {
    for (const writeBufferFlush of [true, false]) {
      const { backend, domain, port } = make({ cap: PLAIN_CAP, writeBufferFlush });
      const written = vi.spyOn(backend.unit, 'write32');
      map(domain, IOVA, PA, 12, 1, RW);
      const flushes = written.mock.calls.filter(([offset, value]) => offset === 0x18 && (value & WBF) !== 0);
      expect(flushes).toHaveLength(writeBufferFlush ? 1 : 0);
      expect(port.read(IOVA, 4).status).toBe('ok');
    }
  });

  it('forces snooping from the first map on, and not later', () => {
    const SNP = 1n << 11n;
    for (const preset of ['xeon-skylake-sp', 'xeon-sapphire-rapids'] as const) {
      const { backend, dev, domain } = make({ preset });
      expect(domain.enforceCacheCoherency()).toBe(true);
      map(domain, IOVA, PA, 12, 1, RW);
      expect(domain.enforceCacheCoherency()).toBe(true);
      expect(backend.unit.explain(dev.requesterId, -1, IOVA, 1).steps.at(-1)?.words).toEqual([PA | SNP | 3n]);

      const late = domainOf(backend.allocPaging(dev, 0, undefined));
      map(late, IOVA, PA, 12, 1, RW);
      unmap(late, IOVA, 12, 1);
      expect(late.enforceCacheCoherency()).toBe(false);
    }
    const without = make({ snoopControl: false });
    expect(without.domain.enforceCacheCoherency()).toBe(false);
    expect(without.backend.capabilitiesOf(without.dev).enforceCacheCoherency).toBe(false);
  });

  it('puts a superpage over an emptied table, and says IH=0', () => {
    const { backend, memory, domain, port } = make({ cap: PLAIN_CAP });
    const at = 0x31_0000_0000n;
    map(domain, at, PA, 12, 512, RW);
    port.read(at, 4);
    const queue = new QueuedCommands(backend.unit, memory);
    queue.take();
    for (let iova = at; iova < at + SIZE_2M; iova += 0x1000n) {
      expect(unmap(domain, iova, 12, 1)).toBe(4096);
      expect(queue.take()).toEqual([[0x2_00f2n, iova | 0x40n]]);
    }
    expect(map(domain, at, PA + SIZE_2M, 21, 1, RW)).toBe(0);
    expect(queue.take()).toEqual([[0x2_00f2n, at | 9n]]);
    expect(port.read(at + 0x1f_f000n, 4).pieces[0]?.pa).toBe(PA + SIZE_2M + 0x1f_f000n);
    // And small pages in its place again.
    expect(unmap(domain, at, 21, 1)).toBe(0x20_0000);
    expect(map(domain, at, PA, 12, 1, RW)).toBe(0);
    expect(port.read(at, 4).pieces[0]?.pa).toBe(PA);
  });

  it('says IH=1 for pages and IH=0 when tables went, whose frames come back', () => {
    const { backend, memory, tableFrames, domain, port } = make({ cap: PLAIN_CAP });
    map(domain, 0x4000_0000n, PA, 12, 512, RW);
    map(domain, 0x5000_0000n, PA, 12, 2, RW);
    port.read(0x4000_0000n, 4);
    const queue = new QueuedCommands(backend.unit, memory);
    queue.take();
    const before = tableFrames.framesInUse;
    expect(unmap(domain, 0x5000_0000n, 12, 2)).toBe(8192);
    expect(queue.take()).toEqual([[0x2_00f2n, 0x5000_0041n]]);
    expect(tableFrames.framesInUse).toBe(before);
    expect(unmap(domain, 0x4000_0000n, 12, 512)).toBe(0x20_0000);
    expect(queue.take()).toEqual([[0x2_00f2n, 0x4000_0009n]]);
    expect(tableFrames.framesInUse).toBe(before - 1);
    expect(port.read(0x4000_0000n, 4).status).toBe('blocked');
  });

  it.each(presets)('moves a device to another domain and blocks it afterwards (%o)', (options) => {
    const { backend, dev, domain, port } = make(options);
    const other = domainOf(backend.allocPaging(dev, 0, undefined));
    map(domain, IOVA, PA, 12, 1, RW);
    map(other, IOVA, PA + 0x1000n, 12, 1, RW);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
    expect(backend.attach(dev, other)).toBe(0);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA + 0x1000n);
    expect(backend.attach(dev, domain)).toBe(0);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
    backend.detach(dev);
    expect(port.read(IOVA, 1).status).toBe('blocked');
  });
});

describe('what the backend says of itself', () => {
  it('IOMMU_HW_INFO_TYPE_INTEL_VTD: flags, zero, CAP, ECAP', () => {
    const { backend, dev } = attached({ cap: PLAIN_CAP, ecap: 0xf0_0f4an });
    const { type, data } = backend.hwInfo(dev);
    expect(type).toBe(1);
    expect(Buffer.from(data).toString('hex')).toBe('010000000000000006062f228c00d2004a0ff00000000000');
  });

  it('refuses what a unit cannot do with EOPNOTSUPP', () => {
    const legacy = attached({ preset: 'qemu-q35-48bit' });
    const scalable = attached({ preset: 'xeon-sapphire-rapids' });
    const ask = ({ backend, dev }: typeof legacy, flags: number): number => {
      const made = backend.allocPaging(dev, flags, undefined);
      return typeof made === 'number' ? made : 0;
    };
    const { NEST_PARENT, DIRTY_TRACKING, FAULT_ID_VALID } = HwptFlag;
    const flags = [0, NEST_PARENT, DIRTY_TRACKING, NEST_PARENT | DIRTY_TRACKING, FAULT_ID_VALID, 8];
    const NO = Errno.EOPNOTSUPP;
    expect(flags.map((each) => ask(legacy, each))).toEqual([0, NO, NO, NO, NO, NO]);
    expect(flags.map((each) => ask(scalable, each))).toEqual([0, 0, 0, 0, NO, NO]);
    expect(legacy.backend.capabilitiesOf(legacy.dev).dirtyTracking).toBe(false);
    expect(scalable.backend.capabilitiesOf(scalable.dev).dirtyTracking).toBe(true);
    expect(legacy.backend.reservedRegions(legacy.dev)).toEqual([
      { kind: 'msi', start: 0xfee0_0000n, last: 0xfeef_ffffn },
    ]);
  });

  it('refuses wrong options with path, value and what is allowed', () => {
    expect(() => intelVtd({ faultRecords: 0 })).toThrow(RangeError);
    expect(() => intelVtd({ faultRecords: 0 })).toThrow(
      'VT-d options: faultRecords is 0, expected an integer from 1 to 256',
    );
    expect(() => intelVtd({ caches: { ways: 3 } })).toThrow(
      'VT-d options: caches.ways is 3, expected a power of two from 1 to 64',
    );
  });
});
