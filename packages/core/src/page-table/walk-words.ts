import { hi32, lo32 } from '../bits/index.js';
import { Access } from '../hardware/translation-unit.js';
import type { PhysicalMemory } from '../memory/index.js';
import type { FormatPermissions, PageTableFormat } from './format.js';
import { FormatWords } from './format-words.js';

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
}

/** Access bits that choose rights. */
export const RIGHTS: number = Access.READ | Access.WRITE | Access.EXECUTE | Access.PRIVILEGED;

/** Words per level in {@link WalkWords.leaf}. */
export const LEAF_WORDS = 8;

/**
 * What the fast way of a walk compares and masks with, as int32 words: a format, an arena and an A/D behaviour compiled together.
 * Levels 0 to 3 have fields, because a field costs less than an array element.
 */
export class WalkWords {
  readonly format: FormatWords;
  readonly words: Int32Array;
  readonly wordCount: number;
  readonly firstFrame: number;
  readonly arenaFrames: number;
  readonly tableLimit: number;
  /** An entry's address field shifted right by this is a frame number. */
  readonly frameShift: number;
  readonly addressShift: number;
  /** IOVA bits from here on index levels 0 and 1, and from `upperShift` on levels 2 to 4. */
  readonly lowerShift: number;
  readonly upperShift: number;
  readonly shift1: number;
  readonly shift2: number;
  readonly shift3: number;
  readonly mask0: number;
  readonly mask1: number;
  readonly mask2: number;
  /** Combined test of a link, by level: kind, presence where it is one bit, reserved and far address bits. */
  readonly link1Mask: number;
  readonly link1Value: number;
  readonly link1Zero: number;
  readonly link2Mask: number;
  readonly link2Value: number;
  readonly link2Zero: number;
  readonly link3Mask: number;
  readonly link3Value: number;
  readonly link3Zero: number;
  readonly linkMask: Int32Array = new Int32Array(6);
  readonly linkValue: Int32Array = new Int32Array(6);
  readonly linkZero: Int32Array = new Int32Array(6);
  /** By level: combined test of a leaf (low mask, low value, high bits that are zero), address masks, offset masks. */
  readonly leaf: Int32Array = new Int32Array(6 * LEAF_WORDS);
  /** Forbidding bits flip to allowing ones; bits that do not count are set. */
  readonly tableFlipHi: number;
  readonly tableFlipLo: number;
  readonly tableOtherHi: number;
  readonly tableOtherLo: number;
  readonly leafFlipHi: number;
  readonly leafFlipLo: number;
  readonly leafOtherHi: number;
  readonly leafOtherLo: number;
  /** By access (4 bits): allow bits that the fast way needs, accessed and dirty flags among them, and those that are rights. */
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
    this.arenaFrames = memory.arenaFrames;
    this.tableLimit = memory.arenaFrames - 2 ** (format.tableShift - 12) + 1;
    this.frameShift = 12 - words.addressShift;
    this.addressShift = words.addressShift;
    this.lowerShift = format.granuleShift;
    this.upperShift = Math.min(31, words.levels > 2 ? (words.shift[2] as number) : 31);
    this.shift1 = (words.shift[1] as number) - this.lowerShift;
    this.shift2 = (words.shift[2] as number) - this.upperShift;
    this.shift3 = (words.shift[3] as number) - this.upperShift;
    this.mask0 = words.indexMask[0] as number;
    this.mask1 = words.indexMask[1] as number;
    this.mask2 = words.indexMask[2] as number;

    const presentBit = (words.present & (words.present - 1)) === 0 ? words.present : 0;
    // A fast walk needs addresses below 2^44, where a frame number is an int32; tables further up cannot be in the arena.
    const farTable = (words.mainHi & ~(0xfff >> words.addressShift)) | words.foldHi;
    // Bits of the frame number that are no address bits (a table of 16K or 64K is aligned): ignored, hence rare.
    const betweenTables = (-1 << this.frameShift) & ~(words.mainLo | words.foldLo);
    for (let level = 0; level < words.levels; level++) {
      const reserved = words.tableReserved;
      this.linkMask[level] =
        (words.tableMask[level] as number) | presentBit | (reserved.lo[level] as number) | words.foldLo | betweenTables;
      this.linkValue[level] = (words.tableValue[level] as number) | presentBit;
      this.linkZero[level] = (reserved.hi[level] as number) | farTable;
      this.#setLeaf(level, presentBit);
    }
    this.link1Mask = this.linkMask[1] as number;
    this.link1Value = this.linkValue[1] as number;
    this.link1Zero = this.linkZero[1] as number;
    this.link2Mask = this.linkMask[2] as number;
    this.link2Value = this.linkValue[2] as number;
    this.link2Zero = this.linkZero[2] as number;
    this.link3Mask = this.linkMask[3] as number;
    this.link3Value = this.linkValue[3] as number;
    this.link3Zero = this.linkZero[3] as number;

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
