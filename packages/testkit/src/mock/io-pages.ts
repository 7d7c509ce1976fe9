import { MOCK_APERTURE, MOCK_IO_PAGE_SHIFT } from './constants.js';

const BLOCK_SHIFT = 9;
const BLOCK_PAGES = 1 << BLOCK_SHIFT;
/** IO pages below the end of the aperture. */
const PAGES = Number((MOCK_APERTURE.last + 1n) >> BigInt(MOCK_IO_PAGE_SHIFT));

/** A number above 0 for each IO page that is mapped, by page number, in blocks that are made when they are needed. */
export class IoPages {
  /** Pages that have a number. */
  size = 0;
  readonly #blocks: (Float64Array | undefined)[] = Array.from({ length: PAGES >> BLOCK_SHIFT });

  /** The number of a page; 0: it is not mapped. */
  get(page: number): number {
    if (page >= PAGES) return 0;
    return this.#blocks[page >> BLOCK_SHIFT]?.[page & (BLOCK_PAGES - 1)] ?? 0;
  }

  /** Gives a page of the aperture a number, or with 0 takes it away. */
  set(page: number, value: number): void {
    const block = (this.#blocks[page >> BLOCK_SHIFT] ??= new Float64Array(BLOCK_PAGES));
    const at = page & (BLOCK_PAGES - 1);
    if (block[at] !== 0) this.size--;
    if (value !== 0) this.size++;
    block[at] = value;
  }
}
