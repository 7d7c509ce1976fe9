import { hi32, lo32 } from '../bits/index.js';
import { Access } from '../hardware/translation-unit.js';
import type { PhysicalMemory } from '../memory/index.js';
import type { FormatPermissions, PageTableFormat } from './format.js';
import { FormatWords, NO_WORDS } from './format-words.js';

/** What hardware does with accessed and dirty bits in a walk. */
export interface RadixWalkerOptions {
  readonly memory: PhysicalMemory;
  readonly format: PageTableFormat;
  /**
   * `ignore`: the flag means nothing; `fault`: a clear flag stops the walk (Arm without HA); `set`: the walk sets it.
   * Default `ignore`. Formats without an accessed flag only have `ignore`.
   */
  readonly accessed?: 'ignore' | 'fault' | 'set';
  /** A write makes a clean leaf dirty. Default false. */
  readonly setDirty?: boolean;
  /** A walk writes nothing: flags that it would set count as set. For explanations. Default false. */
  readonly readOnly?: boolean;
  /**
   * False: the walk does not snoop the CPU's caches and reads through the memory's line cache, if it has one. Only watched walks do
   * so (see `isWatched`); others would go past it. Default true.
   */
  readonly coherent?: boolean;
}

/** Access bits that choose rights. */
export const RIGHTS: number = Access.READ | Access.WRITE | Access.EXECUTE | Access.PRIVILEGED;

/** Words per level in {@link WalkWords.leaf} and {@link WalkWords.link}. */
export const LEAF_WORDS = 8;
export const LINK_WORDS = 4;

/**
 * What the fast way of a walk compares and masks with, as int32 words: a format, an arena and an A/D behaviour compiled together.
 * Fields
 * that a constructor sets later start as 0, so that V8 keeps them as small integers.
 */
export class WalkWords {
  readonly format: FormatWords;
  readonly words: Int32Array = NO_WORDS;
  readonly wordCount: number = 0;
  readonly firstFrame: number = 0;
  readonly arenaFrames: number = 0;
  readonly tableLimit: number = 0;
  /** An entry's address field shifted right by this is a frame number. */
  readonly frameShift: number = 0;
  readonly addressShift: number = 0;
  /** By level: combined test of a link (low mask, low value, high bits that are zero). */
  readonly link: Int32Array = new Int32Array(6 * LINK_WORDS);
  /** By level: combined test of a leaf (low mask, low value, high bits that are zero), address masks, offset masks. */
  readonly leaf: Int32Array = new Int32Array(6 * LEAF_WORDS);
  /** Forbidding bits flip to allowing ones; bits that do not count are set. */
  readonly tableFlipHi: number = 0;
  readonly tableFlipLo: number = 0;
  readonly tableOtherHi: number = 0;
  readonly tableOtherLo: number = 0;
  readonly leafFlipHi: number = 0;
  readonly leafFlipLo: number = 0;
  readonly leafOtherHi: number = 0;
  readonly leafOtherLo: number = 0;
  /** By access (4 bits): allow bits that the fast ways need, accessed and dirty flags among them, and those that are rights. */
  readonly fastHi: Int32Array = new Int32Array(16);
  readonly fastLo: Int32Array = new Int32Array(16);
  readonly rightsHi: Int32Array = new Int32Array(16);
  readonly rightsLo: Int32Array = new Int32Array(16);

  /** Throws RangeError for a format that the engine cannot read. */
  constructor(options: RadixWalkerOptions) {
    const { memory, format, accessed = 'ignore', setDirty = false } = options;
    if (accessed !== 'ignore' && format.accessed === null) throw new RangeError(`${format.name} has no accessed flag`);
    if (setDirty && format.dirty === null) throw new RangeError(`${format.name} has no dirty state`);
    const words = new FormatWords(format);
    this.format = words;
    this.words = memory.words;
    this.wordCount = memory.words.length;
    this.firstFrame = memory.arenaFirstFrame | 0;
    this.arenaFrames = memory.arenaFrames | 0;
    this.tableLimit = (memory.arenaFrames - 2 ** (format.tableShift - 12) + 1) | 0;
    this.frameShift = 12 - words.addressShift;
    this.addressShift = words.addressShift;

    const presentBit = (words.present & (words.present - 1)) === 0 ? words.present : 0;
    // A fast walk needs addresses below 2^44, where a frame number is an int32; tables further up cannot be in the arena.
    const farTable = (words.mainHi & ~(0xfff >> words.addressShift)) | words.foldHi;
    // Bits of the frame number that are no address bits (a table of 16K or 64K is aligned): ignored, hence rare.
    const betweenTables = (-1 << this.frameShift) & ~(words.mainLo | words.foldLo);
    // No entry of the lowest level passes as a link: mask 0, value 1.
    this.link[1] = 1;
    for (let level = 1; level < words.levels; level++) {
      const reserved = words.tableReserved;
      const at = level * LINK_WORDS;
      this.link[at] =
        (words.tableMask[level] as number) | presentBit | (reserved.lo[level] as number) | words.foldLo | betweenTables;
      this.link[at + 1] = (words.tableValue[level] as number) | presentBit;
      this.link[at + 2] = (reserved.hi[level] as number) | farTable;
    }
    for (let level = 0; level < words.levels; level++) this.#setLeaf(level, presentBit);
    const { permissions } = format;
    const flag = accessed === 'ignore' ? 0n : (format.accessed?.bit ?? 0n);
    const dirty = setDirty && format.dirty !== null ? format.dirty.dirty & ~format.dirty.clean : 0n;
    const tableBits = permissions.tableBits | (format.accessed?.inTables === true ? flag : 0n);
    const leafBits = permissions.leafBits | flag | dirty;
    this.tableFlipHi = hi32(permissions.forbidding & tableBits);
    this.tableFlipLo = lo32(permissions.forbidding & tableBits);
    this.tableOtherHi = ~hi32(tableBits);
    this.tableOtherLo = ~lo32(tableBits);
    this.leafFlipHi = hi32(permissions.forbidding & leafBits);
    this.leafFlipLo = lo32(permissions.forbidding & leafBits);
    this.leafOtherHi = ~hi32(leafBits);
    this.leafOtherLo = ~lo32(leafBits);
    for (let access = 0; access < 16; access++) {
      const rights = rightsFor(permissions, access);
      let fast = rights | flag | ((access & Access.WRITE) === 0 ? 0n : dirty);
      // Without a right to look for, a fast walk could take a bad entry for a page: go the careful way unless all bits are set.
      const asksNothing = (access & ~Access.PRIVILEGED) === 0;
      if (asksNothing || (presentBit === 0 && (rights & format.present) === 0n)) fast = leafBits | tableBits;
      this.rightsHi[access] = hi32(rights);
      this.rightsLo[access] = lo32(rights);
      this.fastHi[access] = hi32(fast);
      this.fastLo[access] = lo32(fast);
    }
  }

  #setLeaf(level: number, presentBit: number): void {
    const words = this.format;
    const at = level * LEAF_WORDS;
    const shift = words.shift[level] as number;
    const offsetLo = shift >= 32 ? -1 : 2 ** shift - 1;
    const offsetHi = shift <= 32 ? 0 : 2 ** (shift - 32) - 1;
    const { contiguous, leafReserved } = words;
    if (words.hasLeaf[level] === 1) {
      this.leaf[at] =
        (words.leafMask[level] as number) |
        presentBit |
        (leafReserved.lo[level] as number) |
        words.foldLo |
        (contiguous.lo[level] as number);
      this.leaf[at + 1] = (words.leafValue[level] as number) | presentBit;
      this.leaf[at + 2] = (leafReserved.hi[level] as number) | words.foldHi | (contiguous.hi[level] as number);
    } else {
      // No entry passes this.
      this.leaf[at + 1] = 1;
    }
    words.addressOf(words.mainHi, words.mainLo);
    this.leaf[at + 3] = words.outHi & ~offsetHi;
    this.leaf[at + 4] = words.outLo & ~offsetLo;
    this.leaf[at + 5] = offsetHi;
    this.leaf[at + 6] = offsetLo;
  }
}

/** Allow bits that an access needs. */
function rightsFor(permissions: FormatPermissions, access: number): bigint {
  const { read, write, execute, privilegedExecute = execute, unprivileged } = permissions;
  const isPrivileged = (access & Access.PRIVILEGED) !== 0;
  let needed = isPrivileged ? 0n : unprivileged;
  if ((access & Access.READ) !== 0) needed |= read;
  if ((access & Access.WRITE) !== 0) needed |= write;
  if ((access & Access.EXECUTE) !== 0) needed |= isPrivileged ? privilegedExecute : execute;
  return needed;
}
