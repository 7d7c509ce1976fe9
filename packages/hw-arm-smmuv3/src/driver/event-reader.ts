import { type FrameAllocator, type MmioWindow, type PhysicalMemory } from '@ioasis/core';
import { EVENT, EVENT_BYTES, EventId, type EventName } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { QUEUE_BASE } from '../layouts/registers.js';
import { frameAddress } from './frame-address.js';

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
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #base: bigint;
  readonly #log2: number;
  #consumer = 0;

  /**
   * @param maxLog2 IDR1.EVENTQS
   * @throws RangeError without memory for the queue
   */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow, maxLog2: number) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#log2 = Math.min(LOG2_ENTRIES, maxLog2);
    const frame = frames.allocate(0);
    if (frame < 0) throw new RangeError('armSmmuv3: no memory for the event queue');
    this.#base = frameAddress(frame);
    this.baseRegister = QUEUE_BASE.encode({ HINT: 1, ADDR: this.#base >> 5n, LOG2SIZE: this.#log2 });
  }

  /** Reads up to the producer and gives the slots back; an overflow is acknowledged. */
  drain(): void {
    const mask = (1 << (this.#log2 + 1)) - 1;
    const register = this.#mmio.read32(Register.EVENTQ_PROD);
    while (this.#consumer !== (register & mask)) {
      const slot = this.#consumer & ((1 << this.#log2) - 1);
      const bytes = new Uint8Array(EVENT_BYTES);
      this.#memory.read(this.#base + BigInt(slot * EVENT_BYTES), bytes);
      const view = new DataView(bytes.buffer);
      this.#keep([0, 8, 16, 24].map((at) => view.getBigUint64(at, true)));
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
