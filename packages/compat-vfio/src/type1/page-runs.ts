import { Errno, Prot, type AddressSpace, type Process } from '@ioasis/core';
import type { DmaEntry } from './dma-list.js';

/** Pages that are pinned at once: as many page pointers as fit a 4 KiB page. */
const BATCH_PAGES = 512;
const FRAME_BYTES = 4096;

/**
 * Pins a mapping's memory piece by piece, each piece contiguous in physical memory (`vfio_pin_pages_remote`). Device memory (a BAR that the
 * program mapped) is not pinned and not counted. One object serves one call.
 */
export class PageRuns {
  /** First 4 KiB frame of the piece that {@link next} found. */
  firstFrame = 0;
  /** Pages of the piece. */
  pages = 0;
  readonly #entry: DmaEntry;
  readonly #space: AddressSpace;
  readonly #limitPages: number;
  readonly #batchPages: number;
  readonly #framesPerPage: number;
  /** As long as the longest piece that was asked for: most mappings of tests are a page or two. */
  #batch = new Float64Array(1);
  #size = 0;
  #offset = 0;
  #device = false;
  readonly #single: boolean;

  /**
   * @param process who asks; its memory and its limit count
   * @param largePages false: every page is a piece of its own
   */
  constructor(entry: DmaEntry, process: Process, largePages: boolean) {
    this.#entry = entry;
    this.#space = process.addressSpace;
    this.#limitPages = lockLimitPages(process);
    this.#batchPages = largePages ? BATCH_PAGES : 1;
    this.#single = !largePages;
    this.#framesPerPage = this.#space.pageSize / FRAME_BYTES;
  }

  /**
   * Pins the next piece, at most `count` pages from virtual page `page` on, and counts it as locked.
   * @returns 0, EFAULT (a page cannot be pinned) or ENOMEM (RLIMIT_MEMLOCK); on an error nothing of the piece stays pinned
   */
  next(page: number, count: number): number {
    this.pages = 0;
    let counted = 0;
    let device = false;
    while (this.pages < count) {
      if (this.#size === 0 && !this.#refill(page + this.pages, count - this.pages))
        return this.#undo(device, Errno.EFAULT);
      if (this.pages === 0) {
        this.firstFrame = this.#batch[this.#offset] as number;
        device = this.#device;
      }
      while (this.#size > 0) {
        const expected = this.firstFrame + this.pages * this.#framesPerPage;
        if (this.#batch[this.#offset] !== expected || this.#device !== device) return this.#lock(counted);
        if (!device) {
          const over = this.#space.lockedPages + counted + 1 > this.#limitPages;
          if (over && !this.#entry.unlimited) return this.#undo(device, Errno.ENOMEM);
          counted++;
        }
        this.pages++;
        this.#offset++;
        this.#size--;
      }
      if (this.#single) break;
    }
    return this.#lock(counted);
  }

  /** Gives back what was pinned and not yet handed out. */
  abandon(): void {
    if (this.#size > 0 && !this.#device) this.#space.unpinPages(this.#batch, this.#offset, this.#size);
    this.#size = 0;
  }

  #refill(page: number, count: number): boolean {
    const write = (this.#entry.prot & Prot.WRITE) !== 0;
    this.#offset = 0;
    this.#device = false;
    const wanted = Math.min(count, this.#batchPages);
    if (this.#batch.length < wanted) this.#batch = new Float64Array(wanted);
    this.#size = this.#space.pinPages(page, wanted, write, this.#batch, 0);
    if (this.#size > 0) return true;
    const frame = this.#space.deviceFrame(page, write);
    if (frame < 0) return false;
    this.#batch[0] = frame;
    this.#size = 1;
    this.#device = true;
    return true;
  }

  #lock(counted: number): 0 {
    this.#entry.lockedPages += counted;
    this.#space.lockedPages += counted;
    return 0;
  }

  #undo(device: boolean, errno: number): number {
    if (!device) unpinRun(this.#space, this.firstFrame, this.pages);
    this.pages = 0;
    this.abandon();
    return errno;
  }
}

/** RLIMIT_MEMLOCK in pages. */
export function lockLimitPages(process: Process): number {
  return Number(process.limits.memlock / BigInt(process.addressSpace.pageSize));
}

/** Undoes one pin of each of `pages` adjacent pages; frames are 4 KiB. */
function unpinRun(space: AddressSpace, firstFrame: number, pages: number): void {
  const framesPerPage = space.pageSize / FRAME_BYTES;
  const frame = new Float64Array(1);
  for (let at = 0; at < pages; at++) {
    frame[0] = firstFrame + at * framesPerPage;
    space.unpinPages(frame, 0, 1);
  }
}

/** Unpins a run unless it is device memory, which was never pinned. @returns pages unpinned */
export function releaseRun(space: AddressSpace, firstFrame: number, pages: number): number {
  if (!space.pages.holds(firstFrame)) return 0;
  unpinRun(space, firstFrame, pages);
  return pages;
}
