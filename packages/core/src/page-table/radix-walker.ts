import type { PhysicalMemory } from '../memory/index.js';
import type { PageTableFormat } from './format.js';
import type { TableRoot } from './table-root.js';

/** Why a walk stopped. The vendor's cold code turns it into its own fault, following its own order of checks. */
export const WalkStop = {
  NONE: 0,
  /** IOVA outside of what the root translates; nothing was read. */
  INPUT: 1,
  /** Reading the entry met no memory. */
  ABORT: 2,
  /** The translator of a nested walk refused the entry's address; nothing was read there. */
  STAGE: 3,
  NOT_PRESENT: 4,
  /** Present, but neither a link nor a page at this level. */
  ENCODING: 5,
  /** A reserved bit of the entry is set. */
  RESERVED: 6,
  /** The entry's address is wider than the root's output. */
  OUTPUT: 7,
  /** A right is missing; `allowedHi`, `allowedLo` hold what is left. */
  PERMISSION: 8,
  /** Accessed flag clear, and this walker does not set it. */
  ACCESSED: 9,
  /** An accessed or dirty bit had to be set and could not be written. */
  UPDATE: 10,
} as const;

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

/**
 * The hardware side of a page table: one instance per format and A/D behaviour, reused for every walk, results in fields.
 * One hidden class for all vendors.
 */
export class RadixWalker {
  readonly format: PageTableFormat;

  /** After true: output address of the byte. */
  paHi = 0;
  paLo = 0;
  /** log2 of the page that holds it; a size coded in the address or a contiguous run counts as a whole. */
  pageShift = 0;
  /** Entries read by this walk. */
  reads = 0;

  /** After false: a {@link WalkStop}. */
  stop = 0;
  /** Engine level (0 = smallest pages) of the last entry. */
  level = 0;
  /** The last entry, as it is in memory. After true it is the leaf. */
  entryHi = 0;
  entryLo = 0;
  /** Where the last entry lies (after the translator, if any), bytes. */
  entryAddressHi = 0;
  entryAddressLo = 0;
  /** Allow bits that are left after the entries read so far, the last one included if it is present (see FormatPermissions). */
  allowedHi = 0;
  allowedLo = 0;

  /**
   * Set to true to fill {@link pathTable}, {@link pathAllowedHi} and {@link pathAllowedLo}, for units with paging-structure caches.
   */
  recordPath = false;
  /** By level: frame number (address / 4096) of the table that this walk read at that level, or -1. */
  readonly pathTable: Float64Array = new Float64Array(6).fill(-1);
  /** By level: allow bits left above that table. */
  readonly pathAllowedHi: Int32Array = new Int32Array(6);
  readonly pathAllowedLo: Int32Array = new Int32Array(6);

  constructor(options: RadixWalkerOptions) {
    this.format = options.format;
  }

  /**
   * Translates one address from the root.
   * @param access OR of `Access` READ, WRITE, EXECUTE, PRIVILEGED; other bits are ignored
   */
  walk(_root: TableRoot, _iovaHi: number, _iovaLo: number, _access: number): boolean {
    throw new Error('not yet');
  }

  /**
   * The same from a cached table below the root: a paging-structure cache hit. The input range is not checked again.
   * @param level of the table, below the root's
   * @param tableFrame its address / 4096
   */
  resume(
    _root: TableRoot,
    _level: number,
    _tableFrame: number,
    _allowedHi: number,
    _allowedLo: number,
    _iovaHi: number,
    _iovaLo: number,
    _access: number,
  ): boolean {
    throw new Error('not yet');
  }

  /** What the last walk's page allows: OR of `Access` READ, WRITE, EXECUTE, for a requester of this privilege. */
  permissions(_privileged: boolean): number {
    throw new Error('not yet');
  }
}
