/** 64 bits more with each entry of a TranslationCache (paging-structure caches: allow bits of the tables above). */
export class EntryPayload {
  readonly #words: Int32Array;

  constructor(entries: number) {
    this.#words = new Int32Array(2 * entries);
  }

  /** @param index of an entry, -1: none */
  set(index: number, hi: number, lo: number): void {
    if (index < 0) return;
    this.#words[index * 2] = lo;
    this.#words[index * 2 + 1] = hi;
  }

  hi(index: number): number {
    return this.#words[index * 2 + 1] as number;
  }

  lo(index: number): number {
    return this.#words[index * 2] as number;
  }
}
