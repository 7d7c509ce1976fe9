import {
  createMachine,
  Errno,
  hi32,
  HwptFlag,
  lo32,
  Prot,
  RunMapper,
  type IommuDomain,
  type Machine,
} from '@ioasis/core';
import { EduDevice } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { armSmmuv3, SMMU_V3_PRESETS, type SmmuV3Backend, type SmmuV3Options } from '../src/index.js';

const { server } = SMMU_V3_PRESETS;
const RW = Prot.READ | Prot.WRITE;
/** RAM that no allocator hands out. */
const PA = 0x1230_0000n;

/** A machine with two devices in their own groups. */
function machineWith(options: SmmuV3Options): Machine {
  const slot = (address: string, group: number) => ({ function: new EduDevice(), address, group });
  return createMachine({ backend: armSmmuv3(options), devices: [slot('0000:00:01.0', 1), slot('0000:00:02.0', 2)] });
}

function domainFor(machine: Machine, flags = 0): IommuDomain {
  const made = machine.backend.allocPaging(machine.device('0000:00:01.0')!.iommu, flags, undefined);
  if (typeof made === 'number') throw new Error(`errno ${made}`);
  return made;
}

const map = (domain: IommuDomain, iova: bigint, pa: bigint, bytes: number, prot = RW): number =>
  new RunMapper(domain).map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), bytes, prot);
const unmap = (domain: IommuDomain, iova: bigint, bytes: number): number =>
  new RunMapper(domain).unmap(hi32(iova), lo32(iova), bytes);

const flavours: [string, SmmuV3Options][] = [
  ["QEMU's unit", {}],
  ['a server', { preset: 'server' }],
  ['a server on stage 2', { preset: 'server', domainStage: 2 }],
  ['no caches', { preset: 'server', caches: false }],
  ['stepped completion', { preset: 'server', completion: 'stepped' }],
  ['invalidation page by page', { preset: 'server', idr3: server.idr3 & ~0x400 }],
];

describe.each(flavours)('a device behind %s', (_, options) => {
  it('reads and writes what is mapped, is refused what is not, and everything after the unmap', () => {
    const machine = machineWith(options);
    const { iommu, port } = machine.device('0000:00:01.0')!;
    const domain = domainFor(machine);
    expect(port.read(0x1000n, 4).pieces[0]?.fault).toMatchObject({ name: 'ABORT' });
    expect(machine.backend.attach(iommu, domain)).toBe(0);
    expect(map(domain, 0x40_0000n, PA, 0x60_0000)).toBe(0);
    expect(map(domain, 0x1000n, PA + 0x1000n, 4096, Prot.READ)).toBe(0);
    expect(port.write(0x60_0ffen, Uint8Array.of(1, 2, 3, 4)).status).toBe('ok');
    const bytes = new Uint8Array(4);
    machine.memory.read(PA + 0x20_0ffen, bytes);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
    expect([...port.read(0x60_0ffen, 4).data]).toEqual([1, 2, 3, 4]);
    expect(port.write(0x1000n, Uint8Array.of(1)).pieces[0]?.fault).toMatchObject({ name: 'F_PERMISSION' });
    expect(port.read(0x3000n, 1).pieces[0]?.fault).toMatchObject({ name: 'F_TRANSLATION' });
    const { events } = machine.backend as SmmuV3Backend;
    expect(events.map(({ name, words }) => [name, words[2]])).toEqual([
      ['F_PERMISSION', 0x1000n],
      ['F_TRANSLATION', 0x3000n],
    ]);
    expect(unmap(domain, 0x40_0000n, 0x60_0000)).toBe(0x60_0000);
    for (const at of [0x40_0000n, 0x60_0000n, 0x9f_f000n]) expect(port.read(at, 4).status).toBe('blocked');
    expect(port.read(0x1000n, 4).status).toBe('ok');
    // The other device has nothing.
    expect(machine.device('0000:00:02.0')!.port.read(0x1000n, 1).status).toBe('blocked');
  });

  it('leaves nothing behind', () => {
    const machine = machineWith(options);
    const before = machine.tableFrames.framesInUse;
    const { iommu, port } = machine.device('0000:00:01.0')!;
    const domain = domainFor(machine);
    machine.backend.attach(iommu, domain);
    map(domain, 0x1f_f000n, PA, 0x40_3000);
    port.write(0x20_0000n, Uint8Array.of(1));
    unmap(domain, 0x1f_f000n, 0x40_3000);
    machine.backend.detach(iommu);
    domain.free();
    // A device keeps the page of its context descriptor until it is unplugged, as on Linux.
    expect(machine.tableFrames.framesInUse - before).toBe(options.domainStage === 2 ? 0 : 1);
    machine.unplug('0000:00:01.0');
    expect(machine.tableFrames.framesInUse).toBe(before);
  });
});

it('lets programs ask for what Linux 6.12 knows on this unit, whatever the unit can do', () => {
  for (const [, options] of flavours) {
    const machine = machineWith(options);
    const { iommu } = machine.device('0000:00:01.0')!;
    const { backend } = machine;
    expect(backend.hwInfo(iommu)).toEqual({ type: 0, data: new Uint8Array() });
    expect(backend.allocPaging(iommu, HwptFlag.NEST_PARENT, undefined)).toBe(Errno.EOPNOTSUPP);
    expect(backend.allocPaging(iommu, HwptFlag.FAULT_ID_VALID, undefined)).toBe(Errno.EOPNOTSUPP);
    expect(backend.allocPaging(iommu, 0, { type: 1, read: () => new Uint8Array() } as never)).toBe(Errno.EOPNOTSUPP);
    expect(backend.attach(iommu, domainFor(machine), 1)).toBe(Errno.EOPNOTSUPP);
    expect(backend.allocNested).toBeUndefined();
    const tracks = options.preset === 'server' && options.domainStage !== 2;
    expect(backend.capabilitiesOf(iommu)).toMatchObject({ dirtyTracking: tracks, maxPasidLog2: 0 });
    expect(backend.reservedRegions(iommu)).toEqual([{ kind: 'sw-msi', start: 0x800_0000n, last: 0x80f_ffffn }]);
  }
});
