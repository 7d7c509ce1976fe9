import type { FormatLevel, PageTableFormat } from '@ioasis/core';
import { GUEST_PTE } from '../layouts/page-table-entries.js';

const PS = GUEST_PTE.mask('PS');
const NX = GUEST_PTE.mask('NX');

/**
 * Guest (v2) tables (48882 2.2.6): x86-64 paging with four or five levels, pages of 4 KiB, 2 MiB and 1 GiB.
 * @param noExecute EFR.NXSup: NX is defined, otherwise it is reserved
 */
export function guestFormat(noExecute: boolean): PageTableFormat {
  const reserved = noExecute ? 0n : NX;
  const rights = GUEST_PTE.mask('RW') | GUEST_PTE.mask('US') | (noExecute ? NX : 0n);
  return {
    name: 'AMD guest page tables',
    source: '48882 2.2.6; AMD64 volume 2, 5.3',
    granuleShift: 12,
    tableShift: 12,
    levels: [1, 2, 3, 4, 5].map((number): FormatLevel => {
      const shift = 3 + 9 * number;
      const pages = number === 2 || number === 3;
      // Bit 12 of a large page is its PAT bit.
      const alignment = ((1n << BigInt(shift)) - 1n) & ~0x1fffn;
      const level = { number, shift, indexBits: 9 };
      if (number === 1) return { ...level, table: null, leaf: { mask: 0n, value: 0n, reserved } };
      return {
        ...level,
        table: pages ? { mask: PS, value: 0n, reserved } : { mask: 0n, value: 0n, reserved: reserved | PS },
        leaf: pages ? { mask: PS, value: PS, reserved: reserved | alignment } : null,
      };
    }),
    present: GUEST_PTE.mask('P'),
    address: [{ bits: GUEST_PTE.fields.ADDRESS, address: 12 }],
    permissions: {
      tableBits: rights,
      leafBits: rights,
      forbidding: noExecute ? NX : 0n,
      read: 0n,
      write: GUEST_PTE.mask('RW'),
      execute: noExecute ? NX : 0n,
      unprivileged: GUEST_PTE.mask('US'),
      checked: 'leaf',
    },
    accessed: { bit: GUEST_PTE.mask('A'), inTables: true },
    dirty: { mask: GUEST_PTE.mask('D'), dirty: GUEST_PTE.mask('D'), clean: 0n },
  };
}
