import { hi32, lo32 } from '../bits/index.js';
import { Errno } from '../errno/index.js';
import type { IotlbGather } from '../domain/iotlb-gather.js';
import { frameHi, frameLo, type FrameAllocator, type PhysicalMemory } from '../memory/index.js';
import { FormatWords, indexAt, NO_WORDS } from './format-words.js';
import type { RadixTableOptions, TableWriteObserver } from './radix-options.js';

/** Entries are addressed by the index of their low word in the arena. */
export type EntryIndex = number;

/**
 * The tables of one RadixTable: where they are, how one is linked and unlinked, and who is told. What is mapped in them is the matter
 * of the mapper and the unmapper.
 */
export class TableTree {
  readonly format: FormatWords;
  readonly memory: PhysicalMemory;
  readonly words: Int32Array = NO_WORDS;
  readonly firstFrame: number = 0;
  /** The driver wants to know of every write. */
  readonly tellsWrites: boolean;
  /** log2 frames of a table. */
  readonly tableOrder: number = 0;
  /** An entry's address field shifted right by this is a frame number. */
  readonly frameShift: number = 0;

  /** Levels in use; 0 when there was no frame for the root. */
  levels = 0;
  /** Word index of the root table, and how an IOVA indexes it. */
  rootWord = 0;
  rootShift = 0;
  rootIndexMask = 0;
  /** IOVA bits that must be zero. */
  excessHi = 0;
  excessLo = 0;
  inputBits = 0;
  /** Granules that the tree translates. */
  pageLimit = 0;
  /** The last {@link reach} made the table that it ended in: nothing is mapped there. */
  isFresh = false;
  /** The entry that waits for {@link linkFilled}, its level, and the frame of the table; -1 when none does. */
  #waiting: EntryIndex = -1;
  #waitingLevel = 0;
  #waitingFrame = 0;
  /** Level at which the last {@link find} ended. */
  foundLevel = 0;
  /** Called when the tree has another root, or none any more. */
  onRootChange: () => void = () => undefined;
  /** A present entry was overwritten since this was last cleared. */
  replaced = false;

  readonly #told: TableWriteObserver | null;
  readonly #frames: FrameAllocator;
  readonly #tableBitsHi: number = 0;
  readonly #tableBitsLo: number = 0;
  readonly #overwrites: boolean;
  #rootFrame = 0;
  #rootOrder = 0;

  constructor(options: RadixTableOptions) {
    const { memory, frames, format, inputBits, tableBits, observer = null } = options;
    this.format = new FormatWords(format);
    this.memory = memory;
    this.words = memory.words;
    this.firstFrame = memory.arenaFirstFrame;
    this.#told = observer;
    this.tellsWrites = observer?.written !== undefined;
    this.tableOrder = format.tableShift - 12;
    this.frameShift = 12 - this.format.addressShift;
    this.#frames = frames;
    this.#tableBitsHi = hi32(tableBits);
    this.#tableBitsLo = lo32(tableBits);
    this.#overwrites = options.overwrite === 'replace';
    this.#makeRoot(options.levels ?? levelsFor(this.format, inputBits), inputBits);
  }

  #makeRoot(levels: number, inputBits: number): void {
    const { shift, indexMask } = this.format;
    const top = levels - 1;
    const rootBits = inputBits - (shift[top] as number);
    if (
      levels < 1 ||
      levels > this.format.levels ||
      rootBits < 1 ||
      2 ** rootBits > 16 * ((indexMask[top] as number) + 1)
    ) {
      throw new RangeError(`${levels} levels of ${this.format.format.name} do not translate ${inputBits} bits`);
    }
    const order = Math.max(0, rootBits + 3 - 12);
    const frame = this.#toArena(this.#frames.allocate(order), order);
    if (frame < 0) return;
    this.#rootOrder = order;
    this.#setRoot(frame, levels, inputBits);
  }

  #setRoot(frame: number, levels: number, inputBits: number): void {
    const top = levels - 1;
    this.#rootFrame = frame;
    this.levels = levels;
    this.inputBits = inputBits;
    this.pageLimit = 2 ** (inputBits - this.format.format.granuleShift);
    this.rootWord = this.wordOf(frame);
    this.rootShift = this.format.shift[top] as number;
    this.rootIndexMask = (2 ** (inputBits - this.rootShift) - 1) | 0;
    this.excessHi = inputBits >= 64 ? 0 : inputBits <= 32 ? -1 : -(2 ** (inputBits - 32)) | 0;
    this.excessLo = inputBits >= 32 ? 0 : -(2 ** inputBits) | 0;
    this.onRootChange();
  }

  get rootHi(): number {
    return frameHi(this.#rootFrame);
  }

  get rootLo(): number {
    return frameLo(this.#rootFrame);
  }

  wordOf(frame: number): number {
    return ((frame - this.firstFrame) * 1024) | 0;
  }

  /** A zeroed table, or -1. */
  allocateTable(): number {
    const frame = this.#toArena(this.#frames.allocate(this.tableOrder), this.tableOrder);
    if (frame >= 0) this.#tellWritten(this.wordOf(frame), 2 ** (this.tableOrder + 9));
    return frame;
  }

  /** The block itself, or -1. */
  #toArena(frame: number, order: number): number {
    if (frame < 0) return -1;
    if (frame >= this.firstFrame && frame + 2 ** order <= this.firstFrame + this.memory.arenaFrames) return frame;
    // The arena is full: tables are words of it, so this is as good as no memory.
    this.#frames.free(frame, order);
    return -1;
  }

  /** Told before entries change: `count` from `at` on. */
  willWrite(at: EntryIndex, count: number): void {
    const { observer } = this.memory;
    if (observer !== null) observer.beforeWrite(this.#hiOf(at), this.#loOf(at), count * 8);
  }

  /** Told after entries changed. */
  didWrite(at: EntryIndex, count: number): void {
    this.#tellWritten(at, count);
  }

  #tellWritten(at: EntryIndex, count: number): void {
    if (this.tellsWrites) this.#told?.written?.(this.#hiOf(at), this.#loOf(at), count * 8);
  }

  #hiOf(at: EntryIndex): number {
    return frameHi(this.firstFrame + Math.floor(at / 1024));
  }

  #loOf(at: EntryIndex): number {
    return frameLo(this.firstFrame + Math.floor(at / 1024)) | ((at & 1023) << 2);
  }

  /** Writes one entry, as one store. */
  store(at: EntryIndex, hi: number, lo: number): void {
    this.willWrite(at, 1);
    this.words[at] = lo;
    this.words[at + 1] = hi;
    this.didWrite(at, 1);
  }

  isLink(level: number, lo: number): boolean {
    const { format } = this;
    return level > 0 && (lo & (format.tableMask[level] as number)) === format.tableValue[level];
  }

  /** Word index of the table that a link leads to. */
  below(at: EntryIndex): number {
    const lo = this.words[at] as number;
    const hi = this.words[at + 1] as number;
    return (((lo >>> this.frameShift) | (hi << (32 - this.frameShift))) - this.firstFrame) * 1024;
  }

  rootEntry(iovaHi: number, iovaLo: number): EntryIndex {
    return this.rootWord + (indexAt(this.rootShift, iovaHi, iovaLo) & this.rootIndexMask) * 2;
  }

  /** Entries from this one to the end of its table. */
  entriesLeft(level: number, iovaHi: number, iovaLo: number): number {
    if (level !== this.levels - 1)
      return (this.format.indexMask[level] as number) + 1 - this.format.indexOf(level, iovaHi, iovaLo);
    return this.rootIndexMask + 1 - (indexAt(this.rootShift, iovaHi, iovaLo) & this.rootIndexMask);
  }

  /** The entry for an IOVA at `level`, or the higher one that leads no further ({@link foundLevel}). */
  find(iovaHi: number, iovaLo: number, level: number): EntryIndex {
    const { words, format } = this;
    let at = this.rootEntry(iovaHi, iovaLo);
    let here = this.levels - 1;
    for (; here > level; here--) {
      const lo = words[at] as number;
      if ((lo & format.present) === 0 || !this.isLink(here, lo)) break;
      at = this.below(at) + format.indexOf(here - 1, iovaHi, iovaLo) * 2;
    }
    this.foundLevel = here;
    return at;
  }

  /**
   * The entry for an IOVA at `level`; makes the tables above it.
   * @param fillsTable the caller writes all entries of the table and then calls {@link linkFilled}. If that table has to be made, it is
   * neither zeroed nor linked before
   * @returns -errno: ENOMEM, EEXIST (a leaf is in the way and the driver does not overwrite)
   */
  reach(iovaHi: number, iovaLo: number, level: number, fillsTable: boolean): EntryIndex {
    const { words, format } = this;
    this.isFresh = false;
    let at = this.rootEntry(iovaHi, iovaLo);
    for (let here = this.levels - 1; here > level; here--) {
      const lo = words[at] as number;
      const isPresent = (lo & format.present) !== 0;
      if (!isPresent || !this.isLink(here, lo)) {
        if (isPresent && !this.#overwrites) return -Errno.EEXIST;
        if (fillsTable && !isPresent && here === level + 1) return this.#makeUnlinked(at, here);
        const frame = this.allocateTable();
        if (frame < 0) return -Errno.ENOMEM;
        if (isPresent) this.#clearGroup(at, here);
        this.link(at, here, frame);
        this.isFresh = true;
      }
      at = this.below(at) + format.indexOf(here - 1, iovaHi, iovaLo) * 2;
    }
    return at;
  }

  #makeUnlinked(link: EntryIndex, level: number): EntryIndex {
    const frame = this.#toArena(this.#frames.allocateUnzeroed(this.tableOrder), this.tableOrder);
    if (frame < 0) return -Errno.ENOMEM;
    this.#waiting = link;
    this.#waitingLevel = level;
    this.#waitingFrame = frame;
    this.isFresh = true;
    return this.wordOf(frame);
  }

  /** Links the table that {@link reach} made to be filled, if it made one. */
  linkFilled(): void {
    if (this.#waiting < 0) return;
    this.link(this.#waiting, this.#waitingLevel, this.#waitingFrame);
    this.#waiting = -1;
  }

  /** A larger leaf makes way for a table: equal copies of it would no longer be equal, so all of them go. */
  #clearGroup(at: EntryIndex, level: number): void {
    this.replaced = true;
    const log2 = this.groupLog2(at, level);
    if (log2 > 0) this.clear(this.groupStart(at, log2), 2 ** log2);
  }

  /** Whether a leaf has its size in the address. */
  isCoded(level: number, lo: number): boolean {
    const mask = this.format.codedMask[level] as number;
    return mask !== 0 && (lo & mask) === this.format.codedValue[level];
  }

  /** log2 of the number of entries of the leaf at `at`: more than 0 for a size coded in the address and for a contiguous run. */
  groupLog2(at: EntryIndex, level: number): number {
    const { format } = this;
    const lo = this.words[at] as number;
    const hi = this.words[at + 1] as number;
    if (this.isCoded(level, lo)) {
      return format.codedShiftOf(hi, lo) - (format.shift[level] as number);
    }
    const run = format.contiguous;
    return ((hi & (run.hi[level] as number)) | (lo & (run.lo[level] as number))) === 0
      ? 0
      : (format.contiguousLog2[level] as number);
  }

  /** First entry of the group of 2^log2 aligned entries that holds `at`. */
  groupStart(at: EntryIndex, log2: number): EntryIndex {
    return at - (at % 2 ** (log2 + 1));
  }

  /** Zeroes entries. */
  clear(at: EntryIndex, count: number): void {
    this.willWrite(at, count);
    this.words.fill(0, at, at + count * 2);
    this.didWrite(at, count);
  }

  /** Links a table, which must be filled by now. */
  link(at: EntryIndex, level: number, frame: number): void {
    const { format } = this;
    format.encodeAddress(frameHi(frame), frameLo(frame));
    const kind = (format.tableValue[level] as number) | this.#tableBitsLo;
    this.store(at, format.outHi | this.#tableBitsHi, format.outLo | kind);
  }

  /** Takes a link out of the tree; its tables keep their contents and go to the gather. */
  unlink(at: EntryIndex, level: number, iovaHi: number, iovaLo: number, gather: IotlbGather): void {
    const below = this.below(at);
    this.clear(at, 1);
    this.#collect(below, level - 1, gather.freelist);
    this.#told?.unlinked?.(iovaHi, iovaLo, this.format.shift[level] as number);
  }

  #collect(table: number, level: number, freelist: number[]): void {
    if (level > 0) this.#collectBelow(table, (this.format.indexMask[level] as number) + 1, level, freelist);
    freelist.push(this.firstFrame + table / 1024);
  }

  #collectBelow(table: number, entries: number, level: number, freelist: number[]): void {
    for (let at = table; at < table + entries * 2; at += 2) {
      const lo = this.words[at] as number;
      if ((lo & this.format.present) !== 0 && this.isLink(level, lo))
        this.#collect(this.below(at), level - 1, freelist);
    }
  }

  /** One level more: the old root becomes the first table below a new one. False: no frame, or no level left. */
  grow(): boolean {
    if (this.levels === this.format.levels) return false;
    const frame = this.allocateTable();
    if (frame < 0) return false;
    this.link(this.wordOf(frame), this.levels, this.#rootFrame);
    const level = this.levels;
    this.#rootOrder = this.tableOrder;
    this.#setRoot(
      frame,
      level + 1,
      Math.min(64, (this.format.shift[level] as number) + bitsOf(this.format.indexMask[level] as number)),
    );
    this.#told?.rootChanged?.();
    return true;
  }

  release(freelist: number[]): void {
    for (const frame of freelist) this.#frames.free(frame, this.tableOrder);
    freelist.length = 0;
  }

  /** Frees everything; the tree is unusable afterwards. */
  free(): void {
    if (this.levels === 0) return;
    const freelist: number[] = [];
    if (this.levels > 1) this.#collectBelow(this.rootWord, this.rootIndexMask + 1, this.levels - 1, freelist);
    this.release(freelist);
    this.#frames.free(this.#rootFrame, this.#rootOrder);
    this.levels = 0;
    this.onRootChange();
  }
}

const bitsOf = (mask: number): number => 32 - Math.clz32(mask);

function levelsFor(format: FormatWords, inputBits: number): number {
  let levels = 1;
  while (
    levels < format.levels &&
    (format.shift[levels - 1] as number) + bitsOf(format.indexMask[levels - 1] as number) < inputBits
  ) {
    levels++;
  }
  return levels;
}
