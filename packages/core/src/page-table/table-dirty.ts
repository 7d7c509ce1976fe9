import { DIRTY_NO_CLEAR, type DirtySink } from '../domain/iommu-domain.js';
import { pageHi, pageLo, pageOf } from './io-page.js';
import { LeafTest } from './leaf-test.js';
import type { EntryIndex, TableTree } from './table-tree.js';

/** Reads and cleans the dirty state of leaves. Positions are page numbers in granules. */
export class DirtyReader {
  readonly #tree: TableTree;
  readonly #granule: number;
  #clears = false;
  #cleaned = false;
  #sink: DirtySink | null = null;
  #end = 0;
  /** Dirty pages found and not yet reported: neighbours are reported as one. */
  #pendingStart = 0;
  #pendingEnd = 0;

  /** By level. */
  readonly #tests: readonly LeafTest[];

  constructor(tree: TableTree) {
    this.#tree = tree;
    this.#tests = tree.format.format.levels.map((_, level) => new LeafTest(tree.format, level));
    this.#granule = tree.format.format.granuleShift;
  }

  /** See `RadixTable.readAndClearDirty`. */
  read(iovaHi: number, iovaLo: number, bytes: number, flags: number, sink: DirtySink | null): boolean {
    const tree = this.#tree;
    if (tree.format.format.dirty === null) throw new RangeError(`${tree.format.format.name} has no dirty state`);
    const first = pageOf(iovaHi, iovaLo, this.#granule);
    this.#clears = (flags & DIRTY_NO_CLEAR) === 0;
    this.#cleaned = false;
    this.#sink = sink;
    this.#end = first + Math.ceil(bytes / 2 ** this.#granule);
    this.#pendingStart = first;
    this.#pendingEnd = first;
    const limit = Math.min(this.#end, tree.pageLimit);
    for (let page = first; page < limit;) page = this.#readAt(page);
    this.#report();
    return this.#cleaned;
  }

  /** @returns where to go on */
  #readAt(page: number): number {
    const tree = this.#tree;
    const { words, format } = tree;
    const hi = pageHi(page, this.#granule);
    const lo = pageLo(page, this.#granule);
    const at = tree.find(hi, lo, 0);
    const level = tree.foundLevel;
    const span = format.span[level] as number;
    const start = page - (page % span);
    if (((words[at] as number) & format.present) === 0) return start + span;
    const log2 = tree.groupLog2(at, level);
    if (log2 === 0) return this.#readRun(at, level, start, span, tree.entriesLeft(level, hi, lo));
    const pages = span * 2 ** log2;
    const base = page - (page % pages);
    const group = tree.groupStart(at, log2);
    // Hardware sets the bit in any of the entries of a group (AMD 48882 2.2.3.2): OR of all, and all are cleaned.
    let isDirty = false;
    for (let i = group; i < group + 2 ** (log2 + 1); i += 2) {
      if (!this.#isDirty(i)) continue;
      isDirty = true;
      if (this.#clears) this.#clean(i);
    }
    if (isDirty) this.#mark(base, base + pages);
    return base + pages;
  }

  /** Leaves of one entry each, up to the end of the table, the range, or something else. */
  #readRun(at: EntryIndex, level: number, start: number, span: number, left: number): number {
    const tree = this.#tree;
    const { words } = tree;
    const test = this.#tests[level] as LeafTest;
    const end = (at + Math.min(left, Math.ceil((this.#end - start) / span)) * 2) | 0;
    // Whoever observes is told of a run before it changes, which takes a pass of its own.
    const isObserved = tree.tellsWrites || tree.memory.observer !== null;
    let here = at | 0;
    while (here < end) {
      const dirtyFrom = test.skipClean(words, here, end);
      here = test.skipDirty(words, dirtyFrom, end, this.#clears && !isObserved);
      if (here === dirtyFrom) break;
      if (this.#clears && isObserved) {
        tree.willWrite(dirtyFrom, (here - dirtyFrom) / 2);
        test.skipDirty(words, dirtyFrom, here, true);
        tree.didWrite(dirtyFrom, (here - dirtyFrom) / 2);
      }
      this.#mark(start + ((dirtyFrom - at) / 2) * span, start + ((here - at) / 2) * span);
    }
    return start + ((here - at) / 2) * span;
  }

  #isDirty(at: EntryIndex): boolean {
    const { words, format } = this.#tree;
    const hi = words[at + 1] as number;
    const lo = words[at] as number;
    return (hi & format.dirtyMaskHi) === format.dirtyHi && (lo & format.dirtyMaskLo) === format.dirtyLo;
  }

  #clean(at: EntryIndex): void {
    const tree = this.#tree;
    const { words, format } = tree;
    const hi = ((words[at + 1] as number) & ~format.dirtyMaskHi) | format.cleanHi;
    const lo = ((words[at] as number) & ~format.dirtyMaskLo) | format.cleanLo;
    tree.store(at, hi, lo);
  }

  #mark(start: number, end: number): void {
    this.#cleaned ||= this.#clears;
    if (start === this.#pendingEnd) {
      this.#pendingEnd = end;
      return;
    }
    this.#report();
    this.#pendingStart = start;
    this.#pendingEnd = end;
  }

  /** The pages asked for, even where a large leaf goes beyond them. */
  #report(): void {
    const start = this.#pendingStart;
    const end = Math.min(this.#pendingEnd, this.#end);
    if (this.#sink !== null && end > start) {
      this.#sink.mark(pageHi(start, this.#granule), pageLo(start, this.#granule), (end - start) * 2 ** this.#granule);
    }
  }
}
