import { Access } from '../hardware/translation-unit.js';
import { frameHi, frameLo } from '../memory/index.js';
import { CarefulWalker } from './careful-walker.js';
import { indexAt } from './format-words.js';
import type { TableRoot } from './table-root.js';
import { WalkStop } from './walk-stop.js';
import { LEAF_WORDS, RIGHTS } from './walk-words.js';

/**
 * The hardware side of a page table: one instance per format and A/D behaviour, reused for every walk, results in fields.
 * One hidden class for all vendors.
 *
 * A walk goes the fast way first: tables in the arena, every entry passing one combined test, no bit to set. Whatever is
 * unusual sends it back to the start on the careful way. Nothing has changed by then, so that starting over is not visible.
 */
export class RadixWalker extends CarefulWalker {
  /**
   * Translates one address from the root.
   * @param access OR of `Access` READ, WRITE, EXECUTE, PRIVILEGED; other bits are ignored
   */
  walk(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean {
    if ((((iovaHi + root.biasHi) & root.excessHi) | (iovaLo & root.excessLo)) !== 0) return this.#outside(root);
    const frame = ((root.hi << 20) | (root.lo >>> 12)) - this.words.firstFrame;
    if (!root.careful && !this.isWatched && frame >>> 0 < this.words.arenaFrames) {
      const index = indexAt(root.topShift, iovaHi, iovaLo) & root.indexMask;
      const at = (frame << 10) + ((root.lo & 0xfff) >>> 2) + (index << 1);
      if (this.#fast(root, root.topLevel, at, -1, -1, iovaHi, iovaLo, access & RIGHTS)) return true;
    }
    return this.carefully(root, root.topLevel, root.hi, root.lo, -1, -1, iovaHi, iovaLo, access & RIGHTS);
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
    const frame = tableFrame - this.words.firstFrame;
    if (!root.careful && !this.isWatched && frame >= 0 && frame < this.words.tableLimit) {
      const at = (frame << 10) + (this.words.format.indexOf(level, iovaHi, iovaLo) << 1);
      if (this.#fast(root, level, at, allowedHi, allowedLo, iovaHi, iovaLo, access & RIGHTS)) return true;
    }
    const hi = frameHi(tableFrame);
    const lo = frameLo(tableFrame);
    return this.carefully(root, level, hi, lo, allowedHi, allowedLo, iovaHi, iovaLo, access & RIGHTS);
  }

  /**
   * What the last walk's page allows: OR of `Access` READ, WRITE, EXECUTE, for a requester of this privilege. A clean page of a
   * walker that sets dirty bits does not allow writes yet: the first write has to walk.
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

  /** The fast way; `at` is the index of the first entry's low word. False: take the careful way, nothing has changed. */
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
    const { words } = constants;
    const firstFrame = constants.firstFrame;
    const frameShift = constants.frameShift;
    const limit = constants.tableLimit;
    const excess = root.outputExcessHi;
    // The root may be larger than one table; all others end inside the arena.
    if (at >= constants.wordCount) return false;
    const lower = (iovaLo >>> constants.lowerShift) | (iovaHi << (32 - constants.lowerShift));
    const upper = (iovaLo >>> constants.upperShift) | (iovaHi << (32 - constants.upperShift));
    const first = level;
    let lo = words[at] as number;
    let hi = words[at + 1] as number;
    let tablesHi = -1;
    let tablesLo = -1;

    descend: {
      while (level > 3) {
        const mask = constants.linkMask[level] as number;
        if (
          ((lo & mask) ^ (constants.linkValue[level] as number)) |
          (hi & ((constants.linkZero[level] as number) | excess))
        )
          break descend;
        const frame = (((lo >>> frameShift) | (hi << (32 - frameShift))) - firstFrame) | 0;
        if (frame >>> 0 >= limit) return false;
        tablesHi &= hi ^ constants.tableFlipHi;
        tablesLo &= lo ^ constants.tableFlipLo;
        level--;
        at = (frame << 10) + (constants.format.indexOf(level, iovaHi, iovaLo) << 1);
        lo = words[at] as number;
        hi = words[at + 1] as number;
      }
      if (level === 3) {
        if (((lo & constants.link3Mask) ^ constants.link3Value) | (hi & (constants.link3Zero | excess))) break descend;
        const frame = (((lo >>> frameShift) | (hi << (32 - frameShift))) - firstFrame) | 0;
        if (frame >>> 0 >= limit) return false;
        tablesHi &= hi ^ constants.tableFlipHi;
        tablesLo &= lo ^ constants.tableFlipLo;
        level = 2;
        at = (frame << 10) + (((upper >>> constants.shift2) & constants.mask2) << 1);
        lo = words[at] as number;
        hi = words[at + 1] as number;
      }
      if (level === 2) {
        if (((lo & constants.link2Mask) ^ constants.link2Value) | (hi & (constants.link2Zero | excess))) break descend;
        const frame = (((lo >>> frameShift) | (hi << (32 - frameShift))) - firstFrame) | 0;
        if (frame >>> 0 >= limit) return false;
        tablesHi &= hi ^ constants.tableFlipHi;
        tablesLo &= lo ^ constants.tableFlipLo;
        level = 1;
        at = (frame << 10) + (((lower >>> constants.shift1) & constants.mask1) << 1);
        lo = words[at] as number;
        hi = words[at + 1] as number;
      }
      if (level === 1) {
        if (((lo & constants.link1Mask) ^ constants.link1Value) | (hi & (constants.link1Zero | excess))) break descend;
        const frame = (((lo >>> frameShift) | (hi << (32 - frameShift))) - firstFrame) | 0;
        if (frame >>> 0 >= limit) return false;
        tablesHi &= hi ^ constants.tableFlipHi;
        tablesLo &= lo ^ constants.tableFlipLo;
        level = 0;
        at = (frame << 10) + ((lower & constants.mask0) << 1);
        lo = words[at] as number;
        hi = words[at + 1] as number;
      }
    }

    const leaf = constants.leaf;
    const test = level * LEAF_WORDS;
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
