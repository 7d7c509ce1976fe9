import type { PageFrames } from './page-frames.js';
import { PageMap } from './page-map.js';

/**
 * A file whose bytes live in memory: memfd, the object behind a shared anonymous mapping, or a hugetlbfs file. Its pages are made
 * on touch, zero filled, and all mappings of it see the same ones.
 */
export class MemoryFile {
  /** Size in bytes; the last page may reach beyond. */
  readonly bytes: bigint;
  /** Whether the file is made of contiguous 2 MiB pages. */
  readonly huge: boolean;
  readonly #pages: PageFrames;
  readonly #pageCount: number;
  readonly #map = new PageMap();
  #holders = 0;

  constructor(pages: PageFrames, bytes: bigint, options: { readonly huge?: boolean } = {}) {
    this.bytes = bytes;
    this.huge = options.huge ?? false;
    this.#pages = pages;
    const size = BigInt(pages.pageSize);
    this.#pageCount = Number((bytes + size - 1n) / size);
  }

  /** A descriptor or a mapping keeps the file. */
  hold(): void {
    this.#holders++;
  }

  /** The last holder's drop gives the pages up; pinned ones live on until they are unpinned. */
  drop(): void {
    this.#holders--;
    if (this.#holders < 0) throw new RangeError('a memory file was dropped more often than held');
    if (this.#holders === 0) this.#map.takeRange(0, this.#pageCount - 1, (frame) => this.#pages.release(frame));
  }

  /** First frame of a page, made if need be. -1: behind the end, or no memory is left. */
  frameOf(page: number): number {
    const present = this.#map.get(page);
    if (present !== -1) return present;
    if (page < 0 || page >= this.#pageCount) return -1;
    if (this.huge) return this.#fillHuge(page);
    const frame = this.#pages.allocate();
    if (frame !== -1) this.#map.set(page, frame);
    return frame;
  }

  #fillHuge(page: number): number {
    const { pageOrder, pagesPerHuge } = this.#pages;
    const frame = this.#pages.allocateHuge();
    if (frame === -1) return -1;
    const first = page - (page % pagesPerHuge);
    for (let at = 0; at < pagesPerHuge; at++) this.#map.set(first + at, frame + (at << pageOrder));
    return frame + ((page - first) << pageOrder);
  }
}
