import { Prot, type PageTableFormat, type Range64 } from '@ioasis/core';
import { guestFormat } from '../format/guest-v2.js';
import { HOST_FORMAT } from '../format/host-v1.js';
import { GUEST_PTE, HOST_PDE, HOST_PTE } from '../layouts/page-table-entries.js';

/** Which tables a domain has: host (v1) tables under the device table entry, or guest (v2) tables under the GCR3 table of each device. */
export type PageTables = 'v1' | 'v2';

/** What Linux's driver does with one kind of tables. */
export interface TableTraits {
  readonly tables: PageTables;
  readonly format: PageTableFormat;
  /** Bitmap, bytes. */
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  /** Levels of a new table. */
  readonly levels: number;
  /** More levels are put on top when an address needs them. */
  readonly growing: boolean;
  /** Bits of a leaf besides address and kind; undefined: the rights are no mapping. */
  readonly leafBits: (prot: number) => bigint | undefined;
  readonly tableBits: bigint;
}

const KINDS = Prot.READ | Prot.WRITE;

/**
 * v1: every power of two from 4 KiB to 2^51 but 512 GiB, which an erratum forbids; three levels that grow. Snooping is always forced.
 * @param last inclusive end of the aperture
 */
const hostTraits = (last: bigint): TableTraits => ({
  tables: 'v1',
  format: HOST_FORMAT,
  pageSizes: 0xf_ff7f_ffff_f000n,
  aperture: { start: 0n, last },
  levels: 3,
  growing: true,
  leafBits: (prot) =>
    (prot & KINDS) === 0
      ? undefined
      : HOST_PTE.encode({ PR: 1, FC: 1, IR: (prot & Prot.READ) !== 0, IW: (prot & Prot.WRITE) !== 0 }),
  tableBits: HOST_PDE.encode({ PR: 1, IR: 1, IW: 1 }),
});

/**
 * v2: 4 KiB, 2 MiB and 1 GiB, all levels from the start. Accessed and dirty are set in advance, and a write-only mapping can be read,
 * because the format has no bit for it.
 */
const guestTraits = (levels: number, last: bigint): TableTraits => ({
  tables: 'v2',
  format: guestFormat(true),
  pageSizes: 0x4020_1000n,
  aperture: { start: 0n, last },
  levels,
  growing: false,
  leafBits: (prot) =>
    (prot & KINDS) === 0 ? undefined : GUEST_PTE.encode({ P: 1, US: 1, A: 1, D: 1, RW: (prot & Prot.WRITE) !== 0 }),
  tableBits: GUEST_PTE.encode({ P: 1, RW: 1, US: 1, A: 1 }),
});

/**
 * Traits of the tables that a machine uses. Guest tables sign-extend for PASIDs other than 0, so Linux leaves their upper half unused
 * everywhere.
 * @param guestLevels 4 or 5
 */
export const tableTraits = (tables: PageTables, guestLevels: number): TableTraits =>
  tables === 'v1'
    ? hostTraits(0xffff_ffff_ffff_ffffn)
    : guestTraits(guestLevels, (1n << BigInt(12 + 9 * guestLevels - 1)) - 1n);
