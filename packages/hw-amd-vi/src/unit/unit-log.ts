import { QueueRing, type PhysicalMemory, type RegisterFile } from '@ioasis/core';
import { EVENT_BYTES } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { STATUS, type StatusField } from '../layouts/registers.js';

/** Register offsets and status bits of one log: the event log and the PPR log work alike. */
export interface LogRegisters {
  readonly head: number;
  readonly tail: number;
  readonly run: StatusField;
  readonly overflow: StatusField;
  readonly interrupt: StatusField;
}

export const EVENT_LOG: LogRegisters = {
  head: Register.EVENT_LOG_HEAD,
  tail: Register.EVENT_LOG_TAIL,
  run: 'EVENT_LOG_RUN',
  overflow: 'EVENT_OVERFLOW',
  interrupt: 'EVENT_LOG_INT',
};

export const PPR_LOG: LogRegisters = {
  head: Register.PPR_LOG_HEAD,
  tail: Register.PPR_LOG_TAIL,
  run: 'PPR_LOG_RUN',
  overflow: 'PPR_OVERFLOW',
  interrupt: 'PPR_INT',
};

/** What became of an entry. */
export type LogResult = 'recorded' | 'overflow' | 'disabled';

/** A ring that the unit fills and software reads (48882 2.5, 2.6). Full: the run bit clears until software enables the log again. */
export class UnitLog {
  /** The entry to write, 128 bits as 32-bit words; filled by the caller before {@link append}. */
  readonly words: Int32Array = new Int32Array(EVENT_BYTES / 4);
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #log: LogRegisters;
  readonly #ring = new QueueRing(EVENT_BYTES, 'gap');
  readonly #run: number;
  readonly #overflow: number;
  readonly #interrupt: number;
  readonly #raise: () => void;

  /** @param raise called when an entry was written or the log overflowed; checks the interrupt's enable */
  constructor(memory: PhysicalMemory, registers: RegisterFile, log: LogRegisters, raise: () => void) {
    this.#memory = memory;
    this.#registers = registers;
    this.#log = log;
    this.#run = Number(STATUS.mask(log.run));
    this.#overflow = Number(STATUS.mask(log.overflow));
    this.#interrupt = Number(STATUS.mask(log.interrupt));
    this.#raise = raise;
  }

  get isRunning(): boolean {
    return (this.#registers.get(Register.STATUS) & this.#run) !== 0;
  }

  /** Starts with the ring that the base register names, or stops. */
  enable(enabled: boolean, baseHi: number, baseLo: number): void {
    const status = this.#registers.get(Register.STATUS);
    if (enabled && !this.isRunning) {
      this.#ring.configure(baseHi & 0xf_ffff, baseLo & ~0xfff, (baseHi >>> 24) & 0xf);
    }
    this.#registers.set(Register.STATUS, enabled ? status | this.#run : status & ~this.#run);
  }

  /** Writes {@link words} as the next entry. */
  append(): LogResult {
    const registers = this.#registers;
    if (!this.isRunning) return 'disabled';
    const ring = this.#ring;
    ring.head = registers.get(this.#log.head) / EVENT_BYTES;
    ring.tail = registers.get(this.#log.tail) / EVENT_BYTES;
    const status = registers.get(Register.STATUS);
    if (ring.isFull) {
      registers.set(Register.STATUS, (status | this.#overflow) & ~this.#run);
      this.#raise();
      return 'overflow';
    }
    ring.locate(ring.tail);
    const memory = this.#memory;
    memory.deviceWriting = true;
    // The code is in the first word: it lands last, so that software never sees a code without its fields.
    memory.store64(ring.entryHi, ring.entryLo + 8, this.words[3]!, this.words[2]!);
    memory.store64(ring.entryHi, ring.entryLo, this.words[1]!, this.words[0]!);
    memory.deviceWriting = false;
    ring.advanceTail();
    registers.set(this.#log.tail, ring.tail * EVENT_BYTES);
    registers.set(Register.STATUS, status | this.#interrupt);
    this.#raise();
    return 'recorded';
  }
}
