/*
 * A page-table format is data: which bits of an entry mean what, level by level. One engine reads it (RadixTable writes tables,
 * RadixWalker reads them), because a class or a closure per format costs 3x to 13x as soon as several formats live in a process.
 *
 * Everything here is a 64-bit mask or value over one entry, as the datasheet prints it. Nothing here runs per page.
 */

/** Entry test: `(entry & mask) === value`, in bits 31:0. A mask of 0 accepts every entry. */
export interface EntryTest {
  readonly mask: bigint;
  readonly value: bigint;
}

/** How a present entry of one level looks when it is a link to a table, or a page. Writing one sets the bits of `value`. */
export interface EntryKind extends EntryTest {
  /** Bits that must be zero in an entry of this kind at this level (host address width included). */
  readonly reserved: bigint;
}

/**
 * Pages larger than one entry whose size is coded in the address field, with equal copies in all entries that they cover
 * (AMD I/O page tables, Next Level 7: 48882 section 2.2.3): the lowest zero bit of the address field stands for half of the size.
 */
export interface SizeInAddress extends EntryTest {
  readonly reserved: bigint;
  /** log2 of the smallest and of the largest page coded so at this level, bytes. */
  readonly minShift: number;
  readonly maxShift: number;
}

/** Runs of adjacent, aligned leaves that hardware may cache as one (Arm: Contiguous bit, DDI 0487 D8.7.1). */
export interface ContiguousRun {
  readonly bit: bigint;
  /** log2 of the number of entries of a run. */
  readonly entriesLog2: number;
}

/** One level of a table. */
export interface FormatLevel {
  /** The level's number as the vendor counts (AMD and VT-d: 1 holds the smallest pages; Arm: 3 does). */
  readonly number: number;
  /** Lowest IOVA bit of the index; also log2 of the bytes that one entry covers. */
  readonly shift: number;
  /** Number of IOVA bits of the index (the root may use fewer or more, see `TableRoot`). */
  readonly indexBits: number;
  /** A link to a table of the level below; null at the lowest level. Tested before {@link FormatLevel.leaf}. */
  readonly table: EntryKind | null;
  /** A page of 2^shift bytes; null where the format or this unit has no such page. */
  readonly leaf: EntryKind | null;
  readonly sizeInAddress?: SizeInAddress;
  readonly contiguous?: ContiguousRun;
}

/** Where address bits lie in an entry: entry bits `[hi, lo]` hold address bits from `address` upwards. */
export interface AddressPiece {
  readonly bits: readonly [hi: number, lo: number];
  readonly address: number;
}

/**
 * Permission bits. An entry is first read with its `forbidding` bits flipped, so that 1 always allows; then table and leaf words of
 * a walk are ANDed. Bits outside `tableBits` (of a table) or `leafBits` (of a leaf) never restrict. Arm's hierarchical APTable,
 * XNTable and PXNTable are forbidding table bits, its AP[2] and XN forbidding leaf bits: OR of restrictions is AND of allowances.
 */
export interface FormatPermissions {
  readonly tableBits: bigint;
  readonly leafBits: bigint;
  /** Those of the bits above that take a right away when set. */
  readonly forbidding: bigint;
  /** Allow bits that a read (write, instruction fetch, unprivileged access) needs, all of them. 0: always allowed. */
  readonly read: bigint;
  readonly write: bigint;
  readonly execute: bigint;
  /** What an instruction fetch needs when it is privileged, where that differs from `execute` (Arm: PXN instead of UXN). */
  readonly privilegedExecute?: bigint;
  readonly unprivileged: bigint;
  /**
   * `each-level`: a walk stops at the first entry that takes a needed right away, before it looks at what is below (VT-d second
   * stage, AMD). `leaf`: only the result counts (x86-64, Arm, RISC-V).
   */
  readonly checked: 'each-level' | 'leaf';
}

/** Accessed flag of an entry. */
export interface AccessedFlag {
  readonly bit: bigint;
  /** Whether tables have it too (x86-64, VT-d, AMD); Arm and RISC-V flag leaves only. */
  readonly inTables: boolean;
}

/**
 * Dirty state of a leaf: `(entry & mask) === dirty` was written, `=== clean` may be written and becomes dirty by it; any other
 * value has no dirty state. A plain dirty bit D is `{ mask: D, dirty: D, clean: 0n }`; Arm's DBM with AP[2] is
 * `{ mask: DBM | AP2, dirty: DBM, clean: DBM | AP2 }` (DDI 0487 D8.5.5).
 */
export interface DirtyState {
  readonly mask: bigint;
  readonly dirty: bigint;
  readonly clean: bigint;
}

/** A page-table format, complete. Build one per variant (host address width, page sizes); all of them run on one engine. */
export interface PageTableFormat {
  /** `VT-d second stage`, `VMSAv8-64 stage 1, 16K` ... */
  readonly name: string;
  /** Document and section. */
  readonly source: string;
  /** log2 bytes of the smallest page; every table but the root is one granule large, at least 4 KiB (`tableShift`). */
  readonly granuleShift: number;
  /** log2 bytes of a table; differs from the granule only where entries of a 4 KiB table cover less than 4 KiB each. */
  readonly tableShift: number;
  /** Lowest level first: `levels[0]` holds the smallest pages. All levels that a table may have; a table uses the first n. */
  readonly levels: readonly FormatLevel[];
  /** An entry is present when any of these bits is set. They lie in bits 31:0. */
  readonly present: bigint;
  /**
   * Pieces of the address field, the main one first. The engine's fast paths read the main piece; an entry with bits of a second
   * piece set (Arm: PA[51:48] of the 64K granule) takes the careful path.
   */
  readonly address: readonly AddressPiece[];
  readonly permissions: FormatPermissions;
  readonly accessed: AccessedFlag | null;
  readonly dirty: DirtyState | null;
  /**
   * Field in which a link names the level that it leads to (AMD: Next Level [11:9]); a link may then skip levels, and the skipped
   * IOVA bits must be zero. Absent: a link leads to the level below.
   */
  readonly nextLevel?: readonly [hi: number, lo: number];
}

/** Levels are counted from 0 = smallest pages, everywhere in the engine. At most this many. */
export const MAX_LEVELS = 6;

/** Every page size of a format as log2 bytes, ascending; sizes coded in the address and contiguous runs included. */
export function pageShiftsOf(format: PageTableFormat): number[] {
  const shifts: number[] = [];
  for (const level of format.levels) {
    if (level.leaf !== null) shifts.push(level.shift);
    if (level.leaf !== null && level.contiguous !== undefined) shifts.push(level.shift + level.contiguous.entriesLog2);
    const coded = level.sizeInAddress;
    for (let shift = coded?.minShift ?? 0; coded !== undefined && shift <= coded.maxShift; shift++) shifts.push(shift);
  }
  return shifts.toSorted((a, b) => a - b);
}

/** Checks what the engine relies on; throws RangeError naming the format and the rule. Called when a table or walker is made. */
export function checkFormat(format: PageTableFormat): void {
  const wrong = (rule: string): never => {
    throw new RangeError(`page-table format ${format.name}: ${rule}`);
  };
  const { levels } = format;
  if (levels.length === 0 || levels.length > MAX_LEVELS)
    wrong(`has ${levels.length} levels, 1 to ${MAX_LEVELS} are possible`);
  if (format.present === 0n || format.present >> 32n !== 0n) wrong('present bits must lie in bits 31:0');
  if (format.granuleShift < 11) wrong('pages are at least 2 KiB');
  if (format.tableShift < 12) wrong('a table is at least 4 KiB');
  if (levels[0]?.shift !== format.granuleShift) wrong('the lowest level indexes the granule');
  levels.forEach((level, index) => {
    const below = levels[index - 1];
    for (const kind of [level.table, level.leaf, level.sizeInAddress]) {
      if (kind && kind.mask >> 32n !== 0n) wrong(`kind tests must lie in bits 31:0 (level ${level.number})`);
      if (kind && (kind.value & ~kind.mask) !== 0n)
        wrong(`a kind's value has bits outside of its mask (level ${level.number})`);
    }
    if (below !== undefined && below.shift + below.indexBits !== level.shift)
      wrong(`level ${level.number} leaves a gap`);
    if ((level.table === null) !== (index === 0)) wrong(`only the lowest level has no links (level ${level.number})`);
    // The engine reads level 0 and 1 indices from IOVA bits [granule + 31 : granule], 2 to 4 from the 32 bits above bit
    // min(31, shift of level 2), 5 from the high word.
    const end = level.shift + level.indexBits;
    if (index <= 1 && end > format.granuleShift + 32)
      wrong(`level ${level.number} ends above bit ${format.granuleShift + 31}`);
    if (index === 5 && level.shift < 32) wrong('the sixth level must start at bit 32 or above');
  });
  if (format.address.length === 0 || format.address.length > 2) wrong('the address field has one or two pieces');
}
