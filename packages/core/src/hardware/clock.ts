/** Logical time in ticks. Nothing in ioasis reads a wall clock: two runs with the same input give the same output. */
export interface Clock {
  /** Ticks since the machine was made. */
  now(): number;
}

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #now = 0;

  now(): number {
    return this.#now;
  }

  /** Moves time forward; a negative or fractional number of ticks is a bug of the caller. */
  advance(ticks: number): void {
    if (!Number.isSafeInteger(ticks) || ticks < 0) throw new RangeError(`cannot advance by ${ticks} ticks`);
    this.#now += ticks;
  }
}
