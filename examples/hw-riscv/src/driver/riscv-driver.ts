import {
  Errno,
  read64,
  type FrameAllocator,
  type IommuDevice,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import type { StageLevels } from '../format/first-stage.js';
import { IOSATP, StageMode, TA, TC } from '../layouts/device-context.js';
import { CAPABILITIES, Register, VERSION } from '../layouts/registers.js';
import { CommandQueue, invalidateContext, invalidatePages } from './command-queue.js';
import { DirectoryWriter } from './directory-writer.js';
import { FirstStageDomain, type DomainHost } from './domain.js';
import { FaultReader, type LoggedFault } from './fault-reader.js';

/** What the driver runs on. */
export interface RiscvDriverEnvironment {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly mmio: MmioWindow;
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** From here on one command for all of a domain is cheaper than one for each page, bytes. */
const RANGE_LIMIT = 1n << 21n;
const LAST_PSCID = 0xf_ffff;
const MODES = { 3: StageMode.SV39, 4: StageMode.SV48, 5: StageMode.SV57 } as const;

/** The software half of a RISC-V IOMMU. It knows memory and registers, nothing of the unit's insides. */
export class RiscvDriver implements DomainHost {
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #capabilities: bigint;
  readonly #commands: CommandQueue;
  readonly #directory: DirectoryWriter;
  readonly #faults: FaultReader;
  readonly #pscids = new Set<number>();
  /** Domains by device id. */
  readonly #attached = new Map<number, FirstStageDomain>();

  /** Boots the unit. @throws RangeError without memory for its structures, or for a unit of another version */
  constructor({ memory, frames, mmio, relax }: RiscvDriverEnvironment) {
    this.#memory = memory;
    this.#frames = frames;
    this.#capabilities = read64(mmio, Register.CAPABILITIES);
    const version = Number(CAPABILITIES.get(this.#capabilities, 'VERSION'));
    if (version !== VERSION) throw new RangeError(`riscvIommu: version ${version} of the unit is not 1.0`);
    this.#commands = new CommandQueue(memory, frames, mmio, relax);
    this.#faults = new FaultReader(memory, frames, mmio);
    this.#directory = new DirectoryWriter(memory, frames, mmio);
    this.#commands.queue(invalidateContext(undefined));
    this.#commands.queue(invalidatePages(undefined));
    this.#commands.sync();
  }

  /** Whether the unit sets dirty bits. */
  get hasDirtyTracking(): boolean {
    return CAPABILITIES.get(this.#capabilities, 'AMO_HWAD') !== 0n;
  }

  /** Faults that the unit recorded and the driver has read, oldest first. */
  get faults(): readonly LoggedFault[] {
    return this.#faults.faults;
  }

  /** The unit's interrupt. */
  handleFaults(): void {
    this.#faults.drain();
  }

  /** @returns 0, ENODEV (an id that the directory cannot hold) or ENOMEM */
  addDevice({ requesterId }: IommuDevice): number {
    if (!this.#directory.holds(requesterId)) return Errno.ENODEV;
    return this.#directory.cover(requesterId) ? 0 : Errno.ENOMEM;
  }

  /** @returns the domain, or ENOMEM, or ENOSPC when all PSCIDs are taken */
  allocDomain(isTracked: boolean): FirstStageDomain | number {
    let pscid = 1;
    while (this.#pscids.has(pscid)) pscid++;
    if (pscid > LAST_PSCID) return Errno.ENOSPC;
    const domain = FirstStageDomain.make(pscid, this, this.#levels(), isTracked, this.#memory, this.#frames);
    if (typeof domain !== 'number') this.#pscids.add(pscid);
    return domain;
  }

  release(domain: FirstStageDomain): void {
    this.#pscids.delete(domain.pscid);
  }

  /** Puts a device on a domain, by way of an invalid context: the unit may read its words in any order and at any time. */
  attach({ requesterId }: IommuDevice, domain: FirstStageDomain): void {
    const old = this.#attached.get(requesterId);
    if (old === domain) return;
    this.#block(requesterId);
    this.#attached.set(requesterId, domain);
    this.#directory.write(requesterId, {
      tc: TC.encode({ V: 1, SADE: domain.dirty !== undefined }),
      ta: TA.encode({ PSCID: domain.pscid }),
      fsc: IOSATP.encode({ MODE: MODES[domain.levels], PPN: domain.root >> 12n }),
    });
    this.#commands.queue(invalidateContext(requesterId));
    this.#commands.sync();
    if (old !== undefined) this.#left(old);
  }

  /** Blocks a device. */
  detach({ requesterId }: IommuDevice): void {
    const old = this.#attached.get(requesterId);
    if (old === undefined) return;
    this.#block(requesterId);
    this.#attached.delete(requesterId);
    this.#left(old);
  }

  flushRange(domain: FirstStageDomain, start: bigint, last: bigint): void {
    if (last - start >= RANGE_LIMIT) {
      this.flushDomain(domain);
      return;
    }
    if (!this.#isUsed(domain)) return;
    for (let page = start & ~0xfffn; page <= last; page += 0x1000n) {
      this.#commands.queue(invalidatePages(domain.pscid, page));
    }
    this.#commands.sync();
  }

  flushDomain(domain: FirstStageDomain): void {
    if (!this.#isUsed(domain)) return;
    this.#commands.queue(invalidatePages(domain.pscid));
    this.#commands.sync();
  }

  #block(deviceId: number): void {
    if (!this.#directory.isValid(deviceId)) return;
    this.#directory.clear(deviceId);
    this.#commands.queue(invalidateContext(deviceId));
    this.#commands.sync();
  }

  /** A device left a domain. After the last one nothing is invalidated any more, and the PSCID may be taken again: empty the caches. */
  #left(domain: FirstStageDomain): void {
    if (this.#isUsed(domain)) return;
    this.#commands.queue(invalidatePages(domain.pscid));
    this.#commands.sync();
  }

  #isUsed(domain: FirstStageDomain): boolean {
    return [...this.#attached.values()].includes(domain);
  }

  #levels(): StageLevels {
    if (CAPABILITIES.get(this.#capabilities, 'SV57') !== 0n) return 5;
    return CAPABILITIES.get(this.#capabilities, 'SV48') !== 0n ? 4 : 3;
  }
}
