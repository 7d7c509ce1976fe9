/** A limit on memory that the kernel holds for a program; stands for the memory cgroup. */
export class MemoryBudget {
  /** Bytes. */
  readonly limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  /** Bytes charged and not given back. */
  get used(): number {
    return this.#used;
  }

  /** Charges `bytes`, or nothing and returns false when the limit would be passed. */
  charge(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  /** Gives bytes back; more than were charged is a bug of the caller. */
  uncharge(bytes: number): void {
    if (bytes > this.#used) throw new RangeError(`cannot give back ${bytes} of ${this.#used} charged bytes`);
    this.#used -= bytes;
  }
}
