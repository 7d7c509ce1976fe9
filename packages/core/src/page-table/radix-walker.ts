import { Access } from '../hardware/translation-unit.js';
import { frameHi, frameLo } from '../memory/index.js';
import { CarefulWalker } from './careful-walker.js';
import { indexAt } from './format-words.js';
import { LeanWords } from './lean-words.js';
import type { TableRoot } from './table-root.js';
import { WalkStop } from './walk-stop.js';
import { LEAF_WORDS, LINK_WORDS, RIGHTS, type RadixWalkerOptions } from './walk-words.js';

// Constants of this very module: an imported one is loaded and checked at each use.
const LEAF = LEAF_WORDS;
const LINK = LINK_WORDS;
const RIGHT_BITS = RIGHTS;

/**
 * The hardware side of a page table: one instance per format and A/D behaviour, reused for every walk, results in fields.
 * One hidden class for all vendors.
 *
 * A walk tries the shortest way first (see LeanWords), then one that knows every granule and page size but still expects tables in the
 * arena and entries that pass one combined test. Whatever is unusual sends it back to the start, on the careful way. Nothing has
 * changed by then, so that starting over is not visible.
 */
export class RadixWalker extends CarefulWalker {
  readonly #lean: LeanWords;

  constructor(options: RadixWalkerOptions) {
    super(options);
    this.#lean = new LeanWords(this.words, options.memory);
  }

  /**
   * Translates one address from the root.
   * @param access OR of `Access` READ, WRITE, EXECUTE, PRIVILEGED; other bits are ignored
   */
  walk(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean {
    const lean = this.#lean;
    const start = root.leanWord;
    const isOther =
      ((iovaHi + root.biasHi) & root.excessHi) | (access & lean.otherAccess) | (start >> 31) | this.watching;
    if (isOther === 0 && (this.incoherent === 0 || this.memory.lineCache === null)) {
      const { words } = lean;
      if (root.topLevel === 3) {
        const at = start + ((iovaHi >>> 6) & root.leanMask);
        const lo = (words[at] as number) - lean.baseLo;
        const hi = words[at | 1] as number;
        if ((((lo ^ lean.link3) & lean.linkMask) | ((hi ^ lean.linkHi) & lean.linkMaskHi)) === 0) {
          const next = ((lo >>> 2) & lean.tableMask) | (((iovaHi << 3) | (iovaLo >>> 29)) & 0x3fe);
          this.reads = 4;
          if (this.#leanBelow(next, iovaLo)) return true;
        }
      } else {
        this.reads = 3;
        if (this.#leanBelow(start + (((iovaHi << 3) | (iovaLo >>> 29)) & root.leanMask), iovaLo)) return true;
      }
    }
    // Compared with true, because otherwise V8 tests the result of the fast way as it would any value.
    return this.#walkLonger(root, iovaHi, iovaLo, access) === true;
  }

  /** The shortest way from an entry of level 2, given as the index of its low word, down to a page. */
  #leanBelow(at: number, iovaLo: number): boolean {
    const lean = this.#lean;
    const { words, baseLo, tableMask, linkMask, linkHi, linkMaskHi } = lean;
    let hi = words[at | 1] as number;
    let lo = (words[at] as number) - baseLo;
    if ((((lo ^ lean.link2) & linkMask) | ((hi ^ linkHi) & linkMaskHi)) !== 0) return false;
    at = ((lo >>> 2) & tableMask) | ((iovaLo >>> 20) & 0x3fe);
    hi = words[at | 1] as number;
    lo = (words[at] as number) - baseLo;
    if ((((lo ^ lean.link1) & linkMask) | ((hi ^ linkHi) & linkMaskHi)) !== 0) {
      return this.#leanLarge(hi, words[at] as number, iovaLo);
    }
    return this.#leanPage(((lo >>> 2) & tableMask) | ((iovaLo >>> 11) & 0x3fe), iovaLo);
  }

  /** The entry of level 1 is no link: a 2 MiB page that may be read and written, or not for this way. */
  #leanLarge(hi: number, lo: number, iovaLo: number): boolean {
    const lean = this.#lean;
    if ((((lo & lean.largeMask) ^ lean.large) | ((hi & lean.largeMaskHi) ^ lean.largeHi)) !== 0) return false;
    this.entryHi = hi;
    this.entryLo = lo;
    this.allowedHi = lean.allowedHi;
    this.allowedLo = lean.allowedLo;
    this.level = 1;
    this.reads--;
    this.pageShift = 21;
    this.paHi = hi & lean.addressHi;
    this.paLo = (lo & ~0x1f_ffff) | (iovaLo & 0x1f_ffff);
    return true;
  }

  /** The last step of the shortest way: a page that may be read and written. */
  #leanPage(at: number, iovaLo: number): boolean {
    const lean = this.#lean;
    const { words } = lean;
    const hi = words[at | 1] as number;
    const lo = words[at] as number;
    if ((((lo & lean.leafMask) ^ lean.leaf) | ((hi & lean.leafMaskHi) ^ lean.leafHi)) !== 0) return false;
    this.entryHi = hi;
    this.entryLo = lo;
    this.allowedHi = lean.allowedHi;
    this.allowedLo = lean.allowedLo;
    this.level = 0;
    this.pageShift = 12;
    this.paHi = hi & lean.addressHi;
    this.paLo = (lo & -4096) | (iovaLo & 0xfff);
    return true;
  }

  #walkLonger(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean {
    if ((((iovaHi + root.biasHi) & root.excessHi) | (iovaLo & root.excessLo)) !== 0) return this.#outside(root);
    const frame = (((root.hi << 20) | (root.lo >>> 12)) - this.words.firstFrame) | 0;
    if (!root.careful && !this.isBound() && frame >>> 0 < this.words.arenaFrames) {
      this.#lean.prepare(root);
      const index = indexAt(root.topShift, iovaHi, iovaLo) & root.indexMask;
      const at = (frame << 10) + ((root.lo & 0xfff) >>> 2) + (index << 1);
      if (this.#fast(root, root.topLevel, at, -1, -1, iovaHi, iovaLo, access & RIGHT_BITS)) return true;
    }
    return this.carefully(root, root.topLevel, root.hi, root.lo, -1, -1, iovaHi, iovaLo, access & RIGHT_BITS);
  }

  /**
   * The same from a cached table below the root: a paging-structure cache hit. The input range is not checked again.
   * @param level of the table, below the root's
   * @param tableFrame its address / 4096
   */
  resume(
    root: TableRoot,
    level: number,
    tableFrame: number,
    allowedHi: number,
    allowedLo: number,
    iovaHi: number,
    iovaLo: number,
    access: number,
  ): boolean {
    const frame = (tableFrame - this.words.firstFrame) | 0;
    if (!root.careful && frame >= 0 && frame < this.words.tableLimit && !this.isBound()) {
      const lean = this.#lean;
      const missing = (~allowedHi & lean.allowedHi) | (~allowedLo & lean.allowedLo) | (access & lean.otherAccess);
      if ((level | missing | (root.leanWord >> 31)) === 0) {
        this.reads = 1;
        if (this.#leanPage((frame << 10) | ((iovaLo >>> 11) & 0x3fe), iovaLo)) return true;
      }
      const at = (frame << 10) + (this.words.format.indexOf(level, iovaHi, iovaLo) << 1);
      if (this.#fast(root, level, at, allowedHi, allowedLo, iovaHi, iovaLo, access & RIGHT_BITS)) return true;
    }
    const hi = frameHi(tableFrame);
    const lo = frameLo(tableFrame);
    return this.carefully(root, level, hi, lo, allowedHi, allowedLo, iovaHi, iovaLo, access & RIGHT_BITS);
  }

  /**
   * What the last walk's page allows: OR of `Access` READ, WRITE, EXECUTE, for a requester of this privilege. A clean page of a
   * walker that sets dirty bits does not allow writes yet: the first write has to walk. EXECUTE may be missing unless it was asked for.
   */
  permissions(privileged: boolean): number {
    const level = privileged ? Access.PRIVILEGED : 0;
    let granted = 0;
    if (this.#allows(Access.READ | level)) granted |= Access.READ;
    if (this.#allows(Access.WRITE | level)) granted |= Access.WRITE;
    if (this.#allows(Access.EXECUTE | level)) granted |= Access.EXECUTE;
    return granted;
  }

  #allows(access: number): boolean {
    const hi = this.words.fastHi[access] as number;
    const lo = this.words.fastLo[access] as number;
    return (this.allowedHi & hi) === hi && (this.allowedLo & lo) === lo;
  }

  #outside(root: TableRoot): boolean {
    this.stop = WalkStop.INPUT;
    this.level = root.topLevel;
    this.reads = 0;
    return false;
  }

  /** The way through the arena; `at` is the index of the first entry's low word. False: go carefully, nothing has changed. */
  #fast(
    root: TableRoot,
    level: number,
    at: number,
    allowedHi: number,
    allowedLo: number,
    iovaHi: number,
    iovaLo: number,
    access: number,
  ): boolean {
    const constants = this.words;
    const { words, link, frameShift, firstFrame, tableLimit, tableFlipHi, tableFlipLo } = constants;
    const { shift, indexMask } = constants.format;
    const excess = root.outputExcessHi;
    // The root may be larger than one table; all others end inside the arena.
    if (at >= constants.wordCount) return false;
    const first = level;
    let lo = words[at] as number;
    let hi = words[at + 1] as number;
    let tablesHi = -1;
    let tablesLo = -1;
    for (;;) {
      const test = level * LINK;
      const isOther =
        ((lo & (link[test] as number)) ^ (link[test + 1] as number)) | (hi & ((link[test + 2] as number) | excess));
      if (isOther !== 0) break;
      const frame = (((lo >>> frameShift) | (hi << (32 - frameShift))) - firstFrame) | 0;
      if (frame >>> 0 >= tableLimit) return false;
      tablesHi &= hi ^ tableFlipHi;
      tablesLo &= lo ^ tableFlipLo;
      level--;
      const index = indexAt(shift[level] as number, iovaHi, iovaLo) & (indexMask[level] as number);
      at = (frame << 10) + (index << 1);
      lo = words[at] as number;
      hi = words[at + 1] as number;
    }

    const leaf = constants.leaf;
    const test = level * LEAF;
    allowedHi &= (tablesHi | constants.tableOtherHi) & ((hi ^ constants.leafFlipHi) | constants.leafOtherHi);
    allowedLo &= (tablesLo | constants.tableOtherLo) & ((lo ^ constants.leafFlipLo) | constants.leafOtherLo);
    const needHi = constants.fastHi[access] as number;
    const needLo = constants.fastLo[access] as number;
    if (
      ((lo & (leaf[test] as number)) ^ (leaf[test + 1] as number)) |
      (hi & ((leaf[test + 2] as number) | excess)) |
      ((allowedHi & needHi) ^ needHi) |
      ((allowedLo & needLo) ^ needLo)
    ) {
      return false;
    }
    this.entryHi = hi;
    this.entryLo = lo;
    this.allowedHi = allowedHi;
    this.allowedLo = allowedLo;
    this.level = level;
    this.reads = first - level + 1;
    this.pageShift = constants.format.shift[level] as number;
    if (constants.addressShift !== 0) {
      hi = (hi << constants.addressShift) | (lo >>> (32 - constants.addressShift));
      lo <<= constants.addressShift;
    }
    this.paHi = (hi & (leaf[test + 3] as number)) | (iovaHi & (leaf[test + 5] as number));
    this.paLo = (lo & (leaf[test + 4] as number)) | (iovaLo & (leaf[test + 6] as number));
    return true;
  }
}
