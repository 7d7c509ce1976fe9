/** ASIDs or VMIDs: the lowest free one from 1; 0 is nobody's. */
export class IdPool {
  readonly #last: number;
  readonly #taken = new Set<number>();

  /** @param bits the unit's width; ids end at 2^bits - 1 */
  constructor(bits: number) {
    this.#last = 2 ** bits - 1;
  }

  /** Undefined: all are taken. */
  take(): number | undefined {
    let id = 1;
    while (this.#taken.has(id)) id++;
    if (id > this.#last) return undefined;
    this.#taken.add(id);
    return id;
  }

  giveBack(id: number): void {
    this.#taken.delete(id);
  }
}
