import {
  createMachine,
  Errno,
  hi32,
  HwptFlag,
  IotlbGather,
  lo32,
  Prot,
  RunMapper,
  type IommuDomain,
  type Machine,
  type PciFunction,
} from '@ioasis/core';
import { EduDevice } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { intelVtd, type VtdBackend, type VtdOptions } from '../src/index.js';

const RW = Prot.READ | Prot.WRITE;
/** RAM that no allocator hands out. */
const PA = 0x1230_0000n;

const edu = (): PciFunction => new EduDevice();
const slot = (address: string, group: number) => ({ function: edu(), address, group });

/** A machine with two devices in their own groups. */
function machineWith(options: VtdOptions = {}): Machine {
  return createMachine({
    backend: intelVtd(options),
    devices: [slot('0000:00:01.0', 1), slot('0000:00:02.0', 2)],
  });
}

function domainFor(machine: Machine, address: string, flags = 0): IommuDomain {
  const made = machine.backend.allocPaging(machine.device(address)!.iommu, flags, undefined);
  if (typeof made === 'number') throw new Error(`errno ${made}`);
  return made;
}

const map = (domain: IommuDomain, iova: bigint, pa: bigint, bytes: number, prot = RW): number =>
  new RunMapper(domain).map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), bytes, prot);
const unmap = (domain: IommuDomain, iova: bigint, bytes: number): number =>
  new RunMapper(domain).unmap(hi32(iova), lo32(iova), bytes);

const flavours: [string, VtdOptions][] = [
  ['39 bits', { preset: 'qemu-q35-39bit' }],
  ['48 bits', { preset: 'qemu-q35-48bit' }],
  ['scalable mode', { preset: 'qemu-q35-48bit-scalable' }],
  ['a real server', { preset: 'xeon-sapphire-rapids' }],
  ['five levels', { preset: 'full', addressWidth: 57 }],
  ['no caches', { preset: 'qemu-q35-48bit', caches: false }],
  ['stepped completion', { preset: 'qemu-q35-48bit', completion: 'stepped' }],
  ['no caching mode', { preset: 'qemu-q35-48bit', cachingMode: false }],
  ['a write buffer', { preset: 'qemu-q35-48bit', cachingMode: false, writeBufferFlush: true }],
  ['4 KiB pages only', { preset: 'qemu-q35-48bit', pageSizes: [] }],
];

describe.each(flavours)('a device behind a unit with %s', (_, options) => {
  const isScalable = options.preset === 'qemu-q35-48bit-scalable' || options.preset === 'xeon-sapphire-rapids';

  it('reads and writes what is mapped, is refused what is not, and everything after the unmap', () => {
    const machine = machineWith(options);
    const { iommu, port } = machine.device('0000:00:01.0')!;
    const domain = domainFor(machine, '0000:00:01.0');
    expect(port.read(0x1000n, 4).status).toBe('blocked');
    expect(machine.backend.attach(iommu, domain)).toBe(0);
    expect(map(domain, 0x40_0000n, PA, 0x60_0000)).toBe(0);
    expect(map(domain, 0x1000n, PA + 0x1000n, 4096, Prot.READ)).toBe(0);

    expect(port.write(0x60_0ffen, Uint8Array.of(1, 2, 3, 4)).status).toBe('ok');
    const bytes = new Uint8Array(4);
    machine.memory.read(PA + 0x20_0ffen, bytes);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
    expect([...port.read(0x60_0ffen, 4).data]).toEqual([1, 2, 3, 4]);

    expect(port.read(0x1000n, 4).status).toBe('ok');
    const denied = port.write(0x1000n, Uint8Array.of(1)).pieces[0]?.fault;
    const absent = port.read(0x3000n, 1).pieces[0]?.fault;
    if (!isScalable && options.preset !== 'full') {
      expect(denied).toMatchObject({ name: 'WRITE_DENIED' });
      expect(absent).toMatchObject({ name: 'READ_DENIED' });
    }
    const { faults } = machine.backend as VtdBackend;
    const logged = faults.slice(-2).map(({ address, kind, sourceId }) => ({ address, kind, sourceId }));
    expect(logged).toEqual([
      { address: 0x1000n, kind: 'write', sourceId: 8 },
      { address: 0x3000n, kind: 'read', sourceId: 8 },
    ]);

    expect(unmap(domain, 0x40_0000n, 0x60_0000)).toBe(0x60_0000);
    for (const at of [0x40_0000n, 0x60_0000n, 0x9f_f000n]) expect(port.read(at, 4).status).toBe('blocked');
    expect(port.read(0x1000n, 4).status).toBe('ok');
  });

  it('moves from domain to domain, and is blocked after the last', () => {
    const machine = machineWith(options);
    const { iommu, port } = machine.device('0000:00:01.0')!;
    const [one, two] = [domainFor(machine, '0000:00:01.0'), domainFor(machine, '0000:00:01.0')];
    map(one, 0x1000n, PA, 4096);
    map(two, 0x1000n, PA + 0x5000n, 4096);
    machine.backend.attach(iommu, one);
    expect(port.read(0x1000n, 1).pieces[0]?.pa).toBe(PA);
    machine.backend.attach(iommu, two);
    expect(port.read(0x1000n, 1).pieces[0]?.pa).toBe(PA + 0x5000n);
    machine.backend.detach(iommu);
    expect(port.read(0x1000n, 1).status).toBe('blocked');
    machine.backend.attach(iommu, one);
    expect(port.read(0x1000n, 1).pieces[0]?.pa).toBe(PA);
  });

  it('leaves nothing behind', () => {
    const machine = machineWith(options);
    const before = machine.tableFrames.framesInUse;
    const { iommu, port } = machine.device('0000:00:01.0')!;
    const domain = domainFor(machine, '0000:00:01.0');
    machine.backend.attach(iommu, domain);
    map(domain, 0x1f_f000n, PA, 0x40_3000);
    port.write(0x20_0000n, Uint8Array.of(1));
    unmap(domain, 0x1f_f000n, 0x40_3000);
    machine.backend.detach(iommu);
    domain.free();
    expect(machine.tableFrames.framesInUse).toBe(before);
    expect(machine.close().tableFrames).toBe(0);
  });
});

it("logs a refused write as the recorded kernel's log has it", () => {
  const machine = machineWith({ preset: 'qemu-q35-39bit' });
  const { iommu, port } = machine.device('0000:00:01.0')!;
  const domain = domainFor(machine, '0000:00:01.0');
  machine.backend.attach(iommu, domain);
  map(domain, 0x11_0000n, PA, 4096, Prot.READ);
  port.write(0x11_0000n, Uint8Array.of(1));
  port.read(0x30_0000n, 1);
  expect((machine.backend as VtdBackend).faults.map(({ line }) => line)).toEqual([
    'DMAR: [DMA Write NO_PASID] Request device [00:01.0] fault addr 0x110000 [fault reason 0x05] PTE Write access is not set',
    'DMAR: [DMA Read NO_PASID] Request device [00:01.0] fault addr 0x300000 [fault reason 0x06] PTE Read access is not set',
  ]);
});

describe('dirty tracking', () => {
  it('is there with SSADS in scalable mode, and reports what the device wrote', () => {
    expect(domainErrno('qemu-q35-48bit', HwptFlag.DIRTY_TRACKING)).toBe(Errno.EOPNOTSUPP);
    expect(domainErrno('qemu-q35-48bit-scalable', HwptFlag.DIRTY_TRACKING)).toBe(Errno.EOPNOTSUPP);
    const machine = machineWith({ preset: 'xeon-sapphire-rapids' });
    const { iommu, port } = machine.device('0000:00:01.0')!;
    const domain = domainFor(machine, '0000:00:01.0', HwptFlag.DIRTY_TRACKING);
    machine.backend.attach(iommu, domain);
    map(domain, 0n, PA, 0x4000);
    const dirty = (): number[] => {
      const pages: number[] = [];
      const gather = new IotlbGather();
      const mark = (_: number, iova: number, bytes: number): void => {
        for (let at = 0; at < bytes; at += 4096) pages.push((iova + at) / 4096);
      };
      expect(domain.dirty?.readAndClear(0, 0, 0x4000, 0, { mark }, gather)).toBe(0);
      domain.syncUnmap(gather);
      return pages;
    };
    port.write(0x1000n, Uint8Array.of(1));
    expect(domain.dirty?.setTracking(true)).toBe(0);
    expect(dirty()).toEqual([]);
    port.write(0x1000n, Uint8Array.of(1));
    port.write(0x3000n, Uint8Array.of(1));
    port.read(0x2000n, 1);
    expect(dirty()).toEqual([1, 3]);
    expect(dirty()).toEqual([]);
    port.write(0x3000n, Uint8Array.of(1));
    expect(dirty()).toEqual([3]);
  });
});

function domainErrno(preset: NonNullable<VtdOptions['preset']>, flags: number): number | undefined {
  const machine = machineWith({ preset });
  const made = machine.backend.allocPaging(machine.device('0000:00:01.0')!.iommu, flags, undefined);
  return typeof made === 'number' ? made : undefined;
}
