import {
  CacheLines,
  DmaEngine,
  FrameAllocator,
  hi32,
  IotlbGather,
  linux612,
  lo32,
  ManualClock,
  PhysicalMemory,
  type BackendEnvironment,
  type FailureSource,
  type IommuDevice,
  type IommuDomain,
} from '@ioasis/core';
import { intelVtd, VtdBackend, type VtdOptions, type VtdUnit } from '../src/index.js';

const ARENA = { start: 0n, last: 0x3ff_ffffn };

/** Lets a number of allocations succeed and then none. */
class AllocationLimit implements FailureSource {
  left = Number.POSITIVE_INFINITY;

  fails(): boolean {
    return this.left-- <= 0;
  }
}

/** RAM, frames for tables in its first 64 MiB, and a limit for them. */
export function bareMemory() {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x2_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: ARENA });
  const limit = new AllocationLimit();
  const tableFrames = new FrameAllocator(memory, { firstFrame: 16, frames: 0x3ff0 }, { failure: limit });
  return { memory, tableFrames, limit };
}

/** Memory and one unit with its driver: no processes, no ioctls. */
export function bareBackend(options: VtdOptions = {}, cpuCache: 'snooped' | 'not-snooped' = 'snooped') {
  const { memory, tableFrames, limit } = bareMemory();
  if (cpuCache === 'not-snooped') {
    // Frames that were somebody else's: what the unit sees before a flush looks like present entries.
    const used = Array.from({ length: 64 }, () => tableFrames.allocate(0));
    for (const frame of used) memory.write(BigInt(frame) << 12n, new Uint8Array(4096).fill(0x03));
    for (const frame of used) tableFrames.free(frame, 0);
    new CacheLines(memory).install();
  }
  const environment: BackendEnvironment = {
    memory,
    tableFrames,
    clock: new ManualClock(),
    pageSize: 4096,
    kernel: linux612,
    failure: null,
  };
  const backend = intelVtd(options).create(environment);
  if (!(backend instanceof VtdBackend)) throw new Error('another backend');
  return { memory, tableFrames, limit, backend };
}

export function device(requesterId: number, group = 1): IommuDevice {
  return { name: `dev${requesterId}`, segment: 0, requesterId, group: { id: group } };
}

export const portOf = (at: ReturnType<typeof bareBackend>, of: IommuDevice): DmaEngine =>
  new DmaEngine(at.backend.unit, at.memory, of.requesterId);

/** A domain, or the test fails. */
export function domainOf(made: IommuDomain | number): IommuDomain {
  if (typeof made === 'number') throw new Error(`errno ${made}`);
  return made;
}

/** A device on a domain of its own. */
export function attached(options: VtdOptions = {}, cpuCache: 'snooped' | 'not-snooped' = 'snooped', flags = 0) {
  const at = bareBackend(options, cpuCache);
  const dev = device(0x10);
  if (at.backend.addDevice(dev) !== 0) throw new Error('no memory for the device');
  const domain = domainOf(at.backend.allocPaging(dev, flags, undefined));
  if (at.backend.attach(dev, domain) !== 0) throw new Error('no domain id');
  return { ...at, dev, domain, port: portOf(at, dev) };
}

/** Maps and does what core does after it. @returns errno */
export function map(
  domain: IommuDomain,
  iova: bigint,
  pa: bigint,
  shift: number,
  count: number,
  prot: number,
  syncs = true,
): number {
  const errno = domain.mapPages(hi32(iova), lo32(iova), hi32(pa), lo32(pa), shift, count, prot);
  const last = iova + (BigInt(count) << BigInt(shift)) - 1n;
  if (errno === 0 && syncs) domain.syncMap(hi32(iova), lo32(iova), hi32(last), lo32(last));
  return errno;
}

/** Unmaps and invalidates. @returns bytes */
export function unmap(domain: IommuDomain, iova: bigint, shift: number, count: number): number {
  const gather = new IotlbGather();
  const bytes = domain.unmapPages(hi32(iova), lo32(iova), shift, count, gather);
  domain.syncUnmap(gather);
  return bytes;
}

/** Reads memory as 64-bit words. */
export const wordsOf =
  (memory: PhysicalMemory) =>
  (address: bigint): bigint => {
    const bytes = new Uint8Array(8);
    if (!memory.read(address, bytes)) throw new Error(`no memory at 0x${address.toString(16)}`);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  };

const IQT = 0x88;
const IQA = 0x90;

/** What the driver puts into the unit's queue, from memory: [low, high] words of each descriptor, waits left out. */
export class QueuedCommands {
  readonly #unit: VtdUnit;
  readonly #word: (address: bigint) => bigint;
  #at = 0;

  constructor(unit: VtdUnit, memory: PhysicalMemory) {
    this.#unit = unit;
    this.#word = wordsOf(memory);
  }

  /** Everything since the last look, waits included. */
  takeAll(): [low: bigint, high: bigint][] {
    const iqa = this.#unit.read32(IQA);
    const base = (BigInt(this.#unit.read32(IQA + 4) >>> 0) << 32n) | BigInt((iqa & ~0xfff) >>> 0);
    const bytes = (iqa & 0x800) === 0 ? 16 : 32;
    const ring = 4096 << (iqa & 7);
    const taken: [bigint, bigint][] = [];
    for (const tail = this.#unit.read32(IQT); this.#at !== tail; this.#at = (this.#at + bytes) % ring) {
      const at = base + BigInt(this.#at);
      taken.push([this.#word(at), this.#word(at + 8n)]);
    }
    return taken;
  }

  take(): [low: bigint, high: bigint][] {
    return this.takeAll().filter(([low]) => (low & 0xfn) !== 5n);
  }
}
