import type { AddressPiece, ContiguousRun, EntryKind, FormatLevel } from '@ioasis/core';

/** log2 of a translation granule: 4K, 16K or 64K. */
export type GranuleShift = 12 | 14 | 16;

/** What one granule makes of the levels (DDI 0487 D8.2, Table D8-9 and following). */
interface GranuleShape {
  /** Number of levels: 0 to 3, or 1 to 3. */
  readonly levels: number;
  /** Architectural levels that may have blocks; level 3 has pages. */
  readonly blocks: readonly number[];
  /** The same with 52-bit addresses. */
  readonly blocks52: readonly number[];
  /** log2 of the entries of a contiguous run, by architectural level. */
  readonly contiguous: Readonly<Record<number, number>>;
}

const SHAPES: Readonly<Record<GranuleShift, GranuleShape>> = {
  12: { levels: 4, blocks: [1, 2], blocks52: [1, 2], contiguous: { 1: 4, 2: 4, 3: 4 } },
  14: { levels: 4, blocks: [2], blocks52: [2], contiguous: { 2: 5, 3: 7 } },
  16: { levels: 3, blocks: [2], blocks52: [1, 2], contiguous: { 2: 5, 3: 5 } },
};

const VALID = 1n;
const TYPE = 2n;
const CONTIGUOUS = 1n << 52n;
/** Highest level number, the pages' one. */
const PAGE_LEVEL = 3;

/** Address bits of one entry are resolved by `granule - 3` bits a level. */
export const bitsPerLevel = (granule: GranuleShift): number => granule - 3;

/** The levels of a granule, smallest pages first. Bit 0 valid; bit 1 tells tables and pages from blocks. */
export function granuleLevels(granule: GranuleShift, wide: boolean): FormatLevel[] {
  const shape = SHAPES[granule];
  const blocks = wide ? shape.blocks52 : shape.blocks;
  return Array.from({ length: shape.levels }, (_, index): FormatLevel => {
    const number = PAGE_LEVEL - index;
    const shift = granule + index * bitsPerLevel(granule);
    const kind = (value: bigint): EntryKind => ({ mask: TYPE, value, reserved: 0n });
    const entriesLog2 = shape.contiguous[number];
    const run: ContiguousRun | undefined = entriesLog2 === undefined ? undefined : { bit: CONTIGUOUS, entriesLog2 };
    const isPage = number === PAGE_LEVEL;
    const leaf = isPage ? kind(TYPE) : blocks.includes(number) ? kind(0n) : null;
    return {
      number,
      shift,
      // The root of the widest input may index more than a table's worth; see TableRoot.
      indexBits: bitsPerLevel(granule),
      table: isPage ? null : kind(TYPE),
      leaf,
      ...(run !== undefined && leaf !== null && { contiguous: run }),
    };
  });
}

/** Where the output address lies: bits [47:granule], and [51:48] in bits [15:12] with the 64K granule and 52 bits. */
export function addressPieces(granule: GranuleShift, wide: boolean): AddressPiece[] {
  const main: AddressPiece = { bits: [47, granule], address: granule };
  return wide && granule === 16 ? [main, { bits: [15, 12], address: 48 }] : [main];
}

/** Bit 0 of every descriptor. */
export const PRESENT: bigint = VALID;
