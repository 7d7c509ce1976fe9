import type { RegisterFile } from '@ioasis/core';
import { EVENT_CTL_REG } from '../layouts/control-registers.js';

/** Where the unit's own interrupts go: a message's address and data. */
export type MessageSink = (addressHi: number, addressLo: number, data: number) => void;

const IM = Number(EVENT_CTL_REG.mask('IM')) | 0;
const IP = Number(EVENT_CTL_REG.mask('IP'));

/**
 * One of the unit's three events (fault, invalidation completion, page request): control, data and address registers side by side
 * (VT-d 11.4.7.4 to 11.4.7.7). While masked an event stays pending in IP.
 */
export class EventMessage {
  readonly #registers: RegisterFile;
  readonly #control: number;
  readonly #deliver: MessageSink;

  /** @param control byte offset of the control register; data, address and upper address follow */
  constructor(registers: RegisterFile, control: number, deliver: MessageSink) {
    this.#registers = registers;
    this.#control = control;
    this.#deliver = deliver;
  }

  /** The event's condition became true. */
  raise(): void {
    this.#registers.set(this.#control, this.#registers.get(this.#control) | IP);
    this.unmasked();
  }

  /** The control register was written: a pending event leaves when IM is clear. */
  unmasked(): void {
    const registers = this.#registers;
    const control = registers.get(this.#control);
    if ((control & IM) !== 0 || (control & IP) === 0) return;
    registers.set(this.#control, control & ~IP);
    const data = registers.get(this.#control + 4);
    this.#deliver(registers.get(this.#control + 12), registers.get(this.#control + 8), data);
  }

  /** Software cleared every status bit behind the event: it is pending no more. */
  withdraw(): void {
    this.#registers.set(this.#control, this.#registers.get(this.#control) & ~IP);
  }
}
