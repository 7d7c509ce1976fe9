import { lo32 } from '../bits/index.js';
import { NO_WORDS } from './format-words.js';
import type { PhysicalMemory } from '../memory/index.js';
import type { RadixTableOptions } from './radix-options.js';
import type { TableMapper } from './table-mapper.js';
import type { TableTree } from './table-tree.js';

/**
 * One 4 KiB page, mapped or unmapped in tables that exist: the straight path for formats of 512 entries a level over 4 KiB. It answers
 * false for everything else and has changed nothing then. The counterpart of LeanWalker on the driver's side: its tables are its own, so
 * it looks only at what tells a link, a page and a hole apart.
 */
export class LeanTable {
  readonly #tree: TableTree;
  readonly #memory: PhysicalMemory;
  readonly #words: Int32Array = NO_WORDS;
  /** Word offset of a table in the arena: `(lo >>> 2) & tableMask`. */
  readonly #tableMask: number = 0;
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
  /* Where the tree is now, see `follow`. */
  #levels = 0;
  #rootWord = 0;
  /** Of the root's index, for low words. */
  #rootMask = 0;
  /** IOVA bits that must be zero. */
  #excessHi = 0;
  /** The last prot, and a page's bits for it: a run of calls asks for the same. */
  #prot = -1;
  #leafLo = 0;
  #leafHi = 0;
  readonly #mapper: TableMapper;
  readonly #isUsable: boolean = false;

  constructor(tree: TableTree, mapper: TableMapper, options: RadixTableOptions) {
    const { format, memory } = tree;
    this.#tree = tree;
    this.#words = tree.words;
    this.#memory = memory;
    this.#mapper = mapper;
    const size = 2 ** Math.ceil(Math.log2(memory.arenaFrames));
    this.#tableMask = (size * 1024 - 1) & ~0x3ff;
    const isLean =
      format.format.granuleShift === 12 &&
      format.addressShift === 0 &&
      [0, 1, 2].every((level) => format.indexMask[level] === 511) &&
      memory.arenaFirstFrame % size === 0;
    if (!isLean || tree.observer !== null) return;
    this.#isUsable = true;
    const present = format.present & lo32(options.tableBits);
    this.#link1 = (format.tableValue[1] as number) | present;
    this.#link2 = (format.tableValue[2] as number) | present;
    this.#link3 = (format.tableValue[3] as number) | present;
    this.#linkMask = (format.tableMask[1] as number) | present;
    this.#present = format.present;
    this.#pageMask = (format.leafMask[0] as number) | (format.codedMask[0] as number);
    this.#page = format.leafValue[0] as number;
    this.#runHi = format.contiguous.hi[0] as number;
    this.#farHi = ~format.mainHi;
    this.follow();
  }

  /** The tree may have a new root. */
  protected follow(): void {
    const tree = this.#tree;
    this.#levels = this.#isUsable && tree.excessLo === 0 ? tree.levels : 0;
    this.#rootWord = tree.rootWord;
    this.#rootMask = tree.rootIndexMask << 1;
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
    const words = this.#words;
    if (at < 0 || (paHi & this.#farHi) !== 0 || ((words[at] as number) & this.#present) !== 0) return false;
    words[at] = paLo | this.#leafLo;
    words[at | 1] = paHi | this.#leafHi;
    return true;
  }

  /** Unmaps a page that is one entry. */
  protected unmapOne(iovaHi: number, iovaLo: number): boolean {
    const at = this.#find(iovaHi, iovaLo);
    if (at < 0) return false;
    const words = this.#words;
    const lo = words[at] as number;
    if ((lo & this.#present) === 0) return false;
    if ((((lo & this.#pageMask) ^ this.#page) | ((words[at | 1] as number) & this.#runHi)) !== 0) return false;
    words[at] = 0;
    words[at | 1] = 0;
    return true;
  }

  /** The entry of a page at the lowest level, or -1. */
  #find(iovaHi: number, iovaLo: number): number {
    if ((iovaHi & this.#excessHi) !== 0 || this.#memory.observer !== null) return -1;
    const words = this.#words;
    const linkMask = this.#linkMask;
    const tableMask = this.#tableMask;
    const levels = this.#levels;
    let at = (iovaHi << 3) | (iovaLo >>> 29);
    if (levels === 4) {
      const lo = words[this.#rootWord + ((iovaHi >>> 6) & this.#rootMask)] as number;
      if ((lo & linkMask) !== this.#link3) return -1;
      at = ((lo >>> 2) & tableMask) | (at & 0x3fe);
    } else if (levels === 3) {
      at = this.#rootWord + (at & this.#rootMask);
    } else return -1;
    let lo = words[at] as number;
    if ((lo & linkMask) !== this.#link2) return -1;
    at = ((lo >>> 2) & tableMask) | ((iovaLo >>> 20) & 0x3fe);
    lo = words[at] as number;
    if ((lo & linkMask) !== this.#link1) return -1;
    return ((lo >>> 2) & tableMask) | ((iovaLo >>> 11) & 0x3fe);
  }
}
