import { Access } from '../hardware/translation-unit.js';
import { frameOf, type PhysicalMemory } from '../memory/index.js';
import type { PageTableFormat } from './format.js';
import { codedShift, indexAt, type FormatWords } from './format-words.js';
import { ANY_ACCESS } from './lean-walker.js';
import { ShapeWalker } from './shape-walker.js';
import type { TableRoot } from './table-root.js';
import { WalkStop } from './walk-stop.js';
import { RIGHTS, WalkWords, type RadixWalkerOptions } from './walk-words.js';

/** Told of each entry that a watched walk read; the walker's fields say which. */
export interface WalkVisitor {
  /** An entry was read; it lies in the walker’s fields. */
  entryRead(walker: CarefulWalker): void;
}

/**
 * A walk that goes entry by entry, wherever the tables lie, and leaves what it finds in fields. It sets accessed and dirty bits, follows
 * links that skip levels, knows pages with their size in the address, and asks the other stage of a nested walk.
 */
export abstract class CarefulWalker extends ShapeWalker {
  readonly format: PageTableFormat;

  /** After false: a {@link WalkStop}. */
  stop = 0;
  /** Where the last entry lies (after the translator, if any), bytes. Not set by a walk that went the fast way. */
  entryAddressHi = 0;
  entryAddressLo = 0;

  /** Told of every entry while {@link isWatched}. */
  visitor: WalkVisitor | null = null;
  /** By level: frame number (address / 4096) of the table that this walk read at that level below the root, or -1. */
  readonly pathTable: Float64Array = new Float64Array(6).fill(-1);
  /** By level: allow bits left above that table. */
  readonly pathAllowedHi: Int32Array = new Int32Array(6);
  readonly pathAllowedLo: Int32Array = new Int32Array(6);

  protected readonly words: WalkWords;
  protected readonly memory: PhysicalMemory;
  /** Address of the last entry before the translator. */
  #stageHi = 0;
  #stageLo = 0;
  readonly #accessed: 'ignore' | 'fault' | 'set';
  readonly #setDirty: boolean;
  readonly #isReadOnly: boolean;

  /** 1 while every step of a walk is reported. */
  protected watching = 0;
  /** 1: the CPU's caches hide writes from this walker, which matters once `CacheLines` models them. Both are numbers, because V8
   * tests a boolean field like any value. */
  protected readonly incoherent: number = 0;

  constructor(options: RadixWalkerOptions) {
    const words = new WalkWords(options);
    super(words, options.memory);
    this.format = options.format;
    this.words = words;
    this.memory = options.memory;
    this.#accessed = options.accessed ?? 'ignore';
    this.#setDirty = options.setDirty ?? false;
    this.#isReadOnly = options.readOnly ?? false;
    this.incoherent = (options.coherent ?? true) ? 0 : 1;
    this.isWatched = false;
  }

  /**
   * Set to true to have every step of a walk reported: {@link pathTable}, {@link pathAllowedHi} and {@link pathAllowedLo} are filled,
   * for units with paging-structure caches, and {@link visitor} is told. Such walks go the careful way.
   */
  get isWatched(): boolean {
    return this.watching !== 0;
  }

  set isWatched(watched: boolean) {
    this.watching = watched ? 1 : 0;
    this.otherAccess = watched || this.incoherent !== 0 ? ANY_ACCESS : this.leanOtherAccess;
  }

  /** Whether walks have to go the careful way: each step is reported, or memory is not what the walker sees. */
  protected isBound(): boolean {
    return this.watching !== 0 || (this.incoherent !== 0 && this.memory.lineCache !== null);
  }

  /** Whether every right that `access` needs was left where the last walk ended, accessed and dirty flags aside. */
  allows(access: number): boolean {
    const hi = this.words.rightsHi[access & RIGHTS] as number;
    const lo = this.words.rightsLo[access & RIGHTS] as number;
    return (this.allowedHi & hi) === hi && (this.allowedLo & lo) === lo;
  }

  /** The careful way: entry by entry from the table at `(tableHi, tableLo)`, wherever it lies. */
  protected carefully(
    root: TableRoot,
    level: number,
    tableHi: number,
    tableLo: number,
    allowedHi: number,
    allowedLo: number,
    iovaHi: number,
    iovaLo: number,
    access: number,
  ): boolean {
    const { format } = this.words;
    let index =
      level === root.topLevel
        ? indexAt(root.topShift, iovaHi, iovaLo) & root.indexMask
        : format.indexOf(level, iovaHi, iovaLo);
    this.leanReads = 0;
    this.readCount = 0;
    this.leftHi = allowedHi;
    this.leftLo = allowedLo;
    if (this.isWatched) this.pathTable.fill(-1);
    for (;;) {
      this.lastLevel = level;
      const lo = (tableLo + index * 8) | 0;
      this.entryAddressHi = (tableHi + (lo >>> 0 < tableLo >>> 0 ? 1 : 0)) | 0;
      this.entryAddressLo = lo;
      if (!this.#readEntry(root)) return false;
      if ((this.entryLo & format.present) === 0) return this.stopAt(WalkStop.NOT_PRESENT);
      const below = this.#levelBelow(level);
      if (below < 0) return this.#finish(root, level, iovaHi, iovaLo, access);

      this.#restrict(this.words.tableFlipHi, this.words.tableFlipLo, this.words.tableOtherHi, this.words.tableOtherLo);
      if (
        ((this.entryHi & (format.tableReserved.hi[level] as number)) |
          (this.entryLo & (format.tableReserved.lo[level] as number))) !==
        0
      ) {
        return this.stopAt(WalkStop.RESERVED);
      }
      if (this.#isTooWide(root)) return this.stopAt(WalkStop.OUTPUT);
      if (below < level - 1 && !isZeroBetween(format, below, level, iovaHi, iovaLo))
        return this.stopAt(WalkStop.SKIPPED);
      if (format.format.permissions.checked === 'each-level' && !this.allows(access))
        return this.stopAt(WalkStop.PERMISSION);
      if (!this.#passAccessed(root)) return false;
      format.addressOf(this.entryHi, this.entryLo);
      tableHi = format.outHi;
      tableLo = format.outLo;
      level = below;
      index = format.indexOf(level, iovaHi, iovaLo);
      if (this.isWatched) {
        this.pathTable[level] = frameOf(tableHi, tableLo);
        this.pathAllowedHi[level] = this.leftHi;
        this.pathAllowedLo[level] = this.leftLo;
      }
    }
  }

  protected stopAt(stop: number): false {
    this.stop = stop;
    return false;
  }

  #readEntry(root: TableRoot): boolean {
    const { translator } = root;
    if (translator !== null) {
      this.#stageHi = this.entryAddressHi;
      this.#stageLo = this.entryAddressLo;
      if (!translator.translateTableAddress(this.#stageHi, this.#stageLo, false)) return this.stopAt(WalkStop.STAGE);
      this.entryAddressHi = translator.tableAddressHi;
      this.entryAddressLo = translator.tableAddressLo;
    }
    this.readCount++;
    const lines = this.incoherent === 0 ? null : this.memory.lineCache;
    const present =
      lines === null
        ? this.memory.load64(this.entryAddressHi, this.entryAddressLo)
        : lines.deviceLoad64(this.entryAddressHi, this.entryAddressLo);
    if (!present) return this.stopAt(WalkStop.ABORT);
    const { loadedHi, loadedLo } = lines ?? this.memory;
    this.entryHi = loadedHi;
    this.entryLo = loadedLo;
    if (this.isWatched && this.visitor !== null) this.visitor.entryRead(this);
    return true;
  }

  /** Engine level that the present entry links to, or -1: it is no link. */
  #levelBelow(level: number): number {
    const { format } = this.words;
    if (level === 0) return -1;
    if ((this.entryLo & (format.tableMask[level] as number)) === (format.tableValue[level] as number)) return level - 1;
    for (let below = level - 2; below >= 0; below--) {
      if ((this.entryLo & format.nextLevelMask) === (format.nextLevelValue[below] as number)) return below;
    }
    return -1;
  }

  #restrict(flipHi: number, flipLo: number, otherHi: number, otherLo: number): void {
    this.leftHi &= (this.entryHi ^ flipHi) | otherHi;
    this.leftLo &= (this.entryLo ^ flipLo) | otherLo;
  }

  #isTooWide(root: TableRoot): boolean {
    return ((this.entryHi & root.outputExcessHi) | (this.entryLo & root.outputExcessLo)) !== 0;
  }

  /** Accessed flag of a link. */
  #passAccessed(root: TableRoot): boolean {
    const { format } = this.words;
    if (this.#accessed === 'ignore' || format.format.accessed?.inTables !== true) return true;
    const hi = this.entryHi | format.accessedHi;
    const lo = this.entryLo | format.accessedLo;
    if (hi === this.entryHi && lo === this.entryLo) return true;
    if (this.#accessed === 'fault') return this.stopAt(WalkStop.ACCESSED);
    if (!this.#update(root, hi, lo)) return false;
    this.leftHi |= format.accessedHi;
    this.leftLo |= format.accessedLo;
    return true;
  }

  /** A present entry that is no link: a page, if its encoding is one. */
  #finish(root: TableRoot, level: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const { format } = this.words;
    const aboveHi = this.leftHi;
    const aboveLo = this.leftLo;
    this.#restrict(this.words.leafFlipHi, this.words.leafFlipLo, this.words.leafOtherHi, this.words.leafOtherLo);
    const coded =
      format.codedMask[level] !== 0 &&
      (this.entryLo & (format.codedMask[level] as number)) === format.codedValue[level];
    const plain =
      format.hasLeaf[level] === 1 && (this.entryLo & (format.leafMask[level] as number)) === format.leafValue[level];
    if (!coded && !plain) return this.stopAt(WalkStop.ENCODING);
    format.addressOf(this.entryHi, this.entryLo);
    let shift = format.shift[level] as number;
    if (coded) {
      shift = codedShift(format.outHi, format.outLo);
      if (shift < (format.codedMin[level] as number) || shift > (format.codedMax[level] as number)) {
        return this.stopAt(WalkStop.ENCODING);
      }
    }
    const reserved = coded ? format.codedReserved : format.leafReserved;
    if (((this.entryHi & (reserved.hi[level] as number)) | (this.entryLo & (reserved.lo[level] as number))) !== 0) {
      return this.stopAt(WalkStop.RESERVED);
    }
    if (this.#isTooWide(root)) return this.stopAt(WalkStop.OUTPUT);
    if (!this.#settleLeaf(root, aboveHi, aboveLo, access)) return false;
    const offsetHi = shift <= 32 ? 0 : 2 ** (shift - 32) - 1;
    const offsetLo = shift >= 32 ? -1 : 2 ** shift - 1;
    this.paHi = (format.outHi & ~offsetHi) | (iovaHi & offsetHi);
    this.paLo = (format.outLo & ~offsetLo) | (iovaLo & offsetLo);
    const run = format.contiguous;
    if (((this.entryHi & (run.hi[level] as number)) | (this.entryLo & (run.lo[level] as number))) !== 0) {
      shift += format.contiguousLog2[level] as number;
    }
    this.foundShift = shift;
    return true;
  }

  /** Accessed flag, dirty state and rights of a leaf, in this order; what hardware sets is written once all is allowed. */
  #settleLeaf(root: TableRoot, aboveHi: number, aboveLo: number, access: number): boolean {
    const { format } = this.words;
    const entryHi = this.entryHi;
    const entryLo = this.entryLo;
    let hi = entryHi;
    let lo = entryLo;
    if (this.#accessed !== 'ignore') {
      hi |= format.accessedHi;
      lo |= format.accessedLo;
      if (this.#accessed === 'fault' && (hi !== entryHi || lo !== entryLo)) return this.stopAt(WalkStop.ACCESSED);
    }
    const isClean =
      (entryHi & format.dirtyMaskHi) === format.cleanHi && (entryLo & format.dirtyMaskLo) === format.cleanLo;
    if (this.#setDirty && (access & Access.WRITE) !== 0 && isClean) {
      hi = (hi & ~format.dirtyMaskHi) | format.dirtyHi;
      lo = (lo & ~format.dirtyMaskLo) | format.dirtyLo;
    }
    if (hi !== entryHi || lo !== entryLo) {
      this.entryHi = hi;
      this.entryLo = lo;
      this.leftHi = aboveHi;
      this.leftLo = aboveLo;
      this.#restrict(this.words.leafFlipHi, this.words.leafFlipLo, this.words.leafOtherHi, this.words.leafOtherLo);
      this.entryHi = entryHi;
      this.entryLo = entryLo;
    }
    if (!this.allows(access)) return this.stopAt(WalkStop.PERMISSION);
    return (hi === entryHi && lo === entryLo) || this.#update(root, hi, lo);
  }

  /** Writes the entry back with flags set, as one locked cycle. */
  #update(root: TableRoot, hi: number, lo: number): boolean {
    const { translator } = root;
    const memory = this.memory;
    if (translator !== null && !translator.translateTableAddress(this.#stageHi, this.#stageLo, true)) {
      return this.stopAt(WalkStop.STAGE);
    }
    if (!this.#isReadOnly) {
      memory.deviceWriting = true;
      const stored = memory.compareExchange64(
        this.entryAddressHi,
        this.entryAddressLo,
        this.entryHi,
        this.entryLo,
        hi,
        lo,
      );
      memory.deviceWriting = false;
      if (!stored) return this.stopAt(WalkStop.UPDATE);
    }
    this.entryHi = hi;
    this.entryLo = lo;
    return true;
  }
}

/** Whether the IOVA bits that a link from `level` to `below` skips are zero. */
function isZeroBetween(format: FormatWords, below: number, level: number, iovaHi: number, iovaLo: number): boolean {
  for (let skipped = below + 1; skipped < level; skipped++) {
    if (format.indexOf(skipped, iovaHi, iovaLo) !== 0) return false;
  }
  return true;
}
