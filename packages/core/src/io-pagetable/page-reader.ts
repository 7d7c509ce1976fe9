import type { Refusal } from '../errno/index.js';
import type { FailureSource } from '../memory/index.js';
import type { Pages } from './pages.js';
import { refusals } from './refusals.js';
import { RunBatch } from './run-batch.js';

const POINTER_BYTES = 8;

/**
 * Reads the frames of a range of pages, batch by batch, from wherever they are; pages that nobody holds yet are pinned (Linux:
 * `struct pfn_reader`).
 *
 * Use: {@link first}, then while not {@link done}: use {@link batch}, {@link next}; then {@link settle} on success or
 * {@link releasePins} on the way out of a failure; {@link end} always.
 */
export class PageReader {
  readonly batch: RunBatch;
  /** Pages of the batch: `[batchStart, batchEnd)`. */
  batchStart = 0;
  batchEnd = 0;
  private pages: Pages | null = null;
  private lastIndex = 0;
  private tempBytes = 0;
  /** Pinned and not yet taken into a batch: `[batchEnd, pinnedEnd)`, their frames from `batchEnd - pinnedStart` on. */
  private frames: Float64Array = new Float64Array(64);
  private pinnedStart = 0;
  private pinnedEnd = 0;
  /** Pages that one pin takes; 0 before the first. */
  private pinCapacity = 0;

  constructor(
    private readonly failure: FailureSource | null,
    framesPerPage: number,
  ) {
    this.batch = new RunBatch(framesPerPage);
  }

  get done(): boolean {
    return this.batchStart === this.lastIndex + 1;
  }

  /** Starts with pages `[first, last]` and reads the first batch. On refusal everything is undone already. */
  first(pages: Pages, first: number, last: number, tempBytes: number): Refusal | null {
    if (this.failure !== null && this.failure.fails('allocate')) {
      return refusals.refusal('IOPT_OUT_OF_MEMORY', { what: 'batch' });
    }
    this.pages = pages;
    this.lastIndex = last;
    this.tempBytes = tempBytes;
    this.batchStart = first;
    this.batchEnd = first;
    this.pinnedStart = 0;
    this.pinnedEnd = 0;
    this.pinCapacity = 0;
    this.batch.open(last - first + 1, tempBytes);
    const refusal = this.next();
    if (refusal !== null) this.end();
    return refusal;
  }

  /** Reads the next batch. After the last one it is empty and {@link done} is true. */
  next(): Refusal | null {
    const { batch, lastIndex } = this;
    batch.clear();
    this.batchStart = this.batchEnd;
    while (this.batchEnd !== lastIndex + 1) {
      const before = batch.total;
      const refusal = this.fill();
      if (refusal !== null) return refusal;
      this.batchEnd = this.batchStart + batch.total;
      if (batch.total === before) return null;
    }
    return null;
  }

  /** Charges what was pinned. */
  settle(): Refusal | null {
    const pages = this.pages!;
    if (pages.pinned > pages.charged && this.failure !== null && this.failure.fails('allocate')) {
      return refusals.refusal('IOPT_OUT_OF_MEMORY', { what: 'charge' });
    }
    return pages.settle();
  }

  /** Unpins what nobody else holds: of the current batch, and what was pinned beyond it. */
  releasePins(): void {
    const pages = this.pages!;
    if (this.pinnedEnd > this.batchEnd) {
      const count = this.pinnedEnd - this.batchEnd;
      pages.process.addressSpace.unpinPages(this.frames, this.batchEnd - this.pinnedStart, count);
      pages.pinned -= count;
      this.pinnedEnd = this.batchEnd;
    }
    if (this.batchStart !== this.batchEnd) {
      this.unpinBatch();
      this.batchStart = this.batchEnd;
    }
  }

  /** Unpins the pages of the batch that neither an access nor a domain holds. */
  unpinBatch(): void {
    unpinUnheld(this.batch, this.pages!, this.batchStart, this.batchEnd - 1);
  }

  /** Ends the reading; pins that were not handed over are undone. */
  end(): void {
    this.releasePins();
    this.pages = null;
  }

  /** Appends one stretch of pages of one tier. */
  private fill(): Refusal | null {
    const pages = this.pages!;
    const start = this.batchEnd;
    const { batch } = this;
    if (start >= this.pinnedEnd) {
      const tier = pages.locate(start, this.lastIndex);
      const last = pages.runLast;
      if (tier === 'access') {
        const { frames } = pages.held!;
        for (let index = start; index <= last; index++) if (!batch.add(frames.get(index)!)) break;
        return null;
      }
      if (tier === 'domain') {
        const area = pages.runArea!;
        batch.addFromDomain(area.storage!, area, start, last);
        return null;
      }
      const refusal = this.pin(start, last);
      if (refusal !== null) return refusal;
    }
    batch.addAll(this.frames, start - this.pinnedStart, this.pinnedEnd - start);
    return null;
  }

  private pin(first: number, last: number): Refusal | null {
    const pages = this.pages!;
    if (this.pinCapacity === 0) {
      if (this.failure !== null && this.failure.fails('allocate')) {
        return refusals.refusal('IOPT_OUT_OF_MEMORY', { what: 'page list' });
      }
      const wanted = (last - first + 1) * POINTER_BYTES;
      this.pinCapacity = Math.max(1, Math.floor(Math.min(wanted, this.tempBytes) / POINTER_BYTES));
      if (this.frames.length < this.pinCapacity) this.frames = new Float64Array(this.pinCapacity);
    }
    const count = Math.min(last - first + 1, this.pinCapacity);
    const pinned = pages.process.addressSpace.pinPages(pages.firstPage + first, count, pages.writable, this.frames, 0);
    if (pinned === 0) return pinRefusal(pages, first, count);
    pages.pinned += pinned;
    this.pinnedStart = first;
    this.pinnedEnd = first + pinned;
    return null;
  }
}

/** The refusal when none of `count` pages of the calling process could be pinned: the fast pin first adds up the range. */
export function pinRefusal(pages: Pages, index: number, count: number): Refusal {
  const { pageSize } = pages.process.addressSpace;
  const page = pages.firstPage + index;
  if (page + count < 2 ** 64 / pageSize) return pinFault(pages, index);
  return refusals.refusal('PIN_RANGE_OVERFLOW', { address: BigInt(page) * BigInt(pageSize), pages: count });
}

/** The refusal of a page that cannot be pinned. */
export function pinFault(pages: Pages, index: number): Refusal {
  const { addressSpace } = pages.process;
  const address = BigInt(pages.firstPage + index) * BigInt(addressSpace.pageSize);
  return refusals.refusal('PIN_FAULT', { address, write: pages.writable });
}

/** Unpins those pages of a batch `[first, last]` that neither an access nor a domain holds. */
export function unpinUnheld(batch: RunBatch, pages: Pages, first: number, last: number): void {
  let index = first;
  while (index <= last) {
    const tier = pages.locate(index, last);
    const end = pages.runLast;
    if (tier === 'origin') batch.unpin(pages, index - first, end - index + 1);
    index = end + 1;
  }
}
