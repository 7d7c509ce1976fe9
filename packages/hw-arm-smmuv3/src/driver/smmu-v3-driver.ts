import {
  Errno,
  write64,
  type FrameAllocator,
  type IommuDevice,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import type { GranuleShift } from '../format/granule.js';
import { CD } from '../layouts/context-descriptor.js';
import { Register } from '../layouts/register-offsets.js';
import {
  CR0,
  CR1,
  CR2,
  GBPA,
  IDR0,
  IDR1,
  IDR3,
  IDR5,
  IRQ_CTRL,
  OUTPUT_SIZE_BITS,
  type Idr0Field,
} from '../layouts/registers.js';
import { S1Dss, STE, SteConfig } from '../layouts/stream-table.js';
import { CommandQueueWriter } from './command-queue.js';
import { Stage1Domain, type DomainHost, type Stage1Shape } from './domain.js';
import { EntryWriter, wordsOf } from './entry-writer.js';
import { EventReader, type LoggedEvent } from './event-reader.js';
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
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** Input bits of stage 1 (VA_BITS of the kernel). */
const INPUT_BITS = 48;
/**
 * Linux writes memory attributes for indexes 0 to 3: non-cacheable, write-back, device, write-back non-transient. It makes them as a
 * signed 32-bit value, so that the unused indexes are all ones.
 */
const MAIR = 0xffff_ffff_f404_ff44n;
/** Inner shareable, and write-back cacheable, as CR1, CD and STE code them. */
const INNER_SHAREABLE = 3;
const WRITE_BACK = 1;
/** Commands of one batch. */
const BATCH = 64;
const TG0: Readonly<Record<GranuleShift, number>> = { 12: 0, 14: 2, 16: 1 };

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
  readonly #shape: Stage1Shape;
  readonly #commands: CommandQueueWriter;
  readonly #streams: StreamTableWriter;
  readonly #events: EventReader;
  readonly #streamEntries: EntryWriter;
  readonly #contexts: EntryWriter;
  readonly #asids = new Set<number>();
  /** Address of the context descriptor's page, by StreamID. */
  readonly #contextPages = new Map<number, bigint>();
  /** Domains by StreamID. */
  readonly #attached = new Map<number, Stage1Domain>();

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
    if (!this.#has('S1P')) throw new RangeError('armSmmuv3: the driver needs stage 1 (IDR0.S1P)');
    this.isCoherent = this.#has('COHACC');
    this.#shared = new SharedMemory(memory, frames, this.isCoherent);
    this.#shape = shapeOf(environment.pageSize, register(Register.IDR5));
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

  /** Whether the hardware writes dirty state, and snoops what the driver wrote. */
  get hasDirtyTracking(): boolean {
    return IDR0.get(this.#idr0, 'HTTU') === 2n && this.isCoherent;
  }

  /** Events that the unit recorded and the driver has read, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events.events;
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

  /** @returns the domain, ENOMEM, or EBUSY when all ASIDs are taken */
  allocDomain(isTracked: boolean): Stage1Domain | number {
    const last = (this.#has('ASID16') ? 1 << 16 : 1 << 8) - 1;
    let asid = 1;
    while (this.#asids.has(asid)) asid++;
    if (asid > last) return Errno.EBUSY;
    const domain = Stage1Domain.make(asid, this, this.#shape, isTracked, this.#memory, this.#frames);
    if (typeof domain !== 'number') this.#asids.add(asid);
    return domain;
  }

  release(domain: Stage1Domain): void {
    this.#asids.delete(domain.asid);
  }

  /** Puts a device on a domain: its context descriptor first, while the stream does not look there yet, then its stream. @returns 0 or ENOMEM */
  attach(device: IommuDevice, domain: Stage1Domain): number {
    const streamId = device.requesterId;
    const context = this.#contextOf(streamId);
    if (context === undefined) return Errno.ENOMEM;
    this.#attached.set(streamId, domain);
    this.#contexts.write(context, this.#contextWords(domain), () =>
      this.#commands.submit(configurationOfContext(streamId)),
    );
    this.#writeStream(streamId, this.#streamWords(context));
    return 0;
  }

  /** Blocks a device. */
  detach(device: IommuDevice): void {
    const streamId = device.requesterId;
    if (!this.#attached.delete(streamId)) return;
    this.#writeStream(streamId, ABORT_ENTRY);
    const nothing = wordsOf(0n);
    this.#contexts.write(this.#contextOf(streamId)!, nothing, () =>
      this.#commands.submit(configurationOfContext(streamId)),
    );
  }

  flushRange(domain: Stage1Domain, start: bigint, last: bigint, pageShift: number, leafOnly: boolean): void {
    const bytes = last - start + 1n;
    const range = {
      asid: domain.asid,
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

  flushDomain(domain: Stage1Domain): void {
    this.#commands.submit(tlbOfAsid(domain.asid));
  }

  flushLines(paHi: number, paLo: number, bytes: number): void {
    this.#shared.flush(paHi, paLo, bytes);
  }

  #writeStream(streamId: number, words: readonly bigint[]): void {
    this.#streamEntries.write(this.#streams.entryOf(streamId), words, () =>
      this.#commands.submit(configurationOfStream(streamId)),
    );
    this.#commands.issue(prefetchConfiguration(streamId));
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

  #contextWords(domain: Stage1Domain): readonly bigint[] {
    const isTracked = domain.dirty !== undefined;
    return wordsOf(
      CD.encode({
        T0SZ: 64 - this.#shape.inputBits,
        TG0: TG0[this.#shape.granule],
        IR0: WRITE_BACK,
        OR0: WRITE_BACK,
        SH0: INNER_SHAREABLE,
        EPD1: 1,
        V: 1,
        IPS: OUTPUT_SIZE_BITS.indexOf(this.#shape.outputBits),
        AA64: 1,
        R: 1,
        A: 1,
        ASET: 1,
        HA: isTracked,
        HD: isTracked,
        ASID: domain.asid,
        TTB0: domain.root >> 4n,
        MAIR,
      }),
    );
  }

  #streamWords(context: bigint): readonly bigint[] {
    return wordsOf(
      STE.encode({
        V: 1,
        CONFIG: SteConfig.S1,
        S1CONTEXTPTR: context >> 6n,
        S1DSS: S1Dss.SUBSTREAM_0,
        S1CIR: WRITE_BACK,
        S1COR: WRITE_BACK,
        S1CSH: INNER_SHAREABLE,
        // Nobody would resume a stalled transaction.
        S1STALLD: IDR0.get(this.#idr0, 'STALL_MODEL') === 0n,
      }),
    );
  }

  #has(field: Idr0Field): boolean {
    return IDR0.get(this.#idr0, field) !== 0n;
  }
}

/** @throws RangeError when the unit has no tables of the kernel's pages */
function shapeOf(pageSize: number, idr5: bigint): Stage1Shape {
  const granule = Math.log2(pageSize) as GranuleShift;
  const granules = { 12: 'GRAN4K', 14: 'GRAN16K', 16: 'GRAN64K' } as const;
  if (IDR5.get(idr5, granules[granule]) === 0n) {
    throw new RangeError(
      `armSmmuv3: the unit has no tables with pages of ${pageSize} bytes (IDR5.${granules[granule]})`,
    );
  }
  return { granule, inputBits: INPUT_BITS, outputBits: OUTPUT_SIZE_BITS[Number(IDR5.get(idr5, 'OAS'))]! };
}
