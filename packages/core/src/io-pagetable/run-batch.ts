import type { RunMapper } from '../domain/map-run.js';
import { FRAME_BYTES } from '../memory/index.js';
import type { FilledRange } from './filled-range.js';
import { pageHi, pageLo } from './iova-key.js';
import type { Pages } from './pages.js';

/** Bytes of one run in Linux's `pfn_batch`: with the temporary memory it decides how many runs a batch takes. */
const RUN_BYTES = 12;
/** Stands for a frame that the tables of a domain should hold and do not; never adjacent to a real one. */
const LOST_FRAME = -(2 ** 45);

/**
 * Frames on their way between origin, domains and accesses, adjacent ones merged into runs (Linux: `struct pfn_batch`). A batch only
 * ends where the next frame is not adjacent, so that a run is mapped by one call and unmapped by one call.
 */
export class RunBatch {
  /** First frame of each run, 4 KiB frames. */
  private frames: Float64Array = new Float64Array(32);
  /** Pages of each run. */
  private counts: Float64Array = new Float64Array(32);
  private capacity = 0;
  /** Runs in the batch. */
  runs = 0;
  /** Pages in the batch. */
  total = 0;
  private readonly scratch: Float64Array = new Float64Array(64);

  /** @param framesPerPage 4 KiB frames of a page */
  constructor(private readonly framesPerPage: number) {}

  /** Empties the batch and makes it as large as `pages` pages need, within `tempBytes` of temporary memory. */
  open(pages: number, tempBytes: number): void {
    this.capacity = Math.max(1, Math.floor(Math.min(pages * RUN_BYTES, tempBytes) / RUN_BYTES));
    this.clear();
  }

  clear(): void {
    this.runs = 0;
    this.total = 0;
  }

  /** Appends one page; false when the batch is full and the page does not continue its last run. */
  add(frame: number): boolean {
    const end = this.runs;
    if (end > 0 && this.frames[end - 1]! + this.counts[end - 1]! * this.framesPerPage === frame) {
      this.counts[end - 1] = this.counts[end - 1]! + 1;
      this.total++;
      return true;
    }
    if (end === this.capacity) return false;
    if (end === this.frames.length) this.grow();
    this.frames[end] = frame;
    this.counts[end] = 1;
    this.runs = end + 1;
    this.total++;
    return true;
  }

  /** Appends pages given by their frames until the batch is full. */
  addAll(from: Float64Array, start: number, count: number): void {
    let i = start;
    const stop = start + count;
    while (i < stop && this.add(from[i]!)) i++;
  }

  /** Reads frames back from the tables of a domain, from page `first` of the area on, until `last` or until the batch is full. */
  addFromDomain(mapper: RunMapper, area: FilledRange, first: number, last: number): void {
    for (let index = first; index <= last; index++) {
      if (!this.add(frameInDomain(mapper, area, index))) return;
    }
  }

  /**
   * Maps the batch into a domain as pages of the area from index `first` on.
   * @returns 0 or the driver's errno; then nothing of the batch is mapped
   */
  mapInto(mapper: RunMapper, area: FilledRange, first: number): number {
    const { pageSize, largePagesDisabled, failure } = area.table;
    let index = first;
    for (let run = 0; run < this.runs; run++) {
      const pages = this.counts[run]!;
      const offset = index === area.firstIndex ? area.pageOffset : 0;
      const page = area.keyPageOf(index);
      const byte = area.keyByteOf(index);
      const frame = this.frames[run]! + (offset >> 12);
      const bytes = area.bytesOf(index, index + pages - 1);
      const inFrame = offset & (FRAME_BYTES - 1);
      const errno =
        failure !== null && failure.fails('backend')
          ? INJECTED
          : largePagesDisabled
            ? mapSmall(mapper, page, frame, bytes, pageSize, area.prot)
            : mapper.map(pageHi(page), pageLo(page, byte), pageHi(frame), pageLo(frame, inFrame), bytes, area.prot);
      if (errno !== 0) {
        if (index > first) unmapPages(mapper, area, first, index - 1);
        return errno;
      }
      index += pages;
    }
    return 0;
  }

  /** Unpins `count` pages of the batch from the `skip`-th on and counts them off. */
  unpin(pages: Pages, skip: number, count: number): void {
    const { addressSpace } = pages.process;
    const { scratch, framesPerPage } = this;
    let run = 0;
    let offset = skip;
    while (offset >= this.counts[run]!) offset -= this.counts[run++]!;
    let left = count;
    while (left > 0) {
      const here = Math.min(left, this.counts[run]! - offset, scratch.length);
      if (this.frames[run]! !== LOST_FRAME) {
        for (let i = 0; i < here; i++) scratch[i] = this.frames[run]! + (offset + i) * framesPerPage;
        addressSpace.unpinPages(scratch, 0, here);
      }
      left -= here;
      offset += here;
      if (offset === this.counts[run]!) {
        run++;
        offset = 0;
      }
    }
    pages.pinned -= count;
  }

  /** Calls `visit` with the first frame of each page, in order. */
  forEachPage(visit: (frame: number) => void): void {
    for (let run = 0; run < this.runs; run++) {
      for (let i = 0; i < this.counts[run]!; i++) visit(this.frames[run]! + i * this.framesPerPage);
    }
  }

  private grow(): void {
    const { frames, counts } = this;
    this.frames = new Float64Array(frames.length * 2);
    this.frames.set(frames);
    this.counts = new Float64Array(counts.length * 2);
    this.counts.set(counts);
  }
}

/** errno of a backend call that an injected failure stopped (ENOMEM). */
const INJECTED = 12;

/** With large pages disabled every page is a map call of its own, so that an unmap may cut anywhere. */
function mapSmall(
  mapper: RunMapper,
  page: number,
  frame: number,
  bytes: number,
  pageSize: number,
  prot: number,
): number {
  const step = pageSize / FRAME_BYTES;
  const pages = bytes / pageSize;
  for (let i = 0; i < pages; i++) {
    const at = page + i * step;
    const target = frame + i * step;
    const errno = mapper.map(pageHi(at), pageLo(at, 0), pageHi(target), pageLo(target, 0), pageSize, prot);
    if (errno === 0) continue;
    if (i > 0) mapper.unmap(pageHi(page), pageLo(page, 0), i * pageSize);
    return errno;
  }
  return 0;
}

/** Unmaps the IOVAs of pages `[first, last]` of an area from one domain. */
export function unmapPages(mapper: RunMapper, area: FilledRange, first: number, last: number): void {
  const page = area.keyPageOf(first);
  const bytes = area.bytesOf(first, last);
  const done = mapper.unmap(pageHi(page), pageLo(page, area.keyByteOf(first)), bytes);
  if (done !== bytes) area.table.warn(`unmapped ${done} of ${bytes} bytes of area at 0x${area.iova.toString(16)}`);
}

/** First frame of page `index` of an area, read back from the tables of a domain. */
export function frameInDomain(mapper: RunMapper, area: FilledRange, index: number): number {
  const page = area.keyPageOf(index);
  const { domain } = mapper;
  if (!domain.iovaToPhys(pageHi(page), pageLo(page, area.keyByteOf(index)))) {
    area.table.warn(`the tables have lost page ${index} of area at 0x${area.iova.toString(16)}`);
    return LOST_FRAME;
  }
  const frame = (domain.foundPaHi >>> 0) * 0x10_0000 + (domain.foundPaLo >>> 12);
  return index === area.firstIndex ? frame - (area.pageOffset >> 12) : frame;
}
