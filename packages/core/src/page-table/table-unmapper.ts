import type { IotlbGather } from '../domain/iotlb-gather.js';
import { fillRun } from './fill-run.js';
import { pageHi, pageLo, pageOf } from './io-page.js';
import type { RadixTableOptions } from './radix-options.js';
import type { EntryIndex, TableTree } from './table-tree.js';

/** A leaf was replaced by smaller ones; nothing is unmapped yet. */
const LOOK_AGAIN = -1;

/** Takes leaves and, where the driver does so, whole tables out of a tree. Positions are page numbers in granules. */
export class TableUnmapper {
  readonly #tree: TableTree;
  readonly #splits: boolean;
  readonly #unlink: 'range' | 'page' | 'keep';
  readonly #granule: number;
  /** The running call: size asked for, and where it ends (exclusive). */
  #pageShift = 0;
  #end = 0;
  /** Where the next step begins. */
  #next = 0;

  constructor(tree: TableTree, options: RadixTableOptions) {
    this.#tree = tree;
    this.#splits = options.partialUnmap === 'split';
    this.#unlink = options.unlink ?? 'range';
    this.#granule = options.format.granuleShift;
  }

  /** See `RadixTable.unmapPages`. */
  unmap(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const first = pageOf(iovaHi, iovaLo, this.#granule);
    const limit = this.#tree.pageLimit;
    this.#pageShift = pageShift;
    this.#end = first + count * 2 ** (pageShift - this.#granule);
    let unmapped = 0;
    this.#next = first;
    while (this.#next < this.#end && this.#next < limit) {
      const done = this.#unmapAt(this.#next, gather);
      if (done === 0) break;
      if (done !== LOOK_AGAIN) unmapped += done;
    }
    return unmapped * 2 ** this.#granule;
  }

  /** One step. @returns pages unmapped, 0 at a hole (or without a frame for a split), or LOOK_AGAIN */
  #unmapAt(page: number, gather: IotlbGather): number {
    const tree = this.#tree;
    const { words, format } = tree;
    const hi = pageHi(page, this.#granule);
    const lo = pageLo(page, this.#granule);
    let at = tree.rootEntry(hi, lo);
    for (let level = tree.levels - 1; ; level--) {
      const entry = words[at] as number;
      const span = format.span[level] as number;
      if ((entry & format.present) === 0) return 0;
      if (!tree.isLink(level, entry)) return this.#unmapLeaf(at, level, page, span);
      if (this.#isCovered(level, page, span)) {
        tree.unlink(at, level, hi, lo, gather);
        this.#next = page + span;
        return span;
      }
      at = tree.below(at) + format.indexOf(level - 1, hi, lo) * 2;
    }
  }

  /** Whether the call takes the whole table below a link. */
  #isCovered(level: number, page: number, span: number): boolean {
    if (this.#unlink === 'keep' || page % span !== 0) return false;
    return this.#unlink === 'range' ? page + span <= this.#end : this.#tree.format.shift[level] === this.#pageShift;
  }

  #unmapLeaf(at: EntryIndex, level: number, page: number, span: number): number {
    const tree = this.#tree;
    const log2 = tree.groupLog2(at, level);
    const pages = span * 2 ** log2;
    const base = page - (page % pages);
    if (base < page || base + pages > this.#end) {
      if (this.#splits) return log2 > 0 ? this.#dissolve(at, level, log2) : this.#split(at, level, page);
    } else if (log2 === 0) {
      return this.#clearRun(at, level, page, span);
    }
    // The whole leaf, from its start on, which may lie below the page.
    tree.clear(tree.groupStart(at, log2), 2 ** log2);
    this.#next = base + pages;
    return pages;
  }

  /** Clears the leaves of one entry each that follow one another in a table. */
  #clearRun(at: EntryIndex, level: number, page: number, span: number): number {
    const tree = this.#tree;
    const { words, format } = tree;
    const left = tree.entriesLeft(level, pageHi(page, this.#granule), pageLo(page, this.#granule));
    const most = Math.min(left, Math.floor((this.#end - page) / span));
    let run = 1;
    while (run < most) {
      const next = at + run * 2;
      const entry = words[next] as number;
      if ((entry & format.present) === 0 || tree.isLink(level, entry) || tree.groupLog2(next, level) > 0) break;
      run++;
    }
    tree.clear(at, run);
    this.#next = page + run * span;
    return run * span;
  }

  /** Turns a leaf of several entries into one leaf per entry. */
  #dissolve(at: EntryIndex, level: number, log2: number): number {
    const tree = this.#tree;
    const { format, words } = tree;
    const start = tree.groupStart(at, log2);
    const hi = words[start + 1] as number;
    const lo = words[start] as number;
    const paPage = this.#physicalPage(hi, lo, (format.shift[level] as number) + log2);
    const bitsHi = hi & ~(format.mainHi | format.foldHi | (format.contiguous.hi[level] as number));
    const kinds = (format.contiguous.lo[level] as number) | (format.codedMask[level] as number);
    const bitsLo = (lo & ~(format.mainLo | format.foldLo | kinds)) | (format.leafValue[level] as number);
    tree.willWrite(start, 2 ** log2);
    fillRun(format, tree.memory, start, 2 ** log2, level, paPage, bitsHi, bitsLo);
    tree.didWrite(start, 2 ** log2);
    return LOOK_AGAIN;
  }

  /** First page of the leaf of 2^shift bytes that an entry describes. */
  #physicalPage(entryHi: number, entryLo: number, shift: number): number {
    const { format } = this.#tree;
    format.addressOf(entryHi, entryLo);
    const page = pageOf(format.outHi, format.outLo, this.#granule);
    return page - (page % 2 ** (shift - this.#granule));
  }

  /** Replaces a larger leaf by a table of smaller ones, without the pages to unmap where that is their size. */
  #split(at: EntryIndex, level: number, page: number): number {
    const tree = this.#tree;
    const { format, words } = tree;
    const below = level - 1;
    const span = format.span[below] as number;
    const entries = (format.indexMask[below] as number) + 1;
    const hi = words[at + 1] as number;
    const lo = words[at] as number;
    const frame = tree.allocateTable();
    if (frame < 0) return 0;
    const table = tree.wordOf(frame);
    const paPage = this.#physicalPage(hi, lo, format.shift[level] as number);
    const bitsHi = hi & ~(format.mainHi | format.foldHi);
    const kindLo = format.leafMask[level] as number;
    const bitsLo = (lo & ~(format.mainLo | format.foldLo | kindLo)) | (format.leafValue[below] as number);
    // Where the smaller size is the one asked for, the new table never holds the pages that go.
    const atTarget = format.shift[below] === this.#pageShift;
    const first = format.indexOf(below, pageHi(page, this.#granule), pageLo(page, this.#granule));
    const hole = atTarget ? Math.min(entries - first, Math.floor((this.#end - page) / span)) : 0;
    tree.willWrite(table, entries);
    fillRun(format, tree.memory, table, entries, below, paPage, bitsHi, bitsLo);
    words.fill(0, table + first * 2, table + (first + hole) * 2);
    tree.didWrite(table, entries);
    tree.link(at, level, frame);
    if (!atTarget) return LOOK_AGAIN;
    this.#next = page + hole * span;
    return hole * span;
  }
}
