import { hi32, lo32 } from '../bits/index.js';
import type { IotlbGather } from '../domain/iotlb-gather.js';
import { Errno } from '../errno/index.js';
import { fillRun } from './fill-run.js';
import { pageHi, pageLo, pageOf } from './io-page.js';
import type { RadixTableOptions } from './radix-options.js';
import type { EntryIndex, TableTree } from './table-tree.js';

/** Number of different `prot` values. */
const PROTS = 64;

/** How pages of one size are written: at which level, in how many entries, and with their size in the address or not. */
interface PageStyle {
  readonly level: number;
  readonly copiesLog2: number;
  readonly style: 'plain' | 'contiguous' | 'coded';
}

/** Maps pages of any size of the format, run by run: a run is what fits in one table. */
export class TableMapper {
  /** By `prot`: bits of a leaf besides address and kind. A low word without presence marks what the driver does not write. */
  readonly leafHi: Int32Array = new Int32Array(PROTS);
  readonly leafLo: Int32Array = new Int32Array(PROTS);
  readonly isWritable: Uint8Array = new Uint8Array(PROTS);
  /** Pages that the last map did. */
  mapped = 0;

  readonly #tree: TableTree;
  readonly #overwrites: boolean;
  readonly #grows: boolean;
  readonly #styles: ReadonlyMap<number, PageStyle>;

  constructor(tree: TableTree, options: RadixTableOptions) {
    this.#tree = tree;
    this.#overwrites = options.overwrite === 'replace';
    this.#grows = options.growingRoot ?? false;
    for (let prot = 0; prot < PROTS; prot++) {
      const bits = options.leafBits(prot);
      if (bits === undefined) continue;
      this.isWritable[prot] = 1;
      this.leafHi[prot] = hi32(bits);
      this.leafLo[prot] = lo32(bits);
    }
    const styles = new Map<number, PageStyle>();
    options.format.levels.forEach((level, index) => {
      if (level.leaf !== null) styles.set(level.shift, { level: index, copiesLog2: 0, style: 'plain' });
      if (level.contiguous !== undefined && level.leaf !== null) {
        const { entriesLog2 } = level.contiguous;
        styles.set(level.shift + entriesLog2, { level: index, copiesLog2: entriesLog2, style: 'contiguous' });
      }
      const coded = level.sizeInAddress;
      for (let shift = coded?.minShift ?? 64; coded !== undefined && shift <= coded.maxShift; shift++) {
        styles.set(shift, { level: index, copiesLog2: shift - level.shift, style: 'coded' });
      }
    });
    this.#styles = styles;
  }

  /** See `RadixTable.mapPages`. */
  map(
    iovaHi: number,
    iovaLo: number,
    paHi: number,
    paLo: number,
    pageShift: number,
    count: number,
    prot: number,
    gather: IotlbGather,
  ): number {
    const tree = this.#tree;
    const { granuleShift } = tree.format.format;
    this.mapped = 0;
    const style = this.#styles.get(pageShift);
    if (style === undefined || prot < 0 || prot >= PROTS || this.isWritable[prot] === 0) return Errno.EINVAL;
    const stride = 2 ** (pageShift - granuleShift);
    // Whoever observes is told of an empty table first.
    const isObserved = tree.tellsWrites || tree.memory.observer !== null;
    let page = pageOf(iovaHi, iovaLo, granuleShift);
    let paPage = pageOf(paHi, paLo, granuleShift);
    while (this.mapped < count) {
      const hi = pageHi(page, granuleShift);
      const lo = pageLo(page, granuleShift);
      if (!this.#fits(page, stride, style.level)) {
        if (!this.#grows) return Errno.EINVAL;
        if (!tree.grow()) return Errno.ENOMEM;
        continue;
      }
      const left = tree.entriesLeft(style.level, hi, lo);
      const pages = Math.min(count - this.mapped, left >>> style.copiesLog2);
      const entries = pages << style.copiesLog2;
      const at = tree.reach(hi, lo, style.level, !isObserved && this.#fillsTable(style.level, entries, paPage));
      if (at < 0) return -at;
      if (!tree.isFresh && this.#anyPresent(at, entries) && !this.#makeRoom(at, entries, style.level, page, gather))
        return Errno.EEXIST;
      if (!this.#fill(at, pages, style, paPage, prot)) return Errno.EINVAL;
      tree.linkFilled();
      this.mapped += pages;
      page += pages * stride;
      paPage += pages * stride;
    }
    return 0;
  }

  /** Whether so many entries are a whole table below the root, and can be written. */
  #fillsTable(level: number, entries: number, paPage: number): boolean {
    const { format, levels } = this.#tree;
    const isWhole = entries === (format.indexMask[level] as number) + 1 && level + 1 < levels;
    return isWhole && format.canHold(paPage + entries * (format.span[level] as number) - 1);
  }

  #fits(page: number, stride: number, level: number): boolean {
    const tree = this.#tree;
    return level < tree.levels && page + stride <= tree.pageLimit;
  }

  /** In a pass of its own: a loop that only reads is much faster than a test before each store. */
  #anyPresent(at: EntryIndex, entries: number): boolean {
    const { words, format } = this.#tree;
    const end = (at + entries * 2) | 0;
    let any = 0;
    for (let i = at | 0; i < end; i += 2) any |= words[i] as number;
    return (any & format.present) !== 0;
  }

  /** Unlinks tables in the way of pages. False: a leaf is in the way, and this driver does not overwrite. */
  #makeRoom(at: EntryIndex, entries: number, level: number, page: number, gather: IotlbGather): boolean {
    const tree = this.#tree;
    const { words, format } = tree;
    const { granuleShift } = format.format;
    const isPresent = (i: EntryIndex): boolean => ((words[i] as number) & format.present) !== 0;
    const last = at + (entries - 1) * 2;
    for (let i = at; i <= last && !this.#overwrites; i += 2) {
      if (isPresent(i) && !tree.isLink(level, words[i] as number)) return false;
    }
    const span = format.span[level] as number;
    for (let i = at; i <= last; i += 2) {
      if (!isPresent(i)) continue;
      tree.replaced = true;
      const here = page + ((i - at) / 2) * span;
      if (tree.isLink(level, words[i] as number)) {
        tree.unlink(i, level, pageHi(here, granuleShift), pageLo(here, granuleShift), gather);
      }
    }
    return true;
  }

  /** Writes the entries of a run. False: an entry cannot hold the address. */
  #fill(at: EntryIndex, pages: number, style: PageStyle, paPage: number, prot: number): boolean {
    const tree = this.#tree;
    const { format } = tree;
    const { level, copiesLog2 } = style;
    const entries = pages << copiesLog2;
    const span = format.span[level] as number;
    if (!format.canHold(paPage + entries * span - 1)) return false;
    tree.willWrite(at, entries);
    const hi = this.leafHi[prot] as number;
    const lo = this.leafLo[prot] as number;
    if (style.style === 'coded') {
      for (let page = 0; page < pages; page++) {
        this.#fillCopies(at + page * 2 ** (copiesLog2 + 1), style, paPage + page * span * 2 ** copiesLog2, hi, lo);
      }
    } else {
      const hint = style.style === 'contiguous';
      const kindHi = hint ? (format.contiguous.hi[level] as number) : 0;
      const kindLo = (format.leafValue[level] as number) | (hint ? (format.contiguous.lo[level] as number) : 0);
      fillRun(format, tree.memory, at, entries, level, paPage, hi | kindHi, lo | kindLo);
    }
    tree.didWrite(at, entries);
    return true;
  }

  /** Equal entries whose address field codes the size: ones from the granule's end up to half of the page. */
  #fillCopies(at: EntryIndex, { level, copiesLog2 }: PageStyle, paPage: number, hi: number, lo: number): void {
    const { format, words } = this.#tree;
    const { granuleShift } = format.format;
    const shift = (format.shift[level] as number) + copiesLog2;
    const ones = 2 ** (shift - 1 - granuleShift) - 1;
    format.encodeAddress(pageHi(paPage + ones, granuleShift), pageLo(paPage + ones, granuleShift));
    const entryHi = format.outHi | hi;
    const entryLo = format.outLo | lo | (format.codedValue[level] as number);
    for (let i = at; i < at + 2 ** (copiesLog2 + 1); i += 2) {
      words[i] = entryLo;
      words[i + 1] = entryHi;
    }
  }
}
