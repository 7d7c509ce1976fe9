import type { EntryKind, FormatLevel, PageTableFormat, SizeInAddress } from '@ioasis/core';
import { HOST_PDE, HOST_PTE, PageNextLevel } from '../layouts/page-table-entries.js';

/** Highest page-table level; its index has the seven IOVA bits [63:57]. */
const LEVELS = [1, 2, 3, 4, 5, 6] as const;

/** Addresses in entries have 52 bits. */
const ADDRESS_BITS = 52;

const NEXT_LEVEL = HOST_PDE.mask('NEXT_LEVEL');
const nextLevel = (value: number): bigint => HOST_PDE.encode({ NEXT_LEVEL: value });
const PDE_RESERVED = 0x1ff0_0000_0000_0000n; // [60:52]
const PTE_RESERVED = 0x07f0_0000_0000_0000n; // [58:52]

/**
 * Host (v1) tables (48882 2.2.3): up to six levels, links that name the level they lead to and may skip levels, pages of every power of
 * two from 4 KiB by Next Level 7. A table's root level is the DTE's Mode.
 */
export const HOST_FORMAT: PageTableFormat = {
  name: 'AMD host page tables',
  source: '48882 2.2.3, Tables 14 and 15',
  granuleShift: 12,
  tableShift: 12,
  levels: LEVELS.map((number): FormatLevel => {
    const shift = 3 + 9 * number;
    // Bits [8:7] and [4:1] are ignored in both kinds of entries.
    const table: EntryKind | null =
      number === 1 ? null : { mask: NEXT_LEVEL, value: nextLevel(number - 1), reserved: PDE_RESERVED };
    // Level 6 has no pages.
    const leaf: EntryKind | null =
      number === 6 ? null : { mask: NEXT_LEVEL, value: nextLevel(PageNextLevel.DEFAULT_SIZE), reserved: PTE_RESERVED };
    const sizeInAddress: SizeInAddress = {
      mask: NEXT_LEVEL,
      value: nextLevel(PageNextLevel.SIZE_IN_ADDRESS),
      reserved: PTE_RESERVED,
      minShift: shift + 1,
      // The zero that stands for half of the size is an address bit.
      maxShift: Math.min(shift + 8, ADDRESS_BITS),
    };
    const level = { number, shift, indexBits: number === 6 ? 7 : 9, table, leaf };
    return number === 6 ? level : { ...level, sizeInAddress };
  }),
  present: HOST_PTE.mask('PR'),
  address: [{ bits: HOST_PTE.fields.ADDRESS, address: 12 }],
  permissions: {
    tableBits: HOST_PDE.mask('IR') | HOST_PDE.mask('IW'),
    leafBits: HOST_PTE.mask('IR') | HOST_PTE.mask('IW'),
    forbidding: 0n,
    read: HOST_PTE.mask('IR'),
    write: HOST_PTE.mask('IW'),
    execute: 0n,
    unprivileged: 0n,
    checked: 'each-level',
  },
  accessed: { bit: HOST_PTE.mask('A'), inTables: true },
  dirty: { mask: HOST_PTE.mask('D'), dirty: HOST_PTE.mask('D'), clean: 0n },
  nextLevel: HOST_PDE.fields.NEXT_LEVEL,
};
