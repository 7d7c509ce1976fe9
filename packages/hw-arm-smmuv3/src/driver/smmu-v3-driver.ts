import {
  Errno,
  write64,
  type FrameAllocator,
  type IommuDevice,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { Register } from '../layouts/register-offsets.js';
import { CR0, CR1, CR2, GBPA, IDR0, IDR1, IDR3, IRQ_CTRL, type Idr0Field } from '../layouts/registers.js';
import { CommandQueueWriter } from './command-queue.js';
import { SmmuDomain, type DomainHost } from './domain.js';
import { shapeOf, type DomainShape } from './domain-shape.js';
import { contextWords, stage1Words, stage2Words, type EntryTraits } from './entries.js';
import { EntryWriter, wordsOf, type EntryWords } from './entry-writer.js';
import { EventReader, type LoggedEvent } from './event-reader.js';
import { IdPool } from './id-pool.js';
import {
  configurationAll,
  configurationOfContext,
  configurationOfStream,
  prefetchConfiguration,
  tlbAll,
  tlbEl2All,
  tlbOfAsid,
  tlbOfPages,
  tlbOfRange,
  tlbOfVmid,
} from './invalidations.js';
import { SharedMemory } from './shared-memory.js';
import { ABORT_ENTRY, StreamTableWriter } from './stream-table-writer.js';
import { usedOfContext, usedOfStreamEntry } from './used-bits.js';

/** What the driver runs on. */
export interface SmmuV3DriverEnvironment {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly mmio: MmioWindow;
  /** PAGE_SIZE of the kernel: its tables use that granule. */
  readonly pageSize: number;
  /** Stage of domains; undefined: stage 1 where the unit has it. */
  readonly domainStage?: 1 | 2 | undefined;
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** Inner shareable, and write-back cacheable, as CR1 codes them. */
const INNER_SHAREABLE = 3;
const WRITE_BACK = 1;
/** Commands of one batch. */
const BATCH = 64;

/** The software half: what Linux 6.12's driver does with one SMMUv3. It knows memory and registers, nothing of the unit's insides. */
export class SmmuV3Driver implements DomainHost {
  readonly isCoherent: boolean;
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  /** For structures and queues; tables of domains come from {@link #frames}. */
  readonly #shared: SharedMemory;
  readonly #mmio: MmioWindow;
  readonly #idr0: bigint;
  readonly #idr3: bigint;
  readonly #shape: DomainShape;
  readonly #commands: CommandQueueWriter;
  readonly #streams: StreamTableWriter;
  readonly #events: EventReader;
  readonly #streamEntries: EntryWriter;
  readonly #contexts: EntryWriter;
  /** ASIDs of stage 1 domains, VMIDs of stage 2 domains. */
  readonly #ids: IdPool;
  readonly #traits: EntryTraits;
  /** Address of the context descriptor's page, by StreamID. */
  readonly #contextPages = new Map<number, bigint>();
  /** Domains by StreamID. */
  readonly #attached = new Map<number, SmmuDomain>();

  /** Boots the unit. @throws RangeError without memory for its structures, or for a unit without stage 1 or the kernel's granule */
  constructor(environment: SmmuV3DriverEnvironment) {
    const { memory, frames, mmio, relax } = environment;
    this.#memory = memory;
    this.#frames = frames;
    this.#mmio = mmio;
    const register = (offset: number): bigint => BigInt(mmio.read32(offset) >>> 0);
    this.#idr0 = register(Register.IDR0);
    this.#idr3 = register(Register.IDR3);
    const idr1 = register(Register.IDR1);
    const stage = this.#stageFor(environment.domainStage);
    this.isCoherent = this.#has('COHACC');
    this.#shared = new SharedMemory(memory, frames, this.isCoherent);
    this.#shape = shapeOf(stage, environment.pageSize, register(Register.IDR5));
    this.#ids = new IdPool(this.#has(stage === 1 ? 'ASID16' : 'VMID16') ? 16 : 8);
    this.#traits = {
      stallsByChoice: IDR0.get(this.#idr0, 'STALL_MODEL') === 0n,
      overridesTypes: IDR1.get(idr1, 'ATTR_TYPES_OVR') === 1n,
      isCoherent: this.isCoherent,
    };
    this.#streams = new StreamTableWriter(
      this.#shared,
      Number(IDR1.get(idr1, 'SIDSIZE')),
      IDR0.get(this.#idr0, 'ST_LEVEL') === 1n,
    );
    this.#commands = new CommandQueueWriter(this.#shared, mmio, Number(IDR1.get(idr1, 'CMDQS')), relax);
    this.#events = new EventReader(this.#shared, mmio, Number(IDR1.get(idr1, 'EVENTQS')));
    this.#streamEntries = new EntryWriter(this.#shared, usedOfStreamEntry);
    this.#contexts = new EntryWriter(this.#shared, usedOfContext);
    this.#reset();
  }

  #reset(): void {
    const mmio = this.#mmio;
    const isEnabled = (mmio.read32(Register.CR0) & Number(CR0.mask('SMMUEN'))) !== 0;
    if (isEnabled) mmio.write32(Register.GBPA, Number(GBPA.encode({ UPDATE: 1, ABORT: 1 })) | 0);
    this.#enable({});
    const attributes = {
      TABLE_SH: INNER_SHAREABLE,
      TABLE_OC: WRITE_BACK,
      TABLE_IC: WRITE_BACK,
      QUEUE_SH: INNER_SHAREABLE,
      QUEUE_OC: WRITE_BACK,
      QUEUE_IC: WRITE_BACK,
    };
    mmio.write32(Register.CR1, Number(CR1.encode(attributes)));
    mmio.write32(Register.CR2, Number(CR2.encode({ PTM: 1, RECINVSID: 1 })));
    this.#streams.program(mmio);
    write64(mmio, Register.CMDQ_BASE, this.#commands.baseRegister);
    mmio.write32(Register.CMDQ_PROD, 0);
    mmio.write32(Register.CMDQ_CONS, 0);
    this.#enable({ CMDQEN: 1 });
    this.#commands.submit(configurationAll());
    if (this.#has('HYP')) this.#commands.submit(tlbEl2All());
    this.#commands.submit(tlbAll());
    write64(mmio, Register.EVENTQ_BASE, this.#events.baseRegister);
    mmio.write32(Register.EVENTQ_PROD, 0);
    mmio.write32(Register.EVENTQ_CONS, 0);
    this.#enable({ CMDQEN: 1, EVENTQEN: 1 });
    mmio.write32(Register.IRQ_CTRL, Number(IRQ_CTRL.encode({ EVENTQ_IRQEN: 1, GERROR_IRQEN: 1 })));
    this.#enable({ CMDQEN: 1, EVENTQEN: 1, SMMUEN: 1 });
  }

  #enable(bits: Parameters<typeof CR0.encode>[0]): void {
    const value = Number(CR0.encode(bits));
    this.#mmio.write32(Register.CR0, value);
    if (this.#mmio.read32(Register.CR0ACK) !== value) throw new RangeError('armSmmuv3: CR0 is not acknowledged');
  }

  /** @throws RangeError when the unit has no such stage */
  #stageFor(asked: 1 | 2 | undefined): 1 | 2 {
    const stage = asked ?? (this.#has('S1P') || !this.#has('S2P') ? 1 : 2);
    if (this.#has(stage === 1 ? 'S1P' : 'S2P')) return stage;
    throw new RangeError(`armSmmuv3: domains of stage ${stage} need a unit that has it (IDR0.S${stage}P)`);
  }

  /** Whether the hardware writes dirty state of stage 1, and snoops what the driver wrote. */
  get hasDirtyTracking(): boolean {
    return this.#shape.stage === 1 && IDR0.get(this.#idr0, 'HTTU') === 2n && this.isCoherent;
  }

  /** Events that the unit recorded and the driver has read, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events.events;
  }

  /** Lines of Linux's log about errors of the command queue, oldest first. */
  get commandErrors(): readonly string[] {
    return this.#commands.errors;
  }

  /** The event queue's interrupt. */
  handleEvents(): void {
    this.#events.drain();
  }

  /** @returns 0, ENOMEM, or ERANGE for a StreamID that the unit does not have */
  addDevice(device: IommuDevice): number {
    const covered = this.#streams.cover(device.requesterId);
    if (covered === 'ok') return 0;
    return covered === 'no memory' ? Errno.ENOMEM : Errno.ERANGE;
  }

  /** The device is gone. */
  removeDevice(device: IommuDevice): void {
    this.detach(device);
    const page = this.#contextPages.get(device.requesterId);
    if (page === undefined) return;
    this.#shared.free(page, 0);
    this.#contextPages.delete(device.requesterId);
  }

  /** @returns the domain, ENOMEM, or when all ids are taken EBUSY (ASIDs) or ENOSPC (VMIDs) */
  allocDomain(isTracked: boolean): SmmuDomain | number {
    const id = this.#ids.take();
    if (id === undefined) return this.#shape.stage === 1 ? Errno.EBUSY : Errno.ENOSPC;
    const domain = SmmuDomain.make(id, this, this.#shape, isTracked, this.#memory, this.#frames);
    if (typeof domain === 'number') this.#ids.giveBack(id);
    return domain;
  }

  release(domain: SmmuDomain): void {
    this.#ids.giveBack(domain.id);
  }

  /**
   * Puts a device on a domain. Stage 1: its context descriptor first, while the stream does not look there yet, then its stream. Stage 2:
   * its stream alone. @returns 0 or ENOMEM
   */
  attach(device: IommuDevice, domain: SmmuDomain): number {
    const streamId = device.requesterId;
    if (domain.shape.stage === 2) {
      this.#attached.set(streamId, domain);
      this.#writeStream(streamId, stage2Words(domain, this.#traits));
      return 0;
    }
    const context = this.#contextOf(streamId);
    if (context === undefined) return Errno.ENOMEM;
    this.#attached.set(streamId, domain);
    this.#writeContext(streamId, context, contextWords(domain, this.#traits));
    this.#writeStream(streamId, stage1Words(context, this.#traits));
    return 0;
  }

  /** Blocks a device. */
  detach(device: IommuDevice): void {
    const streamId = device.requesterId;
    if (!this.#attached.delete(streamId)) return;
    this.#writeStream(streamId, ABORT_ENTRY);
    const context = this.#contextPages.get(streamId);
    if (context !== undefined) this.#writeContext(streamId, context, wordsOf(0n));
  }

  flushRange(domain: SmmuDomain, start: bigint, last: bigint, pageShift: number, leafOnly: boolean): void {
    const bytes = last - start + 1n;
    const range = {
      stage: domain.shape.stage,
      id: domain.id,
      start,
      bytes,
      pageShift,
      granuleShift: this.#shape.granule,
      leafOnly,
    };
    let batch: bigint[] = [];
    for (const command of IDR3.get(this.#idr3, 'RIL') === 1n ? tlbOfRange(range) : tlbOfPages(range)) {
      if (batch.length === BATCH) {
        this.#commands.issue(...batch);
        batch = [];
      }
      batch.push(command);
    }
    this.#commands.submit(...batch);
  }

  flushDomain(domain: SmmuDomain): void {
    this.#commands.submit(domain.shape.stage === 1 ? tlbOfAsid(domain.id) : tlbOfVmid(domain.id));
  }

  flushLines(paHi: number, paLo: number, bytes: number): void {
    this.#shared.flush(paHi, paLo, bytes);
  }

  #writeStream(streamId: number, words: EntryWords): void {
    this.#streamEntries.write(this.#streams.entryOf(streamId), words, () =>
      this.#commands.submit(configurationOfStream(streamId)),
    );
    this.#commands.issue(prefetchConfiguration(streamId));
  }

  #writeContext(streamId: number, address: bigint, words: EntryWords): void {
    this.#contexts.write(address, words, () => this.#commands.submit(configurationOfContext(streamId)));
  }

  /** Address of a stream's only context descriptor; its page is zeroed. */
  #contextOf(streamId: number): bigint | undefined {
    let page = this.#contextPages.get(streamId);
    if (page === undefined) {
      page = this.#shared.allocate(0);
      if (page !== undefined) this.#contextPages.set(streamId, page);
    }
    return page;
  }

  #has(field: Idr0Field): boolean {
    return IDR0.get(this.#idr0, field) !== 0n;
  }
}
