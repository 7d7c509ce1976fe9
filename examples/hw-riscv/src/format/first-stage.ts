import type { FormatLevel, PageTableFormat } from '@ioasis/core';
import { PTE } from '../layouts/page-table-entry.js';

/** Levels of a mode: Sv39 has three, Sv57 five. */
export type StageLevels = 3 | 4 | 5;

/** Bits of an IOVA; those above repeat the highest. */
export const inputBits = (levels: StageLevels): number => 12 + 9 * levels;

const [V, R, W, X, U, A, D] = (['V', 'R', 'W', 'X', 'U', 'A', 'D'] as const).map((field) => PTE.mask(field)) as [
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
];
/** Neither Svnapot nor Svpbmt: their bits are reserved, as are those of no field. */
const RESERVED = PTE.reserved | PTE.mask('N') | PTE.mask('PBMT');

/**
 * Sv39, Sv48 and Sv57 on one description: a table uses as many of the levels as its mode has.
 * @param hardwareDirty tc.SADE: the unit sets A and D. Otherwise a page without D cannot be written
 */
export function firstStageFormat(hardwareDirty: boolean): PageTableFormat {
  const levels = [0, 1, 2, 3, 4].map((level): FormatLevel => {
    const shift = 12 + 9 * level;
    // A misaligned page is a page fault: PPN bits below the page's size are zero.
    const alignment = ((1n << BigInt(shift)) - (1n << 12n)) >> 2n;
    return {
      number: level,
      shift,
      indexBits: 9,
      table: level === 0 ? null : { mask: R | W | X, value: 0n, reserved: RESERVED | A | D | U },
      leaf: { mask: R, value: R, reserved: RESERVED | alignment },
    };
  });
  return {
    name: 'RISC-V first stage',
    source: 'RISC-V Privileged Architecture, Supervisor-Level ISA',
    granuleShift: 12,
    tableShift: 12,
    levels,
    present: V,
    address: [{ bits: PTE.fields.PPN, address: 12 }],
    permissions: {
      tableBits: 0n,
      leafBits: R | W | X | U | (hardwareDirty ? 0n : D),
      forbidding: 0n,
      read: R,
      write: hardwareDirty ? W : W | D,
      execute: X,
      unprivileged: U,
      checked: 'leaf',
    },
    accessed: { bit: A, inTables: false },
    dirty: { mask: D, dirty: D, clean: 0n },
  };
}
