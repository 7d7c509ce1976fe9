import {
  FrameAllocator,
  hi32,
  type IotlbGather,
  lo32,
  PhysicalMemory,
  RunMapper,
  type IommuDevice,
  type IommuDomain,
} from '@ioasis/core';
import { SecondStageDomain, type SecondStageTraits } from '../../src/driver/domain.js';
import { VtdDriver } from '../../src/driver/vtd-driver.js';
import { FakeUnit } from './fake-unit.js';

/** Recorded capability registers: q35 with 39 bits, with and without caching mode, and in scalable mode. */
export const REGISTERS = {
  aw39: { cap: 0xd2_008c_2226_0206n, ecap: 0xf0_0f4an },
  caching: { cap: 0xd2_008c_2226_0286n, ecap: 0xf0_0f4an },
  scalable: { cap: 0xd2_008c_222f_0606n, ecap: 0x4800_80f0_0f4an },
  scalableCaching: { cap: 0xd2_008c_222f_0686n, ecap: 0x4800_80f0_0f4an },
} as const;

const WINDOWS = [
  { start: 0n, last: 0x7fff_ffffn },
  { start: 0x1_0000_0000n, last: 0x2_7fff_ffffn },
];

/** RAM, with frames for tables in its first 16 MiB. */
export function ram(): { memory: PhysicalMemory; frames: FrameAllocator } {
  const memory = new PhysicalMemory({ windows: WINDOWS, arena: { start: 0n, last: 0xff_ffffn } });
  return { memory, frames: new FrameAllocator(memory, { firstFrame: 16, frames: 0xff0 }) };
}

/** A driver and no unit. */
export function driverBench({ cap, ecap }: { readonly cap: bigint; readonly ecap: bigint }) {
  const { memory, frames } = ram();
  const fake = new FakeUnit(memory, cap, ecap);
  const driver = new VtdDriver({ memory, frames, mmio: fake, relax: () => fake.step() });
  const host = {
    flushLines: null,
    setTracking: (of: SecondStageDomain, enabled: boolean) => driver.setTracking(of, enabled),
  };
  const { traits } = driver;
  const domainTraits: SecondStageTraits = { ...pick(traits), hostAddressWidth: 48 };
  const domain = (use: { isTracked?: boolean; isNestParent?: boolean } = {}): SecondStageDomain => {
    const wanted = { isTracked: false, isNestParent: false, ...use };
    const made = SecondStageDomain.make(host, domainTraits, wanted, memory, frames);
    if (typeof made === 'number') throw new Error(`errno ${made}`);
    return made;
  };
  const load = (at: bigint): bigint => {
    const bytes = new Uint8Array(8);
    memory.read(at, bytes);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  };
  return { memory, frames, fake, driver, domain, load };
}

const pick = (traits: VtdDriver['traits']): Omit<SecondStageTraits, 'hostAddressWidth'> => ({
  levels: traits.levels,
  addressWidth: traits.addressWidth,
  superpage2M: traits.superpage2M,
  superpage1G: traits.superpage1G,
  snoopControl: traits.snoopControl,
});

/** A function on bus, device and function of its source id. */
export function device(requesterId: number): IommuDevice {
  return { name: `dev${requesterId}`, segment: 0, requesterId, group: { id: 1 } };
}

/** Maps one run, as core does. @returns 0 or an errno number */
export const mapRun = (domain: IommuDomain, iova: bigint, pa: bigint, bytes: number, prot: number): number =>
  new RunMapper(domain).map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), bytes, prot);

/** Unmaps one run, as core does. @returns bytes */
export const unmapRun = (domain: IommuDomain, iova: bigint, bytes: number): number =>
  new RunMapper(domain).unmap(hi32(iova), lo32(iova), bytes);

/** One page-table call. @returns bytes unmapped */
export function unmapPages(
  domain: IommuDomain,
  iova: bigint,
  shift: number,
  count: number,
  gather: IotlbGather,
): number {
  return domain.unmapPages(hi32(iova), lo32(iova), shift, count, gather);
}
