import {
  createMachine,
  hi32,
  IotlbGather,
  lo32,
  Prot,
  RunMapper,
  type BackendDefinition,
  type IommuDomain,
  type Machine,
  type MachineDevice,
} from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { checkers, EduDevice, type Checkers, type CheckersOptions } from '../../src/index.js';

/** Names of the vendors whose drivers and units are under test. */
export type Vendor = 'intel-vtd' | 'arm-smmuv3' | 'amd-vi';

const DEVICE = '0000:00:01.0';
const OTHER_DEVICE = '0000:00:02.0';
export const RW: number = Prot.READ | Prot.WRITE;
/** RAM that no allocator hands out. */
export const PA = 0x1230_0000n;
export const IOVA = 0x4000_0000n;

/** Each vendor's unit with all the caches that it has. */
export const backends: Readonly<Record<Vendor, (stepped?: boolean) => BackendDefinition>> = {
  'intel-vtd': (stepped = false) =>
    intelVtd({ preset: 'qemu-q35-48bit', ...(stepped && { completion: 'stepped' as const }) }),
  'arm-smmuv3': (stepped = false) =>
    armSmmuv3({ caches: { walkEntries: 64 }, ...(stepped && { completion: 'stepped' as const }) }),
  'amd-vi': (stepped = false) =>
    amdVi({ caches: { deviceEntries: 64, directoryEntries: 64 }, ...(stepped && { completion: 'stepped' as const }) }),
};

/** A machine with two devices and checkers. */
export class CheckedMachine {
  readonly machine: Machine;
  readonly check: Checkers;

  constructor(backend: BackendDefinition, options: CheckersOptions = {}) {
    this.check = checkers(options);
    this.machine = createMachine({
      backend,
      services: [this.check],
      devices: [
        { function: new EduDevice(), address: DEVICE, group: 1 },
        { function: new EduDevice(), address: OTHER_DEVICE, group: 2 },
      ],
    });
  }

  device(address: string = DEVICE): MachineDevice {
    return this.machine.device(address)!;
  }

  /** A domain that the device is attached to. */
  attached(address: string = DEVICE, flags = 0): IommuDomain {
    const { iommu } = this.device(address);
    const domain = this.machine.backend.allocPaging(iommu, flags, undefined);
    if (typeof domain === 'number') throw new Error(`errno ${domain}`);
    const errno = this.machine.backend.attach(iommu, domain);
    if (errno !== 0) throw new Error(`errno ${errno}`);
    return domain;
  }

  read(iova: bigint, address: string = DEVICE): string {
    return this.device(address).port.read(iova, 4).status;
  }

  write(iova: bigint, address: string = DEVICE): string {
    return this.device(address).port.write(iova, Uint8Array.of(1)).status;
  }
}

export const map = (domain: IommuDomain, iova: bigint, pa: bigint, bytes: number, prot: number = RW): number =>
  new RunMapper(domain).map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), bytes, prot);

export const unmap = (domain: IommuDomain, iova: bigint, bytes: number): number =>
  new RunMapper(domain).unmap(hi32(iova), lo32(iova), bytes);

/** Unmaps pages of 4 KiB without synchronizing. */
export function unmapOnly(domain: IommuDomain, iova: bigint, pages: number): IotlbGather {
  const gather = new IotlbGather();
  domain.unmapPages(hi32(iova), lo32(iova), 12, pages, gather);
  return gather;
}
