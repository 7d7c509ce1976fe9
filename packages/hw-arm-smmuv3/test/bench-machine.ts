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
import { SmmuV3Backend, type SmmuV3Options, type SmmuV3Unit } from '../src/index.js';

const ARENA = { start: 0n, last: 0x3ff_ffffn };

/** Lets a number of allocations succeed and then none. */
class AllocationLimit implements FailureSource {
  left = Number.POSITIVE_INFINITY;

  fails(): boolean {
    return this.left-- <= 0;
  }
}

/** What a machine has besides its unit. */
export interface BenchOptions {
  /** PAGE_SIZE of the kernel, bytes. */
  readonly pageSize?: BackendEnvironment['pageSize'];
  /** Writes of the CPU stay in its caches until they are flushed. */
  readonly hasCacheLines?: boolean;
}

/** RAM, frames for tables in its first 64 MiB, and one SMMU with its driver: no processes, no ioctls. */
export function bareBackend(
  options: SmmuV3Options = {},
  { pageSize = 4096, hasCacheLines = false }: BenchOptions = {},
) {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x2_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: ARENA });
  const limit = new AllocationLimit();
  const tableFrames = new FrameAllocator(memory, { firstFrame: 16, frames: 0x3ff0 }, { failure: limit });
  const lines = new CacheLines(memory);
  if (hasCacheLines) {
    // Frames that were somebody else's: what the unit sees before a flush looks like present entries.
    const used = Array.from({ length: 64 }, () => tableFrames.allocate(0));
    for (const frame of used) memory.write(BigInt(frame) << 12n, new Uint8Array(4096).fill(0x03));
    for (const frame of used) tableFrames.free(frame, 0);
    lines.install();
  }
  const backend = new SmmuV3Backend(
    { memory, tableFrames, clock: new ManualClock(), pageSize, kernel: linux612, failure: null },
    options,
  );
  return { memory, tableFrames, limit, lines, backend };
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
export function attached(options: SmmuV3Options = {}, bench: BenchOptions = {}, flags = 0) {
  const at = bareBackend(options, bench);
  const dev = device(0x10);
  if (at.backend.addDevice(dev) !== 0) throw new Error('no room for the device');
  const domain = domainOf(at.backend.allocPaging(dev, flags, undefined));
  if (at.backend.attach(dev, domain) !== 0) throw new Error('no context descriptor');
  return { ...at, dev, domain, port: portOf(at, dev) };
}

/** @returns errno */
export function map(domain: IommuDomain, iova: bigint, pa: bigint, shift: number, count: number, prot: number): number {
  return domain.mapPages(hi32(iova), lo32(iova), hi32(pa), lo32(pa), shift, count, prot);
}

/** Unmaps and invalidates. @returns bytes */
export function unmap(domain: IommuDomain, iova: bigint, shift: number, count: number): number {
  const gather = new IotlbGather();
  const bytes = domain.unmapPages(hi32(iova), lo32(iova), shift, count, gather);
  domain.syncUnmap(gather);
  return bytes;
}

/** Reads memory as 64-bit words, whatever its owner cached. */
export const wordsOf =
  (memory: PhysicalMemory) =>
  (address: bigint): bigint => {
    const bytes = new Uint8Array(8);
    if (!memory.read(address, bytes)) throw new Error(`no memory at 0x${address.toString(16)}`);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  };

/** A 64-bit register, from its halves. */
export const register64 = (unit: SmmuV3Unit, offset: number): bigint =>
  (BigInt(unit.read32(offset + 4) >>> 0) << 32n) | BigInt(unit.read32(offset) >>> 0);

const CMDQ_BASE = 0x90;
const CMDQ_PROD = 0x98;

/** What the driver puts into the unit's queue, from memory: commands of 128 bits. */
export class QueuedCommands {
  readonly #unit: SmmuV3Unit;
  readonly #word: (address: bigint) => bigint;
  #at: number;

  /** Commands from now on. */
  constructor(unit: SmmuV3Unit, memory: PhysicalMemory) {
    this.#unit = unit;
    this.#word = wordsOf(memory);
    this.#at = unit.read32(CMDQ_PROD);
  }

  /** Everything since the last look. */
  take(): bigint[] {
    const base = register64(this.#unit, CMDQ_BASE);
    const first = base & 0x000f_ffff_ffff_ffe0n;
    const entries = 1 << Number(base & 0x1fn);
    const taken: bigint[] = [];
    for (const end = this.#unit.read32(CMDQ_PROD); this.#at !== end; this.#at = (this.#at + 1) % (2 * entries)) {
      const at = first + BigInt((this.#at % entries) * 16);
      taken.push(this.#word(at) | (this.#word(at + 8n) << 64n));
    }
    return taken;
  }
}

export const opcodeOf = (command: bigint): number => Number(command & 0xffn);

/** The operands of those commands that are TLBI_NH_VA (IHI 0070 4.4). */
export const tlbiOf = (commands: readonly bigint[]) =>
  commands
    .filter((command) => opcodeOf(command) === 0x12)
    .map((command) => ({
      address: (command >> 76n) << 12n,
      leaf: ((command >> 64n) & 1n) === 1n,
      ttl: Number((command >> 72n) & 3n),
      tg: Number((command >> 74n) & 3n),
      num: Number((command >> 12n) & 31n),
      scale: Number((command >> 20n) & 31n),
    }));
