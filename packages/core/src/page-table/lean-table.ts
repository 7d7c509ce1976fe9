import { lo32 } from '../bits/index.js';
import type { PhysicalMemory } from '../memory/index.js';
import { arenaWindow, NO_VIEW } from './arena-window.js';
import { indexAt, NO_WORDS } from './format-words.js';
import type { RadixTableOptions } from './radix-options.js';
import type { TableMapper } from './table-mapper.js';
import type { TableTree } from './table-tree.js';

/**
 * One page of the granule, mapped or unmapped in tables that exist: straight for four levels of 512 entries over 4 KiB and three of 8192
 * over 64 KiB, with indices from fields for the other granules and depths. It answers false for everything else and has changed nothing
 * then. The counterpart of LeanWalker on the driver's side, in the same window of the arena: its tables are its own, so it looks only at
 * what tells a link, a page and a hole apart.
 */
export class LeanTable {
  readonly #tree: TableTree;
  readonly #memory: PhysicalMemory;
  /** Read as a DataView, see LeanWalker; written as words, because V8 forgets all that it knows at a store through a DataView. */
  readonly #arena: DataView = NO_VIEW;
  readonly #words: Int32Array = NO_WORDS;
  readonly #tableMask: number = 0;
  /** A link at level n: `(lo ^ linkN) & linkMask` is zero. */
  readonly #link1: number = 0;
  readonly #link2: number = 0;
  readonly #link3: number = 0;
  readonly #linkMask: number = 0;
  readonly #present: number = 0;
  /** A page of one entry: `(lo & pageMask) === page`, and no bit of `runHi`. */
  readonly #page: number = 0;
  readonly #pageMask: number = 0;
  readonly #runHi: number = 0;
  /** High address bits that do not fit the main piece of an entry. */
  readonly #farHi: number = 0;
  protected readonly granuleShift: number = 0;
  protected readonly granuleBytes: number = 0;
  /** Lowest IOVA bit of an index less 3, mask of the offset in a table: of levels 0 to 2. */
  readonly #shift0: number = 0;
  readonly #mask0: number = 0;
  readonly #shift1: number = 0;
  readonly #mask1: number = 0;
  readonly #shift2: number = 0;
  readonly #mask2: number = 0;
  /* Where the tree is now, see `#follow`. */
  /** Levels if this way leads into the tree, otherwise 0; 0 if it may be straight, otherwise 1. */
  #levels = 0;
  #straightBar = 1;
  /** 0 if it may go the way of three levels over 64 KiB, otherwise 1. */
  #wideBar = 1;
  /** Offset of the root in the arena, and mask of the offset in it. */
  #rootStart = 0;
  #rootMask = 0;
  #rootShift = 0;
  /** IOVA bits that must be zero. */
  #excessHi = 0;
  /** The last prot, and a page's bits for it: a run of calls asks for the same. */
  #prot = -1;
  #leafLo = 0;
  #leafHi = 0;
  readonly #mapper: TableMapper;
  readonly #isUsable: boolean = false;
  readonly #isStraight: boolean = false;
  readonly #isWide: boolean = false;
  readonly #baseLo: number = 0;
  readonly #beyond: number = 0;

  constructor(tree: TableTree, mapper: TableMapper, options: RadixTableOptions) {
    const { format, memory } = tree;
    const { tableShift, granuleShift } = format.format;
    const { baseLo, size, beyond, tableMask, view } = arenaWindow(memory);
    this.#tree = tree;
    this.#memory = memory;
    this.#mapper = mapper;
    this.#arena = view;
    this.#words = tree.words;
    this.granuleShift = granuleShift;
    this.granuleBytes = 1 << granuleShift;
    const isLean = format.addressShift === 0 && size >= 2 ** tableShift;
    if (!isLean || tree.tellsWrites) return;
    this.#isUsable = true;
    this.#isStraight = granuleShift === 12 && format.indexMask.subarray(0, 3).every((mask) => mask === 511);
    this.#isWide = granuleShift === 16 && format.indexMask.subarray(0, 2).every((mask) => mask === 8191);
    this.#baseLo = baseLo;
    this.#beyond = beyond;
    this.#tableMask = tableMask;
    const present = format.present & lo32(options.tableBits);
    const link = (level: number): number => (format.tableValue[level] as number) | present | baseLo;
    this.#link1 = link(1);
    this.#link2 = link(2);
    this.#link3 = link(3);
    // Links of this driver have no other bits there, whatever tests its level is content with.
    this.#linkMask = format.tableMask.reduce((all, mask) => all | mask, present | beyond);
    this.#present = format.present;
    this.#pageMask = (format.leafMask[0] as number) | (format.codedMask[0] as number);
    this.#page = format.leafValue[0] as number;
    this.#runHi = format.contiguous.hi[0] as number;
    this.#farHi = ~format.mainHi;
    this.#shift0 = (format.shift[0] as number) - 3;
    this.#shift1 = (format.shift[1] as number) - 3;
    this.#shift2 = (format.shift[2] as number) - 3;
    this.#mask0 = (format.indexMask[0] as number) << 3;
    this.#mask1 = (format.indexMask[1] as number) << 3;
    this.#mask2 = (format.indexMask[2] as number) << 3;
    // Not looked at after each call: V8 would inline that into a map of one page, which then is too long to be inlined itself.
    tree.onRootChange = () => this.#follow();
    this.#follow();
  }

  #follow(): void {
    const tree = this.#tree;
    const { rootLo, levels } = tree;
    const start = rootLo & ~this.#beyond;
    const rootMask = tree.rootIndexMask << 3;
    const isInside = ((rootLo ^ this.#baseLo) & this.#beyond) === 0 && (start >>> 0) + rootMask < -this.#beyond >>> 0;
    const isReached = this.#isUsable && isInside && tree.excessLo === 0 && levels >= 2 && levels <= 4;
    this.#levels = isReached ? levels : 0;
    this.#straightBar = this.#isStraight && this.#levels === 4 ? 0 : 1;
    this.#wideBar = this.#isWide && this.#levels === 3 ? 0 : 1;
    this.#rootStart = start;
    this.#rootMask = rootMask;
    this.#rootShift = tree.rootShift;
    this.#excessHi = tree.excessHi;
  }

  #takeProt(prot: number): boolean {
    const mapper = this.#mapper;
    if (mapper.isWritable[prot] !== 1) return false;
    this.#prot = prot;
    this.#leafLo = (mapper.leafLo[prot] as number) | this.#page;
    this.#leafHi = mapper.leafHi[prot] as number;
    return true;
  }

  /** Maps a page where there is none. */
  protected mapOne(iovaHi: number, iovaLo: number, paHi: number, paLo: number, prot: number): boolean {
    // Compared with true, because otherwise V8 tests the result as it would any value.
    if (prot !== this.#prot && this.#takeProt(prot) !== true) return false;
    const at = this.#find(iovaHi, iovaLo);
    if (at < 0 || (paHi & this.#farHi) !== 0) return false;
    const words = this.#words;
    const word = at >> 2;
    if (((words[word] as number) & this.#present) !== 0) return false;
    words[word] = paLo | this.#leafLo;
    words[word | 1] = paHi | this.#leafHi;
    return true;
  }

  /** Unmaps a page that is one entry. */
  protected unmapOne(iovaHi: number, iovaLo: number): boolean {
    const at = this.#find(iovaHi, iovaLo);
    if (at < 0) return false;
    const words = this.#words;
    const word = at >> 2;
    const lo = words[word] as number;
    if ((lo & this.#present) === 0) return false;
    if ((((lo & this.#pageMask) ^ this.#page) | ((words[word | 1] as number) & this.#runHi)) !== 0) return false;
    words[word] = 0;
    words[word | 1] = 0;
    return true;
  }

  /** Offset of the entry of a page at the lowest level, or -1. */
  #find(iovaHi: number, iovaLo: number): number {
    if (((iovaHi & this.#excessHi) | this.#straightBar) !== 0 || this.#memory.observer !== null) {
      return this.#findIn(iovaHi, iovaLo);
    }
    const arena = this.#arena;
    const tableMask = this.#tableMask;
    const lo3 = arena.getInt32(this.#rootStart + ((iovaHi >>> 4) & this.#rootMask), true);
    const at2 = (lo3 & tableMask) | (((iovaHi << 5) | (iovaLo >>> 27)) & 0xff8);
    const lo2 = arena.getInt32(at2, true);
    const at1 = (lo2 & tableMask) | ((iovaLo >>> 18) & 0xff8);
    const lo1 = arena.getInt32(at1, true);
    const differs = (lo3 ^ this.#link3) | (lo2 ^ this.#link2) | (lo1 ^ this.#link1);
    return (differs & this.#linkMask) === 0 ? (lo1 & tableMask) | ((iovaLo >>> 9) & 0xff8) : -1;
  }

  /**
   * The same for three levels over 64 KiB, and then for any shape of two to four levels. Each depth is written out, which also makes this too
   * large for V8 to inline: inlined, it takes the room of the straight way, which then costs half as much again.
   */
  #findIn(iovaHi: number, iovaLo: number): number {
    const levels = this.#levels;
    if (levels === 0 || (iovaHi & this.#excessHi) !== 0 || this.#memory.observer !== null) return -1;
    const arena = this.#arena;
    const tableMask = this.#tableMask;
    if (this.#wideBar === 0) {
      const lo2 = arena.getInt32(this.#rootStart + ((iovaHi >>> 7) & this.#rootMask), true);
      const lo1 = arena.getInt32((lo2 & tableMask) | (((iovaHi << 6) | (iovaLo >>> 26)) & 0xfff8), true);
      const differs = (lo2 ^ this.#link2) | (lo1 ^ this.#link1);
      return (differs & this.#linkMask) === 0 ? (lo1 & tableMask) | ((iovaLo >>> 13) & 0xfff8) : -1;
    }
    const linkMask = this.#linkMask;
    const shift1 = this.#shift1;
    const in0 = (iovaLo >>> this.#shift0) & this.#mask0;
    const in1 = ((iovaLo >>> shift1) | (iovaHi << (32 - shift1))) & this.#mask1;
    const start = this.#rootStart + ((indexAt(this.#rootShift, iovaHi, iovaLo) << 3) & this.#rootMask);
    if (levels === 2) {
      const lo1 = arena.getInt32(start, true);
      return ((lo1 ^ this.#link1) & linkMask) === 0 ? (lo1 & tableMask) | in0 : -1;
    }
    if (levels === 3) {
      const lo2 = arena.getInt32(start, true);
      const lo1 = arena.getInt32((lo2 & tableMask) | in1, true);
      const differs = (lo2 ^ this.#link2) | (lo1 ^ this.#link1);
      return (differs & linkMask) === 0 ? (lo1 & tableMask) | in0 : -1;
    }
    const lo3 = arena.getInt32(start, true);
    const lo2 = arena.getInt32((lo3 & tableMask) | (indexAt(this.#shift2, iovaHi, iovaLo) & this.#mask2), true);
    const lo1 = arena.getInt32((lo2 & tableMask) | in1, true);
    const differs = (lo3 ^ this.#link3) | (lo2 ^ this.#link2) | (lo1 ^ this.#link1);
    return (differs & linkMask) === 0 ? (lo1 & tableMask) | in0 : -1;
  }
}
