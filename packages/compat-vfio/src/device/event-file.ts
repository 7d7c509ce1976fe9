import { right } from 'fp-ts/lib/Either.js';
import { PollEvent, type IoResult, type OpenFile, type Process } from '@ioasis/core';
import { vfioRefusals } from '../refusals.js';

const BYTES = 8;
/** The counter stops one short of 2^64 - 1. */
const COUNTER_MAX = 0xffff_ffff_ffff_fffen;

/** An eventfd, where a program waits for interrupts of a device: `process.install(new EventFile())`. Reading never blocks. */
export class EventFile implements OpenFile {
  readonly kind = 'eventfd';
  #counter = 0n;
  #listener: (() => void) | undefined;

  /** Signals since the last read. */
  get count(): bigint {
    return this.#counter;
  }

  /** Counts one event. */
  signal(): void {
    if (this.#counter < COUNTER_MAX) this.#counter++;
    this.#listener?.();
  }

  /** Somebody in the kernel waits for this eventfd (Linux: an irqfd); the newest replaces the one before. */
  onSignal(listener: () => void): void {
    this.#listener = listener;
  }

  /** Adds a number of 8 bytes and wakes who waits. Refusals: EVENTFD_LENGTH, VFIO_ARGUMENT_UNREADABLE. */
  write(process: Process, addr: bigint, bytes: number): IoResult<number> {
    if (bytes < BYTES) return vfioRefusals.refuse('EVENTFD_LENGTH', { bytes });
    const added = new BigUint64Array(1);
    if (process.addressSpace.copyIn(addr, new Uint8Array(added.buffer)) < BYTES) {
      return vfioRefusals.refuse('VFIO_ARGUMENT_UNREADABLE', { address: addr, needed: BYTES });
    }
    const sum = this.#counter + (added[0] ?? 0n);
    if (sum > COUNTER_MAX) return vfioRefusals.refuse('EVENTFD_FULL', { counter: this.#counter });
    this.#counter = sum;
    this.#listener?.();
    return right(BYTES);
  }

  /** Gives the counter, 8 bytes, and clears it. Refusals: EVENTFD_LENGTH, EVENTFD_EMPTY, VFIO_ANSWER_UNWRITABLE. */
  read(process: Process, addr: bigint, bytes: number): IoResult<number> {
    if (bytes < BYTES) return vfioRefusals.refuse('EVENTFD_LENGTH', { bytes });
    if (this.#counter === 0n) return vfioRefusals.refuse('EVENTFD_EMPTY');
    const counter = new BigUint64Array([this.#counter]);
    this.#counter = 0n;
    if (process.addressSpace.copyOut(addr, new Uint8Array(counter.buffer)) < BYTES) {
      return vfioRefusals.refuse('VFIO_ANSWER_UNWRITABLE', { address: addr, bytes: BYTES });
    }
    return right(BYTES);
  }

  poll(): number {
    return this.#counter === 0n ? PollEvent.OUT : PollEvent.IN | PollEvent.OUT;
  }

  release(): void {
    // A device that signals it keeps the object, not the descriptor.
  }
}
