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
import { intelVtdUnits, type VtdBackend, type VtdUnitSpec } from '../src/index.js';

const RW = Prot.READ | Prot.WRITE;
const PA = 0x1230_0000n;
const FIRST = '0000:00:01.0';
const SECOND = '0000:00:02.0';

function twoUnits(first: VtdUnitSpec, second: VtdUnitSpec): Machine {
  return createMachine({
    backend: intelVtdUnits([first, second]),
    devices: [FIRST, SECOND].map((address, index) => ({ function: new EduDevice(), address, group: index + 1 })),
  });
}

function domainFor(machine: Machine, address: string, flags = 0): IommuDomain {
  const made = machine.backend.allocPaging(machine.device(address)!.iommu, flags, undefined);
  if (typeof made === 'number') throw new Error(`errno ${made}`);
  return made;
}

const attach = (machine: Machine, address: string, domain: IommuDomain): number =>
  machine.backend.attach(machine.device(address)!.iommu, domain);

const wide: VtdUnitSpec = { options: { preset: 'qemu-q35-48bit' } };

describe('a machine with two units', () => {
  it('gives each its devices, and the rest to the one that names none', () => {
    const machine = twoUnits({ ...wide, devices: [SECOND] }, wide);
    const { units } = machine.backend as VtdBackend;
    expect(machine.backend.unitOf(machine.device(SECOND)!.iommu)).toBe(units[0]);
    expect(machine.backend.unitOf(machine.device(FIRST)!.iommu)).toBe(units[1]);
  });

  it('has one domain on both, and invalidates it on both', () => {
    const machine = twoUnits({ ...wide, devices: [SECOND] }, wide);
    const domain = domainFor(machine, FIRST);
    expect([attach(machine, FIRST, domain), attach(machine, SECOND, domain)]).toEqual([0, 0]);
    const mapper = new RunMapper(domain);
    expect(mapper.map(0, 0x1000, hi32(PA), lo32(PA), 4096, RW)).toBe(0);
    for (const address of [FIRST, SECOND]) expect(machine.device(address)!.port.read(0x1000n, 4).status).toBe('ok');
    expect(mapper.unmap(0, 0x1000, 4096)).toBe(4096);
    for (const address of [FIRST, SECOND])
      expect(machine.device(address)!.port.read(0x1000n, 4).status).toBe('blocked');
  });

  it('counts domain ids for each unit by itself', () => {
    const machine = twoUnits({ ...wide, devices: [SECOND] }, wide);
    const [one, two] = [domainFor(machine, FIRST), domainFor(machine, SECOND)];
    attach(machine, FIRST, one);
    attach(machine, SECOND, two);
    attach(machine, SECOND, one);
    expect([domainIdOf(machine, FIRST), domainIdOf(machine, SECOND)]).toEqual([2n, 2n]);
  });

  it('refuses a domain that the other unit cannot walk, snoop or track', () => {
    const narrow: VtdUnitSpec = { options: { preset: 'qemu-q35-39bit' } };
    const machine = twoUnits({ ...narrow, devices: [SECOND] }, wide);
    expect(attach(machine, SECOND, domainFor(machine, FIRST))).toBe(Errno.EINVAL);
    // Four levels as well, but 46 bits of addresses.
    const shorter: VtdUnitSpec = { options: { cap: 0xd2_008c_222d_0686n }, devices: [SECOND] };
    const uneven = twoUnits(shorter, wide);
    expect(attach(uneven, SECOND, domainFor(uneven, FIRST))).toBe(Errno.EINVAL);
    expect(attach(uneven, FIRST, domainFor(uneven, SECOND))).toBe(0);
    const xeon: VtdUnitSpec = { options: { preset: 'xeon-sapphire-rapids', addressWidth: 48 } };
    const mixed = twoUnits({ ...wide, devices: [SECOND] }, xeon);
    expect(attach(mixed, SECOND, domainFor(mixed, FIRST, HwptFlag.DIRTY_TRACKING))).toBe(Errno.EINVAL);
    // Coherency is enforced only where every unit can, so that the domain fits all.
    expect(domainFor(mixed, FIRST).enforceCacheCoherency()).toBe(false);
    expect(attach(mixed, SECOND, domainFor(mixed, FIRST))).toBe(0);
  });

  it('does not take a device that no unit serves', () => {
    expect(() => twoUnits({ ...wide, devices: [FIRST] }, { ...wide, devices: [] })).toThrow('PLUG_NOT_SERVED');
  });

  it('has at least one unit, with right options', () => {
    expect(() => intelVtdUnits([])).toThrow('at least one unit');
    expect(() => intelVtdUnits([wide, { options: { faultRecords: 0 } }])).toThrow('faultRecords is 0');
  });
});

/** Domain id of a device's context entry, from the root table on. */
function domainIdOf(machine: Machine, address: string): bigint {
  const { iommu } = machine.device(address)!;
  const unit = machine.backend.unitOf(iommu);
  const load = (at: bigint): bigint => {
    const bytes = new Uint8Array(8);
    machine.memory.read(at, bytes);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  };
  const root = (BigInt(unit.read32(0x24) >>> 0) << 32n) | BigInt(unit.read32(0x20) >>> 0);
  const context = (load(root) & ~0xfffn) + BigInt(iommu.requesterId) * 16n;
  return load(context + 8n) >> 8n;
}
