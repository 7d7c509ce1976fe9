import { frameAddress, type FrameAllocator, type MmioWindow, type PhysicalMemory } from '@ioasis/core';
import { EVENT, EVENT_BYTES } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { STATUS } from '../layouts/registers.js';
import { decodeEvent, eventLine, type DecodedEvent } from './event-text.js';

/** 8 KiB: 512 events, as Linux allocates. */
const ORDER = 1;
const ENTRIES = 512;
const LENGTH_CODE = 9;
/** Oldest events are forgotten, as in a kernel log. */
const KEPT_EVENTS = 4096;

const EVENT_LOG_INT = Number(STATUS.mask('EVENT_LOG_INT'));
const EVENT_LOG_RUN = Number(STATUS.mask('EVENT_LOG_RUN'));
const EVENT_OVERFLOW = Number(STATUS.mask('EVENT_OVERFLOW'));

/** An event as the driver read it. */
export interface LoggedEvent {
  readonly name: DecodedEvent['name'];
  /** 64-bit words, lowest first. */
  readonly words: readonly [bigint, bigint];
  /** The line in Linux's log. */
  readonly line: string;
}

/** The driver's end of the event log: reads entries, zeroes them and gives the slots back. */
export class EventReader {
  readonly baseRegister: bigint;
  readonly events: LoggedEvent[] = [];
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #base: bigint;

  /** @throws RangeError without memory for the log */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow) {
    this.#memory = memory;
    this.#mmio = mmio;
    const frame = frames.allocate(ORDER);
    if (frame < 0) throw new RangeError('amdVi: no memory for the event log');
    this.#base = frameAddress(frame);
    this.baseRegister = this.#base | (BigInt(LENGTH_CODE) << 56n);
  }

  /** The log was full, and has stopped. */
  get hasOverflowed(): boolean {
    return (this.#mmio.read32(Register.STATUS) & (EVENT_OVERFLOW | EVENT_LOG_RUN)) === EVENT_OVERFLOW;
  }

  acknowledgeOverflow(): void {
    this.#mmio.write64(Register.STATUS, 0, EVENT_OVERFLOW);
  }

  /** Acknowledges the interrupt, then reads up to the tail. */
  drain(): void {
    this.#mmio.write64(Register.STATUS, 0, EVENT_LOG_INT);
    let head = this.#mmio.read32(Register.EVENT_LOG_HEAD);
    const tail = this.#mmio.read32(Register.EVENT_LOG_TAIL);
    while (head !== tail) {
      const at = this.#base + BigInt(head);
      const bytes = new Uint8Array(EVENT_BYTES);
      this.#memory.read(at, bytes);
      this.#memory.write(at, new Uint8Array(EVENT_BYTES));
      const view = new DataView(bytes.buffer);
      this.#keep([view.getBigUint64(0, true), view.getBigUint64(8, true)]);
      head = (head + EVENT_BYTES) % (ENTRIES * EVENT_BYTES);
      this.#mmio.write64(Register.EVENT_LOG_HEAD, 0, head);
    }
  }

  /** A slot without a code was not written yet: some parts move the tail first. Linux gives such a slot up after a while. */
  #keep(words: readonly [bigint, bigint]): void {
    if (EVENT.get(words[0], 'CODE') === 0n) return;
    const event = decodeEvent(words);
    this.events.push({ name: event.name, words, line: eventLine(event) });
    if (this.events.length > KEPT_EVENTS) this.events.shift();
  }
}
