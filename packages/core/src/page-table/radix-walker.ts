import { Access } from '../hardware/translation-unit.js';
import { frameHi, frameLo } from '../memory/index.js';
import { CarefulWalker } from './careful-walker.js';
import { indexAt } from './format-words.js';
import { ANY_ACCESS } from './lean-walker.js';
import type { TableRoot } from './table-root.js';
import { WalkStop } from './walk-stop.js';
import { LEAF_WORDS, LINK_WORDS, RIGHTS, type RadixWalkerOptions } from './walk-words.js';

// Constants of this very module: an imported one is loaded and checked at each use.
const LEAF = LEAF_WORDS;
const LINK = LINK_WORDS;
const RIGHT_BITS = RIGHTS;
const ANY = ANY_ACCESS;
const { READ, EXECUTE, PRIVILEGED } = Access;
/** Beyond, an offset in the arena is no int32. */
const FRAMES_OF_2_GIB = 0x8_0000;

/**
 * The hardware side of a page table: one instance per format and A/D behaviour, reused for every walk, results in fields.
 * One hidden class for all vendors.
 *
 * A walk tries the shortest way first (see LeanWalker), then one that knows every granule and page size but still expects tables in the
 * arena and entries that pass one combined test. Whatever is unusual sends it back to the start, on the careful way. Nothing has
 * changed by then, so that starting over is not visible.
 */
export class RadixWalker extends CarefulWalker {
  /** What a page found the shortest way allows. */
  readonly #leanRights: number = 0;
  readonly #leanPrivileged: number = 0;

  constructor(options: RadixWalkerOptions) {
    super(options);
    this.#leanRights = this.#permissionsFor(false, this.leanAllowedHi, this.leanAllowedLo);
    this.#leanPrivileged = this.#permissionsFor(true, this.leanAllowedHi, this.leanAllowedLo);
  }

  /**
   * Translates one address from the root.
   * @param access OR of `Access` READ, WRITE, EXECUTE, PRIVILEGED; other bits are ignored
   */
  walk(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean {
    const isOther = ((iovaHi + root.biasHi) & root.excessHi) | ((access | ANY) & (this.otherAccess | root.straightBar));
    if (isOther === 0 && this.leanFrom(root, iovaHi, iovaLo)) return true;
    // Compared with true, because otherwise V8 tests the result as it would any value.
    return this.walkShape(root, iovaHi, iovaLo, access) === true;
  }

  protected override walkRest(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean {
    if ((((iovaHi + root.biasHi) & root.excessHi) | (iovaLo & root.excessLo)) !== 0) return this.#outside(root);
    const frame = (((root.hi << 20) | (root.lo >>> 12)) - this.words.firstFrame) | 0;
    if (!root.careful && !this.isBound() && frame >>> 0 < this.words.arenaFrames) {
      if (!root.isPrepared) this.prepare(root);
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
      const missing =
        (~allowedHi & this.leanAllowedHi) | (~allowedLo & this.leanAllowedLo) | (access & this.leanOtherAccess);
      if ((level | missing) === 0 && root.straightLevels !== 0 && frame < FRAMES_OF_2_GIB) {
        if (this.leanPage((frame << 12) | ((iovaLo >>> 9) & 0xff8), iovaLo, 1)) return true;
      }
      const at = (frame << 10) + (this.words.format.indexOf(level, iovaHi, iovaLo) << 1);
      if (this.#fast(root, level, at, allowedHi, allowedLo, iovaHi, iovaLo, access & RIGHT_BITS)) return true;
    }
    const hi = frameHi(tableFrame);
    const lo = frameLo(tableFrame);
    return this.carefully(root, level, hi, lo, allowedHi, allowedLo, iovaHi, iovaLo, access & RIGHT_BITS);
  }

  /** Walks only if the shortest way leads to a page of 4 KiB that may be read and written. False: nothing is known and nothing has changed. */
  walkPage(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    if (((iovaHi + root.biasHi) & root.excessHi) !== 0 || this.isBound()) return false;
    return root.straightLevels === 4
      ? this.leanFrom(root, iovaHi, iovaLo)
      : root.straightLevels === 3 && this.leanFrom3(root, iovaHi, iovaLo);
  }

  /**
   * Where in the arena the lowest table lies, whose address a paging-structure cache knows, if {@link resumePage} may go on from there;
   * otherwise -1. That holds for the whole high word of an address.
   */
  lowestTable(
    root: TableRoot,
    iovaHi: number,
    tableHi: number,
    tableLo: number,
    allowedHi: number,
    allowedLo: number,
  ): number {
    const isOther =
      ((iovaHi + root.biasHi) & root.excessHi) | (~allowedHi & this.leanAllowedHi) | (~allowedLo & this.leanAllowedLo);
    return isOther !== 0 || root.straightLevels === 0 ? -1 : this.offsetOf(tableHi, tableLo);
  }

  /** As {@link walkPage}, from such a table. */
  resumePage(table: number, iovaLo: number): boolean {
    return !this.isBound() && this.leanPage(table | ((iovaLo >>> 9) & 0xff8), iovaLo, 1);
  }

  /** What a page that {@link walkPage} finds allows, for a requester of this privilege. */
  pagePermissions(privileged: boolean): number {
    return privileged ? this.#leanPrivileged : this.#leanRights;
  }

  /**
   * What the last walk's page allows: OR of `Access` READ, WRITE, EXECUTE, for a requester of this privilege. A clean page of a
   * walker that sets dirty bits does not allow writes yet: the first write has to walk. EXECUTE may be missing unless it was asked for.
   */
  permissions(privileged: boolean): number {
    if (this.leanReads !== 0) return privileged ? this.#leanPrivileged : this.#leanRights;
    return this.#permissionsFor(privileged, this.leftHi, this.leftLo);
  }

  #permissionsFor(privileged: boolean, allowedHi: number, allowedLo: number): number {
    const { fastHi, fastLo } = this.words;
    const level = privileged ? PRIVILEGED : 0;
    let granted = 0;
    for (let right = READ; right <= EXECUTE; right <<= 1) {
      const hi = fastHi[right | level] as number;
      const lo = fastLo[right | level] as number;
      if ((allowedHi & hi) === hi && (allowedLo & lo) === lo) granted |= right;
    }
    return granted;
  }

  #outside(root: TableRoot): boolean {
    this.stop = WalkStop.INPUT;
    this.leanReads = 0;
    this.lastLevel = root.topLevel;
    this.readCount = 0;
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
    this.leanReads = 0;
    this.entryHi = hi;
    this.entryLo = lo;
    this.leftHi = allowedHi;
    this.leftLo = allowedLo;
    this.lastLevel = level;
    this.readCount = first - level + 1;
    this.foundShift = constants.format.shift[level] as number;
    if (constants.addressShift !== 0) {
      hi = (hi << constants.addressShift) | (lo >>> (32 - constants.addressShift));
      lo <<= constants.addressShift;
    }
    this.paHi = (hi & (leaf[test + 3] as number)) | (iovaHi & (leaf[test + 5] as number));
    this.paLo = (lo & (leaf[test + 4] as number)) | (iovaLo & (leaf[test + 6] as number));
    return true;
  }
}
