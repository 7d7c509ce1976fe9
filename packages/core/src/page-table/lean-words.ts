import { Access } from '../hardware/translation-unit.js';
import { NO_WORDS } from './format-words.js';
import type { PhysicalMemory } from '../memory/index.js';
import { frameHi, frameLo } from '../memory/index.js';
import type { TableRoot } from './table-root.js';
import { LEAF_WORDS, LINK_WORDS, type WalkWords } from './walk-words.js';

/**
 * Words of the shortest way through a walk: three or four levels of 512 entries over 4 KiB pages, which x86-64, VT-d, AMD, RISC-V and
 * the 4K granule of Arm share, ending in a 4 KiB page that may be read and written. What that way asks of an entry is one masked
 * comparison per word. Everything else takes a longer way.
 */
export class LeanWords {
  /** Whether this format and this arena have such a way. */
  readonly #isUsable: boolean = false;
  /** Access bits that the way does not look at. */
  readonly otherAccess: number = Access.EXECUTE;
  readonly words: Int32Array = NO_WORDS;
  /** Address of the arena; it lies within 4 GiB that share their high word. */
  readonly baseHi: number = 0;
  readonly baseLo: number = 0;
  /** Bits of an offset into the arena that no address in it has. */
  readonly beyond: number = 0;
  /** Word offset of a table in the arena: `((lo - baseLo) >>> 2) & tableMask`. */
  readonly tableMask: number = 0;
  /** A link at level n: `((lo - baseLo) ^ linkN) & linkMask` and `(hi ^ linkHi) & linkMaskHi` are zero. */
  readonly link1: number = 0;
  readonly link2: number = 0;
  readonly link3: number = 0;
  readonly linkMask: number = 0;
  readonly linkHi: number = 0;
  readonly linkMaskHi: number = 0;
  /** A page: `(lo & leafMask) ^ leaf`, `(hi & leafMaskHi) ^ leafHi` are zero. */
  readonly leaf: number = 0;
  readonly leafMask: number = 0;
  readonly leafHi: number = 0;
  readonly leafMaskHi: number = 0;
  readonly addressHi: number = 0;
  /** The same for a 2 MiB page, at level 1; no entry passes where the format has none. */
  readonly large: number = 1;
  readonly largeMask: number = 0;
  readonly largeHi: number = 0;
  readonly largeMaskHi: number = 0;
  /** What such a walk leaves allowed. */
  readonly allowedHi: number = 0;
  readonly allowedLo: number = 0;

  constructor(walk: WalkWords, memory: PhysicalMemory) {
    const { format } = walk;
    this.words = memory.words;
    const bytes = memory.arenaFrames * 4096;
    const lo = frameLo(memory.arenaFirstFrame);
    if (!isLeanFormat(walk) || (lo >>> 0) + bytes > 0x1_0000_0000) return;
    this.#isUsable = true;
    this.baseHi = frameHi(memory.arenaFirstFrame);
    this.baseLo = lo;
    const size = 2 ** Math.ceil(Math.log2(bytes));
    this.beyond = -size | 0;
    this.tableMask = ((size / 4 - 1) & ~0x3ff) | 0;

    const access = Access.READ | Access.WRITE;
    const needHi = walk.fastHi[access] as number;
    const needLo = walk.fastLo[access] as number;
    // A needed allow bit must be set, or clear where it forbids.
    const tableHi = needHi & ~walk.tableOtherHi;
    const tableLo = needLo & ~walk.tableOtherLo;
    const link = (level: number): number =>
      ((walk.link[level * LINK_WORDS + 1] as number) & ~tableLo) | (tableLo & ~walk.tableFlipLo);
    this.link1 = link(1);
    this.link2 = link(2);
    this.link3 = format.levels > 3 ? link(3) : 0;
    this.linkMask = (walk.link[LINK_WORDS] as number) | tableLo | this.beyond;
    this.linkHi = this.baseHi | (tableHi & ~walk.tableFlipHi);
    this.linkMaskHi = (walk.link[LINK_WORDS + 2] as number) | format.mainHi | tableHi;
    const leafHi = needHi & ~walk.leafOtherHi;
    const leafLo = needLo & ~walk.leafOtherLo;
    const leaf = (level: number, word: number): number => walk.leaf[level * LEAF_WORDS + word] as number;
    this.leafMask = leaf(0, 0) | leafLo;
    this.leaf = (leaf(0, 1) & ~leafLo) | (leafLo & ~walk.leafFlipLo);
    this.leafMaskHi = leaf(0, 2) | leafHi;
    this.leafHi = leafHi & ~walk.leafFlipHi;
    if (format.hasLeaf[1] === 1) {
      this.largeMask = leaf(1, 0) | leafLo;
      this.large = (leaf(1, 1) & ~leafLo) | (leafLo & ~walk.leafFlipLo);
      this.largeMaskHi = leaf(1, 2) | leafHi;
      this.largeHi = this.leafHi;
    }
    this.addressHi = walk.leaf[3] as number;
    this.allowedHi = needHi;
    this.allowedLo = needLo;
  }

  /** Notes in a root whether walks from there may go this way, so that a walk asks only once. */
  prepare(root: TableRoot): void {
    const offset = (root.lo - this.baseLo) | 0;
    const isHere = ((offset & this.beyond) | (root.hi ^ this.baseHi)) === 0;
    const isPlain = !root.careful && root.inputBits >= 32 && root.outputExcessHi === 0;
    if (!this.#isUsable || !isHere || !isPlain || root.topLevel < 2 || root.topLevel > 3) return;
    root.leanWord = offset >>> 2;
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
