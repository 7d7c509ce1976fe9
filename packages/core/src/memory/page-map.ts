const BLOCK_PAGES = 512;

/**
 * Sparse map from page numbers (doubles below 2^52) to frames, in blocks of 512 pages. Page numbers of programs are above 2^31, where
 * V8 does `%` by a call of fmod; a subtraction is exact and ten times as fast.
 */
export class PageMap {
  /** Values are frame + 1; 0 = none. */
  readonly #blocks = new Map<number, Float64Array>();
  #lastNumber = -1;
  #last: Float64Array = new Float64Array(0);

  /** The frame of a page, or -1. */
  get(page: number): number {
    const number = Math.floor(page / BLOCK_PAGES);
    const block = this.#block(number);
    return block === undefined ? -1 : (block[page - number * BLOCK_PAGES] as number) - 1;
  }

  set(page: number, frame: number): void {
    const number = Math.floor(page / BLOCK_PAGES);
    let block = this.#block(number);
    if (block === undefined) {
      block = new Float64Array(BLOCK_PAGES);
      this.#blocks.set(number, block);
    }
    block[page - number * BLOCK_PAGES] = frame + 1;
  }

  /** Removes the pages `[first, last]` and tells the frame of each. */
  takeRange(first: number, last: number, take: (frame: number) => void): void {
    const firstBlock = Math.floor(first / BLOCK_PAGES);
    const lastBlock = Math.floor(last / BLOCK_PAGES);
    for (const number of this.#numbers(firstBlock, lastBlock)) {
      const block = this.#blocks.get(number) as Float64Array;
      const from = number === firstBlock ? first % BLOCK_PAGES : 0;
      const to = number === lastBlock ? last % BLOCK_PAGES : BLOCK_PAGES - 1;
      for (let slot = from; slot <= to; slot++) {
        const value = block[slot] as number;
        if (value === 0) continue;
        block[slot] = 0;
        take(value - 1);
      }
      if (from === 0 && to === BLOCK_PAGES - 1) this.#dropBlock(number);
    }
  }

  /** Every page that has a frame. */
  forEach(visit: (page: number, frame: number) => void): void {
    for (const [number, block] of this.#blocks) {
      for (let slot = 0; slot < BLOCK_PAGES; slot++) {
        const value = block[slot] as number;
        if (value !== 0) visit(number * BLOCK_PAGES + slot, value - 1);
      }
    }
  }

  /** Numbers of the blocks inside a range, whichever way of finding them is shorter. */
  #numbers(first: number, last: number): number[] {
    if (last - first >= this.#blocks.size) return [...this.#blocks.keys()].filter((n) => n >= first && n <= last);
    const numbers: number[] = [];
    for (let number = first; number <= last; number++) if (this.#blocks.has(number)) numbers.push(number);
    return numbers;
  }

  #block(number: number): Float64Array | undefined {
    if (number === this.#lastNumber) return this.#last;
    const block = this.#blocks.get(number);
    if (block !== undefined) {
      this.#lastNumber = number;
      this.#last = block;
    }
    return block;
  }

  #dropBlock(number: number): void {
    this.#blocks.delete(number);
    if (number === this.#lastNumber) this.#lastNumber = -1;
  }
}
