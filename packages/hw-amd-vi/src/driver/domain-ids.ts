/** Highest DomainID that fits a device table entry. */
const LAST_DOMAIN_ID = 0xffff;

/** DomainIDs as Linux hands them out: the lowest free one, from 1. 0 means none. */
export class DomainIds {
  readonly #taken = new Set<number>();
  /** Every id below is taken. */
  #firstFree = 1;

  /** @returns an id, or undefined when all are taken */
  take(): number | undefined {
    while (this.#taken.has(this.#firstFree)) this.#firstFree++;
    if (this.#firstFree > LAST_DOMAIN_ID) return undefined;
    this.#taken.add(this.#firstFree);
    return this.#firstFree;
  }

  give(id: number): void {
    this.#taken.delete(id);
    this.#firstFree = Math.min(this.#firstFree, id);
  }

  [Symbol.iterator](): IterableIterator<number> {
    return this.#taken.values();
  }
}
