import {
  hi32,
  lo32,
  QueueRing,
  type PhysicalMemory,
  type RegisterFile,
  type UnitCounters,
  wordField,
} from '@ioasis/core';
import { GSTS_REG, TranslationTableMode } from '../layouts/control-registers.js';
import { DescriptorType } from '../layouts/descriptors.js';
import { FSTS_REG } from '../layouts/fault-registers.js';
import { ICS_REG, IQA_REG, IQERCD_REG, QueueErrorInfo } from '../layouts/invalidation-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';
import { DescriptorDecoder, type Descriptor } from './descriptor.js';
import type { EventMessage } from './event-message.js';
import type { FaultLog } from './fault-log.js';
import type { UnitWatch } from './unit-watch.js';

/** How a descriptor ended: done; or what came of a device's completion, which did not come in time or was not asked for. */
export type DescriptorEnd = 'completed' | 'timed-out' | 'unexpected';

/** Who runs the descriptors that are not the queue's own. */
export interface DescriptorSink {
  /** Runs any type but wait; only device-TLB types have a completion that can fail. */
  run(descriptor: Descriptor): DescriptorEnd;
}

const QIES = Number(GSTS_REG.mask('QIES'));
const IQE = Number(FSTS_REG.mask('IQE'));
const ITE = Number(FSTS_REG.mask('ITE'));
const ICE = Number(FSTS_REG.mask('ICE'));
const IWC = Number(ICS_REG.mask('IWC'));
const DW = wordField(IQA_REG, 'DW');
const QS = wordField(IQA_REG, 'QS');
/** log2 of the descriptors of a queue of one page. */
const NARROW_ENTRIES_LOG2 = 8;
const NARROW_SHIFT = 4;
/** IQT bits below the index of a 256-bit queue. */
const MISALIGNED = 0x10;

/** Queued invalidation (VT-d 6.5.2): fetches descriptors in order, runs them, stops at errors. */
export class InvalidationQueue {
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #decoder: DescriptorDecoder;
  readonly #faults: FaultLog;
  readonly #event: EventMessage;
  readonly #sink: DescriptorSink;
  readonly #counters: UnitCounters;
  readonly #isStepped: boolean;
  readonly #watch: UnitWatch;
  readonly #tableMode: () => number;
  readonly #capabilities: Capabilities;
  /** Upper word of a status address: bits at or above the host's width are ignored. */
  readonly #statusMaskHi: number;
  readonly #ring = new QueueRing(16, 'gap');
  readonly #words = new Int32Array(8);
  readonly #narrowWords = this.#words.subarray(0, 4);
  readonly #iqa = new Int32Array(2);
  #shift = NARROW_SHIFT;
  /** A device did not answer an invalidation since the last wait; -1: all did. */
  #timedOut = -1;

  constructor(parts: {
    memory: PhysicalMemory;
    registers: RegisterFile;
    capabilities: Capabilities;
    faults: FaultLog;
    event: EventMessage;
    sink: DescriptorSink;
    counters: UnitCounters;
    isStepped: boolean;
    watch: UnitWatch;
    /** The one of the last SRTP. */
    tableMode: () => number;
  }) {
    this.#memory = parts.memory;
    this.#registers = parts.registers;
    this.#decoder = new DescriptorDecoder(parts.capabilities);
    this.#faults = parts.faults;
    this.#event = parts.event;
    this.#sink = parts.sink;
    this.#counters = parts.counters;
    this.#isStepped = parts.isStepped;
    this.#watch = parts.watch;
    this.#tableMode = parts.tableMode;
    this.#capabilities = parts.capabilities;
    this.#statusMaskHi = (2 ** Math.max(0, parts.capabilities.hostAddressWidth - 32) - 1) | 0;
  }

  get isEnabled(): boolean {
    return (this.#registers.get(RegisterOffset.GSTS) & QIES) !== 0;
  }

  reset(): void {
    this.#ring.head = 0;
    this.#timedOut = -1;
  }

  /** GCMD.QIE changed. Disabling with descriptors left is not allowed to software and has no effect. */
  enable(enabled: boolean): void {
    const registers = this.#registers;
    const status = registers.get(RegisterOffset.GSTS);
    if (enabled === this.isEnabled) return;
    if (enabled) {
      this.#setHead(0);
      registers.set(RegisterOffset.GSTS, status | QIES);
      this.tailWritten();
      return;
    }
    this.#configure();
    if (this.#tail() !== this.#ring.head) return;
    registers.set(RegisterOffset.GSTS, status & ~QIES);
    this.#setHead(0);
  }

  /** The doorbell: IQT was written, or an error was cleared. */
  tailWritten(): void {
    if (!this.#isStepped) this.run(Number.POSITIVE_INFINITY);
  }

  /** ICS or IECTL was written: nothing is pending once IWC is clear; an unmasked event leaves. */
  eventWritten(): void {
    if ((this.#registers.get(RegisterOffset.ICS) & IWC) === 0) this.#event.withdraw();
    this.#event.unmasked();
  }

  /** Runs up to `limit` descriptors. @returns how many */
  run(limit: number): number {
    if (!this.isEnabled) return 0;
    this.#configure();
    let done = 0;
    while (done < limit && !this.#isStopped()) {
      const tail = this.#checkedTail();
      if (tail < 0 || this.#ring.head === tail) break;
      if (!this.#runOne()) break;
      done++;
    }
    // Nothing behind the time-out waits for it: it is reported all the same.
    if (this.#timedOut >= 0 && !this.#isStopped() && this.#ring.head === this.#tail()) this.#reportTimeOut();
    this.#counters.commands += done;
    return done;
  }

  #isStopped(): boolean {
    return (this.#registers.get(RegisterOffset.FSTS) & (IQE | ITE)) !== 0;
  }

  #configure(): void {
    const registers = this.#registers;
    const iqa = this.#iqa;
    iqa[0] = registers.get(RegisterOffset.IQA);
    iqa[1] = registers.get(RegisterOffset.IQA + 4);
    const wide = DW.of(iqa, 0);
    this.#shift = NARROW_SHIFT + wide;
    this.#ring.entryBytes = 1 << this.#shift;
    this.#ring.configure(iqa[1], iqa[0] & ~0xfff, NARROW_ENTRIES_LOG2 + QS.of(iqa, 0) - wide);
  }

  #tail(): number {
    return this.#registers.get(RegisterOffset.IQT) >>> this.#shift;
  }

  /** Index of the tail, or -1 after reporting that it cannot be one. */
  #checkedTail(): number {
    const wide = this.#shift !== NARROW_SHIFT;
    if (wide && (this.#registers.get(RegisterOffset.IQT) & MISALIGNED) !== 0) {
      this.#stop(QueueErrorInfo.MISALIGNED_TAIL);
      return -1;
    }
    const tail = this.#tail();
    if (this.#ring.accepts(tail)) return tail;
    this.#stop(QueueErrorInfo.INVALID_TAIL);
    return -1;
  }

  #setHead(head: number): void {
    this.#ring.head = head;
    this.#registers.set(RegisterOffset.IQH, head << this.#shift);
  }

  /** One descriptor; false: the queue stopped at it, or behind it. */
  #runOne(): boolean {
    const ring = this.#ring;
    const wide = this.#shift !== NARROW_SHIFT;
    const memory = this.#memory;
    ring.locate(ring.head);
    for (let at = 0; at < (wide ? 8 : 4); at += 2) {
      if (!memory.load64(ring.entryHi, (ring.entryLo + at * 4) | 0)) return this.#stop(QueueErrorInfo.FETCH_ERROR);
      this.#words[at] = memory.loadedLo;
      this.#words[at + 1] = memory.loadedHi;
    }
    const error = this.#modeError(wide) || this.#decoder.decode(this.#words, wide, this.#tableMode());
    if (error !== QueueErrorInfo.NONE) return this.#stop(error);
    const { descriptor } = this.#decoder;
    this.#watch.executing(descriptor.type, wide ? this.#words : this.#narrowWords);
    ring.advanceHead();
    this.#setHead(ring.head);
    if (descriptor.type === DescriptorType.WAIT) return this.#wait(descriptor);
    const completion = this.#sink.run(descriptor);
    if (completion === 'timed-out') this.#timedOut = descriptor.requester;
    else if (completion === 'unexpected') this.#reportUnexpected(descriptor.requester);
    return true;
  }

  /** The table mode must be one that the unit has; all but legacy mode need 256-bit descriptors (VT-d 6.5.2.11, 11.4.9.9). */
  #modeError(wide: boolean): number {
    const { scalable, abortDma } = this.#capabilities;
    switch (this.#tableMode()) {
      case TranslationTableMode.LEGACY:
        return QueueErrorInfo.NONE;
      case TranslationTableMode.SCALABLE:
        if (!scalable) return QueueErrorInfo.INVALID_TTM;
        break;
      case TranslationTableMode.ABORT_DMA:
        if (!abortDma) return QueueErrorInfo.INVALID_TTM;
        break;
      default:
        return QueueErrorInfo.INVALID_TTM;
    }
    return wide ? QueueErrorInfo.NONE : QueueErrorInfo.INVALID_WIDTH;
  }

  /** Everything before has completed; a wait behind a time-out is aborted without a status write (VT-d 6.5.2.11). */
  #wait(descriptor: Descriptor): boolean {
    if (this.#timedOut >= 0) {
      this.#reportTimeOut();
      return false;
    }
    if (descriptor.statusWrite) {
      this.#memory.deviceWriting = true;
      this.#memory.store32(descriptor.addressHi & this.#statusMaskHi, descriptor.addressLo, descriptor.statusData);
      this.#memory.deviceWriting = false;
    }
    if (descriptor.interrupt) {
      const status = this.#registers.get(RegisterOffset.ICS);
      this.#registers.set(RegisterOffset.ICS, status | IWC);
      if ((status & IWC) === 0) this.#event.raise();
    }
    return true;
  }

  #stop(info: number): false {
    this.#noteError({ IQEI: info });
    this.#faults.raise(IQE);
    return false;
  }

  #reportTimeOut(): void {
    this.#noteError({ ITESID: this.#timedOut });
    this.#timedOut = -1;
    this.#faults.raise(ITE);
  }

  /** The first one that software has not seen yet stays on record (VT-d 11.4.9.9). */
  #reportUnexpected(requester: number): void {
    if ((this.#registers.get(RegisterOffset.FSTS) & ICE) === 0) this.#noteError({ ICESID: requester });
    this.#faults.raise(ICE);
  }

  #noteError(values: Partial<Record<'IQEI' | 'ITESID' | 'ICESID', number>>): void {
    const registers = this.#registers;
    const offset = RegisterOffset.IQERCD;
    let word = (BigInt(registers.get(offset + 4) >>> 0) << 32n) | BigInt(registers.get(offset) >>> 0);
    for (const name of Object.keys(values) as (keyof typeof values)[]) word &= ~IQERCD_REG.mask(name);
    word |= IQERCD_REG.encode(values);
    registers.set(offset, lo32(word));
    registers.set(offset + 4, hi32(word));
  }
}
