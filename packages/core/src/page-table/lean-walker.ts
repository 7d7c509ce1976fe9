import { Access } from '../hardware/translation-unit.js';
import type { PhysicalMemory } from '../memory/index.js';
import { arenaWindow, NO_VIEW } from './arena-window.js';
import type { TableRoot } from './table-root.js';
import { LEAF_WORDS, LINK_WORDS, type WalkWords } from './walk-words.js';

/**
 * Access bits that the shortest way looks at none of. Bit 30 is in every access that it is asked for: a walker that must not go this
 * way forbids it.
 */
export const ANY_ACCESS = 0x4000_0000;

/** Bits of a high word that belong to an address below 2^44. */
const NEAR_HI = 0xfff;

/**
 * The shortest way through a walk: three or four levels of 512 entries over 4 KiB pages, which x86-64, VT-d, AMD, RISC-V and the 4K granule
 * of Arm share, ending in a page of 4 KiB that may be read and written, with all tables in the arena's window. What it asks of an entry is
 * one masked comparison per word, of all entries together once the last is read: until then a wrong entry leads to some other place in the
 * window. Everything else takes a longer way.
 *
 * Its words are fields of the walker itself: one object less to load and to check per walk. It is small on purpose: with one case more V8
 * would not inline it into a loop over `walk`, which costs twice the time of a walk. It reads through a DataView, because V8 adds up where
 * the words of a typed array lie at each access.
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

  /** After false of {@link leanFrom}: what differs above level 1; the entry of level 1 is in the fields for one. */
  protected leanAbove = 0;

  /** The arena, and the same from its second word: the high word of an entry is at the offset of the low one. */
  protected readonly arena: DataView = NO_VIEW;
  protected readonly arenaHigh: DataView = NO_VIEW;
  /** Access bits that send a walk elsewhere, and what they are while a walker may go this way. */
  protected otherAccess: number = ANY_ACCESS;
  protected readonly leanOtherAccess: number = ANY_ACCESS;
  /** What a walk of this way leaves allowed. */
  protected readonly leanAllowedHi: number = 0;
  protected readonly leanAllowedLo: number = 0;
  /** Whether the format has a short way and its tables fit the window, and whether it has this one. */
  protected readonly isLean: boolean = false;
  readonly #isStraight: boolean = false;
  /** Whether it has that of three levels over 64 KiB. */
  readonly #isWide: boolean = false;
  /** log2 of the granule, which is the page of a walk of {@link leanReads}. */
  readonly #granuleShift: number = 0;
  /** Window of the arena. */
  readonly #baseHi: number = 0;
  readonly #baseLo: number = 0;
  readonly #beyond: number = 0;
  readonly #windowSize: number = 0;
  protected readonly tableMask: number = 0;
  /** A link at level n: `(lo ^ linkN) & linkMask` and `(hi ^ linkHi) & linkMaskHi` are zero. */
  protected readonly link1: number = 0;
  protected readonly link2: number = 0;
  protected readonly link3: number = 0;
  protected readonly linkMask: number = 0;
  protected readonly linkHi: number = 0;
  protected readonly linkMaskHi: number = 0;
  /** A page: `(lo & leafMask) ^ leaf`, `(hi & leafMaskHi) ^ leafHi` are zero. */
  protected readonly leaf: number = 0;
  protected readonly leafMask: number = 0;
  protected readonly leafHi: number = 0;
  protected readonly leafMaskHi: number = 0;
  /** The same for a larger page, at level 1; no entry passes where the format has none. */
  protected readonly large: number = 1;
  protected readonly largeMask: number = 0;
  protected readonly largeMaskHi: number = 0;
  protected readonly largeShift: number = 0;
  protected readonly largeOffset: number = 0;

  constructor(walk: WalkWords, memory: PhysicalMemory) {
    const { format } = walk;
    const { baseHi, baseLo, size, beyond, tableMask, view } = arenaWindow(memory);
    this.arena = view;
    this.arenaHigh = new DataView(view.buffer, view.byteOffset + 4, view.byteLength - 4);
    if (!isLeanFormat(walk) || size < 2 ** format.format.tableShift) return;
    this.isLean = true;
    this.#isStraight = isStraightFormat(walk);
    this.#isWide = isWideFormat(walk);
    this.#granuleShift = format.format.granuleShift;
    this.leanOtherAccess = Access.EXECUTE;
    this.#baseHi = baseHi;
    this.#baseLo = baseLo;
    this.#beyond = beyond;
    this.#windowSize = size;
    this.tableMask = tableMask;

    const access = Access.READ | Access.WRITE;
    const needHi = walk.fastHi[access] as number;
    const needLo = walk.fastLo[access] as number;
    // A needed allow bit must be set, or clear where it forbids.
    const tableHi = needHi & ~walk.tableOtherHi;
    const tableLo = needLo & ~walk.tableOtherLo;
    const link = (level: number): number =>
      baseLo | ((walk.link[level * LINK_WORDS + 1] as number) & ~tableLo) | (tableLo & ~walk.tableFlipLo);
    this.link1 = link(1);
    this.link2 = link(2);
    this.link3 = link(3);
    this.linkMask = (walk.link[LINK_WORDS] as number) | tableLo | beyond;
    this.linkHi = baseHi | (tableHi & ~walk.tableFlipHi);
    this.linkMaskHi = (walk.link[LINK_WORDS + 2] as number) | format.mainHi | tableHi;
    const leafHi = needHi & ~walk.leafOtherHi;
    const leafLo = needLo & ~walk.leafOtherLo;
    const leaf = (level: number, word: number): number => walk.leaf[level * LEAF_WORDS + word] as number;
    this.leafMask = leaf(0, 0) | leafLo;
    this.leaf = (leaf(0, 1) & ~leafLo) | (leafLo & ~walk.leafFlipLo);
    // Pages above 2^44 go another way, so that a root with outputs of at least 44 bits needs no test of its own.
    const farHi = format.mainHi & ~NEAR_HI;
    this.leafMaskHi = leaf(0, 2) | leafHi | farHi;
    this.leafHi = leafHi & ~walk.leafFlipHi;
    if (format.hasLeaf[1] === 1) {
      this.largeMask = leaf(1, 0) | leafLo;
      this.large = (leaf(1, 1) & ~leafLo) | (leafLo & ~walk.leafFlipLo);
      this.largeMaskHi = leaf(1, 2) | leafHi | farHi;
      this.largeShift = format.shift[1] as number;
      // Not a power: V8 would keep its result as a double.
      this.largeOffset = (1 << this.largeShift) - 1;
    }
    this.leanAllowedHi = needHi;
    this.leanAllowedLo = needLo;
  }

  /** log2 of the page that holds the byte; a size coded in the address or a contiguous run counts as a whole. */
  get pageShift(): number {
    return this.leanReads === 0 ? this.foundShift : this.#granuleShift;
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

  /** Notes in a root whether and how walks from there may go this way. */
  prepare(root: TableRoot): void {
    root.isPrepared = true;
    const isHere = (((root.lo ^ this.#baseLo) & this.#beyond) | (root.hi ^ this.#baseHi)) === 0;
    const isPlain = !root.careful && root.inputBits >= 32 && (root.outputExcessHi & NEAR_HI) === 0;
    const start = root.lo & ~this.#beyond;
    const isInside = (start >>> 0) + (root.leanMask >>> 0) < this.#windowSize;
    if (!this.isLean || !isHere || !isPlain || !isInside || root.topLevel < 1 || root.topLevel > 3) return;
    root.leanStart = start;
    root.leanLevels = root.topLevel + 1;
    if (this.#isWide && root.leanLevels === 3) root.wideBar = 0;
    if (!this.#isStraight || root.topLevel < 2) return;
    root.straightLevels = root.leanLevels;
    if (root.straightLevels === 4) root.straightBar = 0;
  }

  /** From a prepared root of four levels, for an IOVA in its range. False: see {@link leanAbove}. */
  protected leanFrom(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    const arena = this.arena;
    const high = this.arenaHigh;
    const little = true;
    const tableMask = this.tableMask;
    let at = root.leanStart + ((iovaHi >>> 4) & root.leanMask);
    const lo3 = arena.getInt32(at, little);
    const hi3 = high.getInt32(at, little);
    at = (lo3 & tableMask) | (((iovaHi << 5) | (iovaLo >>> 27)) & 0xff8);
    const lo2 = arena.getInt32(at, little);
    const hi2 = high.getInt32(at, little);
    at = (lo2 & tableMask) | ((iovaLo >>> 18) & 0xff8);
    const lo1 = arena.getInt32(at, little);
    const hi1 = high.getInt32(at, little);
    at = (lo1 & tableMask) | ((iovaLo >>> 9) & 0xff8);
    const lo = arena.getInt32(at, little);
    const hi = high.getInt32(at, little);
    const linkHi = this.linkHi;
    const linkMask = this.linkMask;
    const linkMaskHi = this.linkMaskHi;
    const above =
      (((lo3 ^ this.link3) | (lo2 ^ this.link2)) & linkMask) | (((hi3 ^ linkHi) | (hi2 ^ linkHi)) & linkMaskHi);
    const differs =
      above |
      ((lo1 ^ this.link1) & linkMask) |
      ((hi1 ^ linkHi) & linkMaskHi) |
      ((lo & this.leafMask) ^ this.leaf) |
      ((hi & this.leafMaskHi) ^ this.leafHi);
    if (differs !== 0) {
      this.leanAbove = above;
      this.entryHi = hi1;
      this.entryLo = lo1;
      return false;
    }
    this.entryHi = hi;
    this.entryLo = lo;
    this.leanReads = 4;
    this.paHi = hi & 0xfff;
    this.paLo = lo ^ ((lo ^ iovaLo) & 0xfff);
    return true;
  }

  /** The same from a root of three levels. */
  protected leanFrom3(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    const arena = this.arena;
    const tableMask = this.tableMask;
    let at = root.leanStart + (((iovaHi << 5) | (iovaLo >>> 27)) & root.leanMask);
    const lo2 = arena.getInt32(at, true);
    const hi2 = arena.getInt32(at | 4, true);
    at = (lo2 & tableMask) | ((iovaLo >>> 18) & 0xff8);
    const lo1 = arena.getInt32(at, true);
    const hi1 = arena.getInt32(at | 4, true);
    const linkHi = this.linkHi;
    const differs =
      (((lo2 ^ this.link2) | (lo1 ^ this.link1)) & this.linkMask) |
      (((hi2 ^ linkHi) | (hi1 ^ linkHi)) & this.linkMaskHi);
    return differs === 0 && this.leanPage((lo1 & tableMask) | ((iovaLo >>> 9) & 0xff8), iovaLo, 3);
  }

  /** A page of level 1. */
  protected leanLarge(root: TableRoot, hi: number, lo: number, iovaLo: number): boolean {
    if ((((lo & this.largeMask) ^ this.large) | ((hi & this.largeMaskHi) ^ this.leafHi)) !== 0) return false;
    const offsetMask = this.largeOffset;
    this.leanReads = 0;
    this.readCount = root.topLevel;
    this.lastLevel = 1;
    this.foundShift = this.largeShift;
    this.leftHi = this.leanAllowedHi;
    this.leftLo = this.leanAllowedLo;
    this.entryHi = hi;
    this.entryLo = lo;
    this.paHi = hi & 0xfff;
    this.paLo = (lo & ~offsetMask) | (iovaLo & offsetMask);
    return true;
  }

  /** Where in the window a table lies, or -1. */
  protected offsetOf(hi: number, lo: number): number {
    const isElsewhere = ((hi ^ this.#baseHi) | ((lo ^ this.#baseLo) & this.#beyond)) !== 0;
    return isElsewhere ? -1 : lo & this.tableMask;
  }

  /** The last step: a page that may be read and written. `at` is the offset of its entry, as an int32. */
  protected leanPage(at: number, iovaLo: number, reads: number): boolean {
    const arena = this.arena;
    const lo = arena.getInt32(at, true);
    const hi = arena.getInt32(at | 4, true);
    if ((((lo & this.leafMask) ^ this.leaf) | ((hi & this.leafMaskHi) ^ this.leafHi)) !== 0) return false;
    this.entryHi = hi;
    this.entryLo = lo;
    this.leanReads = reads;
    this.paHi = hi & 0xfff;
    this.paLo = lo ^ ((lo ^ iovaLo) & 0xfff);
    return true;
  }
}

/** All links are tested alike, addresses are in their place and the lower 44 bits of them can be taken as they are. */
function isLeanFormat({ format, link }: WalkWords): boolean {
  for (let level = 2; level < format.levels; level++) {
    const at = level * LINK_WORDS;
    if (link[at] !== link[LINK_WORDS] || link[at + 2] !== link[LINK_WORDS + 2]) return false;
  }
  return format.levels > 1 && format.addressShift === 0 && (format.mainHi & NEAR_HI) === NEAR_HI;
}

/** At least three levels of 512 entries over 4 KiB. */
function isStraightFormat({ format }: WalkWords): boolean {
  const top = Math.min(4, format.levels) - 1;
  return top >= 2 && format.format.granuleShift === 12 && format.indexMask.subarray(0, top + 1).every((m) => m === 511);
}

/** At least three levels of 8192 entries over 64 KiB, of which a root may have more or fewer. */
function isWideFormat({ format }: WalkWords): boolean {
  return (
    format.levels > 2 && format.format.granuleShift === 16 && format.indexMask.subarray(0, 2).every((m) => m === 8191)
  );
}
