import type { MmioWindow } from '@ioasis/core';
import { EVENT, EVENT_BYTES, EventId, type EventName } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { QUEUE_BASE } from '../layouts/registers.js';
import type { SharedMemory } from './shared-memory.js';

/** One page of events. Linux takes the longest queue that it can allocate. */
const LOG2_ENTRIES = 7;
/** Oldest events are forgotten, as in a kernel log. */
const KEPT_EVENTS = 4096;
const OVERFLOW = 0x8000_0000 | 0;

/** An event as the driver read it. */
export interface LoggedEvent {
  readonly name: EventName | 'UNKNOWN';
  /** 64-bit words, lowest first. */
  readonly words: readonly bigint[];
  /** The lines in Linux's log, behind the name of the driver and its device. */
  readonly lines: readonly string[];
}

const names = new Map<number, EventName>(
  (Object.entries(EventId) as [EventName, number][]).map(([name, id]) => [id, name]),
);

/** The driver's end of the event queue. */
export class EventReader {
  /** Value of EVENTQ_BASE. */
  readonly baseRegister: bigint;
  readonly events: LoggedEvent[] = [];
  readonly #memory: SharedMemory;
  readonly #mmio: MmioWindow;
  readonly #base: bigint;
  readonly #log2: number;
  #consumer = 0;

  /**
   * @param maxLog2 IDR1.EVENTQS
   * @throws RangeError without memory for the queue
   */
  constructor(memory: SharedMemory, mmio: MmioWindow, maxLog2: number) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#log2 = Math.min(LOG2_ENTRIES, maxLog2);
    const base = memory.allocate(0);
    if (base === undefined) throw new RangeError('armSmmuv3: no memory for the event queue');
    this.#base = base;
    this.baseRegister = QUEUE_BASE.encode({ HINT: 1, ADDR: this.#base >> 5n, LOG2SIZE: this.#log2 });
  }

  /** Reads up to the producer and gives the slots back; an overflow is acknowledged. */
  drain(): void {
    const mask = (1 << (this.#log2 + 1)) - 1;
    const register = this.#mmio.read32(Register.EVENTQ_PROD);
    while (this.#consumer !== (register & mask)) {
      const slot = this.#consumer & ((1 << this.#log2) - 1);
      const record = this.#base + BigInt(slot * EVENT_BYTES);
      this.#keep([0n, 8n, 16n, 24n].map((word) => this.#memory.load64(record + word)));
      this.#consumer = (this.#consumer + 1) & mask;
    }
    this.#mmio.write32(Register.EVENTQ_CONS, this.#consumer | (register & OVERFLOW));
  }

  #keep(words: readonly bigint[]): void {
    const id = Number(EVENT.get(words[0]!, 'ID'));
    const head = `event 0x${id.toString(16).padStart(2, '0')} received:`;
    const lines = [head, ...words.map((word) => `\t0x${word.toString(16).padStart(16, '0')}`)];
    this.events.push({ name: names.get(id) ?? 'UNKNOWN', words, lines });
    if (this.events.length > KEPT_EVENTS) this.events.shift();
  }
}
