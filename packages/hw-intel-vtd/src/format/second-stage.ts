import type { EntryKind, FormatLevel, PageTableFormat } from '@ioasis/core';
import { SS_LEAF_ENTRY, SS_TABLE_ENTRY } from '../layouts/page-table-entries.js';

/** What a unit's capabilities and a PASID entry's bits change in second-stage entries. */
export interface SecondStageVariant {
  /** Width of physical addresses, bits. */
  readonly hostAddressWidth: number;
  readonly superpage2M: boolean;
  readonly superpage1G: boolean;
  /** ECAP.SC: SNP is defined. */
  readonly snoopControl: boolean;
  /** ECAP.DT: TM is defined. */
  readonly deviceTlb: boolean;
  /** SSEE: X is looked at. */
  readonly execute: boolean;
}

/** Highest level of each width: 39 bits, 48 bits, 57 bits. */
const LEVELS = [1, 2, 3, 4, 5] as const;

/**
 * Second-stage tables (VT-d 3.7, 9.8): nine index bits a level, pages at levels 1 to 3. One format for 3, 4 and 5 levels: the root
 * says how many are in use.
 */
export function secondStageFormat(variant: SecondStageVariant): PageTableFormat {
  const high = ((1n << 52n) - 1n) & ~((1n << BigInt(variant.hostAddressWidth)) - 1n);
  const leafMask = (field: keyof typeof SS_LEAF_ENTRY.fields): bigint => SS_LEAF_ENTRY.mask(field);
  const PS = leafMask('PS');
  const optional = (variant.snoopControl ? 0n : leafMask('SNP')) | (variant.deviceTlb ? 0n : leafMask('TM'));

  const table = (number: number, pages: boolean): EntryKind | null => {
    if (number === 1) return null;
    const reserved = SS_TABLE_ENTRY.reserved | high;
    return pages ? { mask: PS, value: 0n, reserved } : { mask: 0n, value: 0n, reserved: reserved | PS };
  };
  const leaf = (number: number, shift: number): EntryKind => ({
    mask: number === 1 ? 0n : PS,
    value: number === 1 ? 0n : PS,
    reserved: high | optional | (((1n << BigInt(shift)) - 1n) & ~0xfffn),
  });
  const levels = LEVELS.map((number): FormatLevel => {
    const shift = 3 + 9 * number;
    const pages = number === 1 || (number === 2 && variant.superpage2M) || (number === 3 && variant.superpage1G);
    return { number, shift, indexBits: 9, table: table(number, pages), leaf: pages ? leaf(number, shift) : null };
  });
  const X = variant.execute ? leafMask('X') : 0n;
  const rights = leafMask('R') | leafMask('W') | X;
  return {
    name: 'VT-d second stage',
    source: 'VT-d 3.7, 9.8',
    granuleShift: 12,
    tableShift: 12,
    levels,
    present: rights,
    address: [{ bits: SS_LEAF_ENTRY.fields.ADDR, address: 12 }],
    permissions: {
      tableBits: rights,
      leafBits: rights,
      forbidding: 0n,
      read: leafMask('R'),
      write: leafMask('W'),
      execute: X,
      unprivileged: 0n,
      checked: 'each-level',
    },
    accessed: { bit: leafMask('A'), inTables: true },
    dirty: { mask: leafMask('D'), dirty: leafMask('D'), clean: 0n },
  };
}
