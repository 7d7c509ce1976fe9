import { QueueRing, type PhysicalMemory, type RegisterFile } from '@ioasis/core';
import { EVENT_BYTES } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';

/** What became of a record. */
export type EventResult = 'recorded' | 'overflow' | 'disabled';

const OVERFLOW = 1 << 31;

/** Registers and entry size of a queue that the unit fills: the event queue or the PRI queue. */
export interface OutputQueueRegisters {
  readonly base: number;
  readonly prod: number;
  readonly cons: number;
  readonly entryBytes: number;
}

export const EVENT_QUEUE: OutputQueueRegisters = {
  base: Register.EVENTQ_BASE,
  prod: Register.EVENTQ_PROD,
  cons: Register.EVENTQ_CONS,
  entryBytes: EVENT_BYTES,
};

/** What a queue depends on besides its registers. */
export interface OutputQueueLimits {
  /** log2 of the most entries (IDR1): a larger size counts as this one. */
  readonly log2Max: number;
  /** The queue's abort error is active: nothing is written until software acknowledges it (IHI 0070 7.2.1, 8.2). */
  readonly isBroken: () => boolean;
}

/** A queue that the unit fills and software reads (IHI 0070 3.5, 7.4): a full one drops the record and toggles the overflow flag once. */
export class OutputQueue {
  /** The record to write as 32-bit words, filled by the caller before {@link append}. */
  readonly words: Int32Array;
  enabled = false;
  /** The last record that was written was the first one: software is told of a queue that is no longer empty (IHI 0070 3.18.2). */
  wasEmpty = false;
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #queue: OutputQueueRegisters;
  readonly #ring: QueueRing;
  readonly #limits: OutputQueueLimits;

  constructor(memory: PhysicalMemory, registers: RegisterFile, queue: OutputQueueRegisters, limits: OutputQueueLimits) {
    this.#memory = memory;
    this.#registers = registers;
    this.#queue = queue;
    this.#limits = limits;
    this.#ring = new QueueRing(queue.entryBytes, 'wrap-bit');
    this.words = new Int32Array(queue.entryBytes / 4);
  }

  /** An overflow that software has not acknowledged. */
  get isOverflowing(): boolean {
    const registers = this.#registers;
    return this.enabled && ((registers.get(this.#queue.prod) ^ registers.get(this.#queue.cons)) & OVERFLOW) !== 0;
  }

  /** A record can be written. */
  get isWritable(): boolean {
    return this.enabled && !this.#limits.isBroken() && !this.#load().isFull;
  }

  /**
   * Writes {@link words} as the next record. `abort`: the queue's memory is not there.
   * @param canWait the record is not lost when there is no room: that is no overflow, and `disabled`
   */
  append(canWait: boolean = false): EventResult | 'abort' {
    if (!this.enabled || this.#limits.isBroken()) return 'disabled';
    const registers = this.#registers;
    const ring = this.#load();
    const prod = registers.get(this.#queue.prod);
    if (ring.isFull) {
      if (canWait) return 'disabled';
      // One overflow is signalled until software acknowledges it by making the flags equal.
      if (!this.isOverflowing) registers.set(this.#queue.prod, prod ^ OVERFLOW);
      return 'overflow';
    }
    ring.locate(ring.tail);
    const memory = this.#memory;
    memory.deviceWriting = true;
    let isStored = true;
    for (let word = 0; word < this.words.length; word += 2) {
      isStored =
        memory.store64(ring.entryHi, ring.entryLo + word * 4, this.words[word + 1]!, this.words[word]!) && isStored;
    }
    memory.deviceWriting = false;
    if (!isStored) return 'abort';
    this.wasEmpty = ring.isEmpty;
    ring.advanceTail();
    registers.set(this.#queue.prod, (prod & OVERFLOW) | ring.tail);
    return 'recorded';
  }

  #load(): QueueRing {
    const registers = this.#registers;
    const ring = this.#ring;
    const lo = registers.get(this.#queue.base);
    const log2 = Math.min(lo & 0x1f, this.#limits.log2Max);
    // A queue is aligned to its size, at least 32 bytes (IHI 0070 6.3.26).
    const alignment = Math.max(32, this.#queue.entryBytes * 2 ** log2);
    ring.configure(registers.get(this.#queue.base + 4) & 0xf_ffff, lo & -alignment, log2);
    const mask = 2 ** (ring.sizeLog2 + 1) - 1;
    ring.head = registers.get(this.#queue.cons) & mask;
    ring.tail = registers.get(this.#queue.prod) & mask;
    return ring;
  }
}
