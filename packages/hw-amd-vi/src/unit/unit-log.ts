import { hi32, lo32, QueueRing, type PhysicalMemory, type RegisterFile } from '@ioasis/core';
import { EVENT_BYTES } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { RING_LENGTH_MIN, STATUS, type StatusField } from '../layouts/registers.js';

/** Register offsets and status bits of one log: the event log and the PPR log work alike. */
export interface LogRegisters {
  readonly base: number;
  readonly head: number;
  readonly tail: number;
  readonly run: StatusField;
  readonly overflow: StatusField;
  readonly interrupt: StatusField;
}

export const EVENT_LOG: LogRegisters = {
  base: Register.EVENT_LOG_BASE,
  head: Register.EVENT_LOG_HEAD,
  tail: Register.EVENT_LOG_TAIL,
  run: 'EVENT_LOG_RUN',
  overflow: 'EVENT_OVERFLOW',
  interrupt: 'EVENT_LOG_INT',
};

export const PPR_LOG: LogRegisters = {
  base: Register.PPR_LOG_BASE,
  head: Register.PPR_LOG_HEAD,
  tail: Register.PPR_LOG_TAIL,
  run: 'PPR_LOG_RUN',
  overflow: 'PPR_OVERFLOW',
  interrupt: 'PPR_INT',
};

/** What became of an entry. */
export type LogResult = 'recorded' | 'overflow' | 'disabled';

/** Where entries of 128 bits go. */
export interface LogSink {
  append(entry: bigint): LogResult;
}

/**
 * A ring that the unit fills and software reads (48882 2.5, 2.6). Full: the overflow bit sets, the run bit clears, and nothing is
 * logged until software disables the log and enables it again.
 */
export class UnitLog implements LogSink {
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #log: LogRegisters;
  readonly #ring = new QueueRing(EVENT_BYTES, 'gap');
  readonly #run: number;
  readonly #overflow: number;
  readonly #interrupt: number;
  readonly #raise: () => void;
  #isEnabled = false;

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

  /** The enable bit as it is now. A change to enabled starts with the ring that the base register names; one to disabled stops. */
  enable(enabled: boolean): void {
    if (enabled === this.#isEnabled) return;
    this.#isEnabled = enabled;
    const registers = this.#registers;
    const baseHi = registers.get(this.#log.base + 4);
    const length = (baseHi >>> 24) & 0xf;
    const runs = enabled && length >= RING_LENGTH_MIN;
    if (runs) this.#ring.configure(baseHi & 0xf_ffff, registers.get(this.#log.base) & ~0xfff, length);
    const status = registers.get(Register.STATUS);
    registers.set(Register.STATUS, runs ? status | this.#run : status & ~this.#run);
  }

  append(entry: bigint): LogResult {
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
    const upper = entry >> 64n;
    memory.deviceWriting = true;
    // The code is in the lower word: it lands last, so that software never sees a code without its fields.
    memory.store64(ring.entryHi, ring.entryLo + 8, hi32(upper), lo32(upper));
    memory.store64(ring.entryHi, ring.entryLo, hi32(entry), lo32(entry));
    memory.deviceWriting = false;
    ring.advanceTail();
    registers.set(this.#log.tail, ring.tail * EVENT_BYTES);
    registers.set(Register.STATUS, status | this.#interrupt);
    this.#raise();
    return 'recorded';
  }

  /** Power-on; the registers have been reset. */
  reset(): void {
    this.#isEnabled = false;
  }
}
