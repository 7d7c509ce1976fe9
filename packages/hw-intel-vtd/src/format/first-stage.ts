import type { FormatLevel, PageTableFormat } from '@ioasis/core';
import { FS_ENTRY } from '../layouts/page-table-entries.js';

/** What a unit's capabilities and a PASID entry's bits change in first-stage entries. */
export interface FirstStageVariant {
  /** Width of the addresses that entries hold: physical, or the second stage's input. */
  readonly hostAddressWidth: number;
  /** CAP.FS1GP. */
  readonly superpage1G: boolean;
  /** NXE: XD is defined. */
  readonly noExecute: boolean;
  /** EAFE: devices set EA beside A. */
  readonly extendedAccessed: boolean;
}

/**
 * First-stage tables (VT-d 3.6, 9.7): x86-64 paging with four or five levels. Rights are those of the whole walk; a page is readable
 * when it is present. 2 MiB pages always exist.
 */
export function firstStageFormat(variant: FirstStageVariant): PageTableFormat {
  const mask = (field: keyof typeof FS_ENTRY.fields): bigint => FS_ENTRY.mask(field);
  const PS = mask('PS');
  const high = ((1n << 52n) - 1n) & ~((1n << BigInt(variant.hostAddressWidth)) - 1n);
  const reserved = high | (variant.noExecute ? 0n : mask('XD'));
  const levels = [1, 2, 3, 4, 5].map((number): FormatLevel => {
    const shift = 3 + 9 * number;
    const pages = number === 2 || (number === 3 && variant.superpage1G);
    // Bit 12 of a large page is its PAT bit.
    const alignment = ((1n << BigInt(shift)) - 1n) & ~0x1fffn;
    if (number === 1) {
      return { number, shift, indexBits: 9, table: null, leaf: { mask: 0n, value: 0n, reserved } };
    }
    return {
      number,
      shift,
      indexBits: 9,
      table: pages ? { mask: PS, value: 0n, reserved } : { mask: 0n, value: 0n, reserved: reserved | PS },
      leaf: pages ? { mask: PS, value: PS, reserved: reserved | alignment } : null,
    };
  });
  const XD = variant.noExecute ? mask('XD') : 0n;
  const rights = mask('RW') | mask('US') | XD;
  return {
    name: 'VT-d first stage',
    source: 'VT-d 3.6, 9.7',
    granuleShift: 12,
    tableShift: 12,
    levels,
    present: mask('P'),
    address: [{ bits: FS_ENTRY.fields.ADDR, address: 12 }],
    permissions: {
      tableBits: rights,
      leafBits: rights,
      forbidding: XD,
      read: 0n,
      write: mask('RW'),
      execute: XD,
      unprivileged: mask('US'),
      checked: 'leaf',
    },
    accessed: { bit: mask('A') | (variant.extendedAccessed ? mask('EA') : 0n), inTables: true },
    dirty: { mask: mask('D'), dirty: mask('D'), clean: 0n },
  };
}
