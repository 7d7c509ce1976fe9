import { Access } from '../hardware/translation-unit.js';
import { frameHi, frameLo, type PhysicalMemory } from '../memory/index.js';
import { NO_WORDS } from './format-words.js';
import type { TableRoot } from './table-root.js';
import { LEAF_WORDS, LINK_WORDS, type WalkWords } from './walk-words.js';

/**
 * Access bits that the shortest way looks at none of. Bit 30 is in every access that it is asked for: a walker that must not go this
 * way forbids it.
 */
export const ANY_ACCESS = 0x4000_0000;

/**
 * The shortest way through a walk: three or four levels of 512 entries over 4 KiB pages, which x86-64, VT-d, AMD, RISC-V and the 4K granule
 * of Arm share, ending in a page of 4 KiB (or of 2 MiB, see `leanLarge`) that may be read and written, with all tables in an arena that is aligned to its size.
 * What it asks of an entry is one masked comparison per word. Everything else takes a longer way.
 *
 * Its words are fields of the walker itself: one object less to load and to check per walk. It is small on purpose: with one case more V8
 * would not inline it into a loop over `walk`, which costs twice the time of a walk.
 */
export class LeanWalker {
  /** After true: output address of the byte. */
  paHi = 0;
  paLo = 0;
  /** The last entry, as it was when it was read. After true it is the leaf. */
  entryHi = 0;
  entryLo = 0;
  /**
   * Entries that the last walk read this way, 0 if it went another: then what this way always finds stands in the fields below. One word
   * to write instead of five.
   */
  protected leanReads = 0;
  protected foundShift = 0;
  protected readCount = 0;
  protected lastLevel = 0;
  protected leftHi = 0;
  protected leftLo = 0;

  protected readonly arena: Int32Array = NO_WORDS;
  /** Access bits that send a walk elsewhere, and what they are while a walker may go this way. */
  protected otherAccess: number = ANY_ACCESS;
  protected readonly leanOtherAccess: number = ANY_ACCESS;
  /** What a walk of this way leaves allowed. */
  protected readonly leanAllowedHi: number = 0;
  protected readonly leanAllowedLo: number = 0;
  /** Whether this format and this arena have such a way. */
  readonly #isUsable: boolean = false;
  /** Address of the arena. */
  readonly #baseHi: number = 0;
  readonly #baseLo: number = 0;
  /** Bits of an address that are the same in all of the arena. */
  readonly #beyond: number = 0;
  /** Word offset of a table in the arena: `(lo >>> 2) & tableMask`. */
  readonly #tableMask: number = 0;
  /** A link at level n: `(lo ^ linkN) & linkMask` and `(hi ^ linkHi) & linkMaskHi` are zero. */
  readonly #link1: number = 0;
  readonly #link2: number = 0;
  readonly #link3: number = 0;
  readonly #linkMask: number = 0;
  readonly #linkHi: number = 0;
  readonly #linkMaskHi: number = 0;
  /** A page: `(lo & leafMask) ^ leaf`, `(hi & leafMaskHi) ^ leafHi` are zero. */
  readonly #leaf: number = 0;
  readonly #leafMask: number = 0;
  readonly #leafHi: number = 0;
  readonly #leafMaskHi: number = 0;
  readonly #addressHi: number = 0;
  /** The same for a 2 MiB page, at level 1; no entry passes where the format has none. */
  readonly #large: number = 1;
  readonly #largeMask: number = 0;
  readonly #largeMaskHi: number = 0;
  constructor(walk: WalkWords, memory: PhysicalMemory) {
    const { format } = walk;
    this.arena = memory.words;
    const bytes = memory.arenaFrames * 4096;
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const lo = frameLo(memory.arenaFirstFrame);
    if (!isLeanFormat(walk) || (lo >>> 0) % size !== 0) return;
    this.#isUsable = true;
    this.leanOtherAccess = Access.EXECUTE;
    this.#baseHi = frameHi(memory.arenaFirstFrame);
    this.#baseLo = lo;
    this.#beyond = -size | 0;
    this.#tableMask = ((size / 4 - 1) & ~0x3ff) | 0;

    const access = Access.READ | Access.WRITE;
    const needHi = walk.fastHi[access] as number;
    const needLo = walk.fastLo[access] as number;
    // A needed allow bit must be set, or clear where it forbids.
    const tableHi = needHi & ~walk.tableOtherHi;
    const tableLo = needLo & ~walk.tableOtherLo;
    const link = (level: number): number =>
      lo | ((walk.link[level * LINK_WORDS + 1] as number) & ~tableLo) | (tableLo & ~walk.tableFlipLo);
    this.#link1 = link(1);
    this.#link2 = link(2);
    this.#link3 = format.levels > 3 ? link(3) : 0;
    this.#linkMask = (walk.link[LINK_WORDS] as number) | tableLo | this.#beyond;
    this.#linkHi = this.#baseHi | (tableHi & ~walk.tableFlipHi);
    this.#linkMaskHi = (walk.link[LINK_WORDS + 2] as number) | format.mainHi | tableHi;
    const leafHi = needHi & ~walk.leafOtherHi;
    const leafLo = needLo & ~walk.leafOtherLo;
    const leaf = (level: number, word: number): number => walk.leaf[level * LEAF_WORDS + word] as number;
    this.#leafMask = leaf(0, 0) | leafLo;
    this.#leaf = (leaf(0, 1) & ~leafLo) | (leafLo & ~walk.leafFlipLo);
    // Pages above 2^44 go another way, so that a root with outputs of at least 44 bits needs no test of its own.
    const farHi = format.mainHi & ~0xfff;
    this.#leafMaskHi = leaf(0, 2) | leafHi | farHi;
    this.#leafHi = leafHi & ~walk.leafFlipHi;
    if (format.hasLeaf[1] === 1) {
      this.#largeMask = leaf(1, 0) | leafLo;
      this.#large = (leaf(1, 1) & ~leafLo) | (leafLo & ~walk.leafFlipLo);
      this.#largeMaskHi = leaf(1, 2) | leafHi | farHi;
    }
    this.#addressHi = walk.leaf[3] as number;
    this.leanAllowedHi = needHi;
    this.leanAllowedLo = needLo;
  }

  /** log2 of the page that holds the byte; a size coded in the address or a contiguous run counts as a whole. */
  get pageShift(): number {
    return this.leanReads === 0 ? this.foundShift : 12;
  }

  /** Entries read by this walk. */
  get reads(): number {
    return this.leanReads === 0 ? this.readCount : this.leanReads;
  }

  /** Engine level (0 = smallest pages) of the last entry. */
  get level(): number {
    return this.leanReads === 0 ? this.lastLevel : 0;
  }

  /** Allow bits that are left after the entries read so far, the last one included if it is present (see FormatPermissions). */
  get allowedHi(): number {
    return this.leanReads === 0 ? this.leftHi : this.leanAllowedHi;
  }

  get allowedLo(): number {
    return this.leanReads === 0 ? this.leftLo : this.leanAllowedLo;
  }

  /** Notes in a root whether walks from there may go this way. */
  prepare(root: TableRoot): void {
    root.isPrepared = true;
    const isHere = (((root.lo ^ this.#baseLo) & this.#beyond) | (root.hi ^ this.#baseHi)) === 0;
    const isPlain = !root.careful && root.inputBits >= 32 && (root.outputExcessHi & 0xfff) === 0;
    if (!this.#isUsable || !isHere || !isPlain || root.topLevel < 2 || root.topLevel > 3) return;
    const word = (root.lo & ~this.#beyond) >>> 2;
    if (root.topLevel === 3) root.leanWord = word;
    else root.leanWord3 = word;
  }

  /** From a prepared root of four levels, for an IOVA in its range. False: nothing is known and nothing has changed. */
  protected leanFrom(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    const words = this.arena;
    const at = root.leanWord + ((iovaHi >>> 6) & root.leanMask);
    const lo = words[at] as number;
    const differs =
      ((lo ^ this.#link3) & this.#linkMask) | (((words[at | 1] as number) ^ this.#linkHi) & this.#linkMaskHi);
    if (differs !== 0) return false;
    return this.#leanBelow(((lo >>> 2) & this.#tableMask) | (((iovaHi << 3) | (iovaLo >>> 29)) & 0x3fe), iovaLo, 4);
  }

  /** The same from a root of three levels. */
  protected leanFrom3(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    return this.#leanBelow(root.leanWord3 + (((iovaHi << 3) | (iovaLo >>> 29)) & root.leanMask), iovaLo, 3);
  }

  /** From an entry of level 2, given as the index of its low word, down to a page. */
  #leanBelow(at: number, iovaLo: number, reads: number): boolean {
    const words = this.arena;
    const tableMask = this.#tableMask;
    const linkMask = this.#linkMask;
    const linkHi = this.#linkHi;
    const linkMaskHi = this.#linkMaskHi;
    let lo = words[at] as number;
    if ((((lo ^ this.#link2) & linkMask) | (((words[at | 1] as number) ^ linkHi) & linkMaskHi)) !== 0) return false;
    at = ((lo >>> 2) & tableMask) | ((iovaLo >>> 20) & 0x3fe);
    lo = words[at] as number;
    if ((((lo ^ this.#link1) & linkMask) | (((words[at | 1] as number) ^ linkHi) & linkMaskHi)) !== 0) return false;
    return this.leanPage(((lo >>> 2) & tableMask) | ((iovaLo >>> 11) & 0x3fe), iovaLo, reads);
  }

  /** The same down to a page of 2 MiB. */
  protected leanLarge(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    const words = this.arena;
    const tableMask = this.#tableMask;
    const linkMask = this.#linkMask;
    const linkHi = this.#linkHi;
    const linkMaskHi = this.#linkMaskHi;
    let at = root.leanWord3 + (((iovaHi << 3) | (iovaLo >>> 29)) & root.leanMask);
    let lo = 0;
    if (root.leanWord >= 0) {
      at = root.leanWord + ((iovaHi >>> 6) & root.leanMask);
      lo = words[at] as number;
      if ((((lo ^ this.#link3) & linkMask) | (((words[at | 1] as number) ^ linkHi) & linkMaskHi)) !== 0) return false;
      at = ((lo >>> 2) & tableMask) | (((iovaHi << 3) | (iovaLo >>> 29)) & 0x3fe);
    }
    lo = words[at] as number;
    if ((((lo ^ this.#link2) & linkMask) | (((words[at | 1] as number) ^ linkHi) & linkMaskHi)) !== 0) return false;
    at = ((lo >>> 2) & tableMask) | ((iovaLo >>> 20) & 0x3fe);
    lo = words[at] as number;
    const hi = words[at | 1] as number;
    if ((((lo & this.#largeMask) ^ this.#large) | ((hi & this.#largeMaskHi) ^ this.#leafHi)) !== 0) return false;
    this.leanReads = 0;
    this.readCount = root.topLevel;
    this.lastLevel = 1;
    this.foundShift = 21;
    this.leftHi = this.leanAllowedHi;
    this.leftLo = this.leanAllowedLo;
    this.entryHi = hi;
    this.entryLo = lo;
    this.paHi = hi & this.#addressHi;
    this.paLo = (lo & ~0x1f_ffff) | (iovaLo & 0x1f_ffff);
    return true;
  }

  /** From a table of level 0 at this address. */
  protected leanTable(tableHi: number, tableLo: number, iovaLo: number): boolean {
    if (((tableHi ^ this.#baseHi) | ((tableLo ^ this.#baseLo) & this.#beyond)) !== 0) return false;
    return this.leanPage(((tableLo >>> 2) & this.#tableMask) | ((iovaLo >>> 11) & 0x3fe), iovaLo, 1);
  }

  /** The last step: a page that may be read and written. */
  protected leanPage(at: number, iovaLo: number, reads: number): boolean {
    const words = this.arena;
    const hi = words[at | 1] as number;
    const lo = words[at] as number;
    if ((((lo & this.#leafMask) ^ this.#leaf) | ((hi & this.#leafMaskHi) ^ this.#leafHi)) !== 0) return false;
    this.entryHi = hi;
    this.entryLo = lo;
    this.leanReads = reads;
    this.paHi = hi & this.#addressHi;
    this.paLo = (lo & -4096) | (iovaLo & 0xfff);
    return true;
  }
}

/** Levels of 512 entries over 4 KiB, tested alike at all levels that are used, with the address in its place. */
function isLeanFormat(walk: WalkWords): boolean {
  const { format, link } = walk;
  if (format.levels < 3 || format.addressShift !== 0 || format.format.granuleShift !== 12) return false;
  for (let level = 0; level < Math.min(4, format.levels); level++) {
    if (format.indexMask[level] !== 511) return false;
    const sameTest =
      link[level * LINK_WORDS] === link[LINK_WORDS] && link[level * LINK_WORDS + 2] === link[LINK_WORDS + 2];
    if (level > 1 && !sameTest) return false;
  }
  return walk.leaf[LEAF_WORDS - 2] === 0xfff;
}
