import type { EntryKind, FormatLevel, PageTableFormat } from '../../src/index.js';

/*
 * Small formats for the engine's own tests, written from the data sheets and independent of the vendors' packages: each shows one
 * thing that formats do differently.
 */

const bits = (hi: number, lo: number): bigint => (2n ** BigInt(hi - lo + 1) - 1n) << BigInt(lo);
const always = (reserved: bigint): EntryKind => ({ mask: 0n, value: 0n, reserved });
/** Address bits of an entry that lie inside the page. */
const insidePage = (shift: number, from: number): bigint => (shift > from ? bits(shift - 1, from) : 0n);

/** VT-d second stage (VT-d 9.8): present = any right, checked level by level. */
export function vtdSecondStage(levels: number, hostBits = 46): PageTableFormat {
  const tooHigh = bits(51, hostBits);
  return {
    name: `VT-d second stage, ${levels} levels`,
    source: 'VT-d 9.8',
    granuleShift: 12,
    tableShift: 12,
    levels: Array.from({ length: levels }, (_, index): FormatLevel => {
      const shift = 12 + 9 * index;
      const reserved = tooHigh | insidePage(shift, 12);
      return {
        number: index + 1,
        shift,
        indexBits: 9,
        table: index === 0 ? null : { mask: 0x80n, value: 0n, reserved: tooHigh },
        leaf: index === 0 ? always(tooHigh) : index <= 2 ? { mask: 0x80n, value: 0x80n, reserved } : null,
      };
    }),
    present: 7n,
    address: [{ bits: [51, 12], address: 12 }],
    permissions: {
      tableBits: 7n,
      leafBits: 7n,
      forbidding: 0n,
      read: 1n,
      write: 2n,
      execute: 4n,
      unprivileged: 0n,
      checked: 'each-level',
    },
    accessed: { bit: 1n << 8n, inTables: true },
    dirty: { mask: 1n << 9n, dirty: 1n << 9n, clean: 0n },
  };
}

/** x86-64 paging (VT-d 9.9, AMD 48882 2.2.6): NX forbids, US is a right of its own. */
export function x86(levels: number, hostBits = 52): PageTableFormat {
  const tooHigh = hostBits < 52 ? bits(51, hostBits) : 0n;
  return {
    name: `x86-64, ${levels} levels`,
    source: 'VT-d 9.9',
    granuleShift: 12,
    tableShift: 12,
    levels: Array.from({ length: levels }, (_, index): FormatLevel => {
      const shift = 12 + 9 * index;
      return {
        number: index + 1,
        shift,
        indexBits: 9,
        table: index === 0 ? null : { mask: 0x80n, value: 0n, reserved: tooHigh },
        leaf:
          index === 0
            ? always(tooHigh)
            : index <= 2
              ? { mask: 0x80n, value: 0x80n, reserved: tooHigh | insidePage(shift, 13) }
              : null,
      };
    }),
    present: 1n,
    address: [{ bits: [51, 12], address: 12 }],
    permissions: {
      tableBits: (1n << 63n) | 6n,
      leafBits: (1n << 63n) | 6n,
      forbidding: 1n << 63n,
      read: 0n,
      write: 2n,
      execute: 1n << 63n,
      unprivileged: 4n,
      checked: 'leaf',
    },
    accessed: { bit: 0x20n, inTables: true },
    dirty: { mask: 0x40n, dirty: 0x40n, clean: 0n },
  };
}

const GRANULES = { 12: 9, 14: 11, 16: 13 } as const;
/** log2 entries of a contiguous run at the page level and one above (DDI 0487 table D8-60). */
const RUNS = { 12: [4, 4, 4], 14: [7, 5], 16: [5, 5] } as const;

/** VMSAv8-64 (DDI 0487 D8.3): hierarchical attributes in tables, AP[2] forbids writes, addresses in two pieces with 64K. */
export function arm(stage: 1 | 2, granule: 12 | 14 | 16): PageTableFormat {
  const indexBits = GRANULES[granule];
  const stage1 = {
    tableBits: bits(62, 59),
    leafBits: (1n << 54n) | (1n << 53n) | 0xc0n,
    forbidding: bits(62, 62) | bits(61, 59) | (1n << 54n) | (1n << 53n) | 0x80n,
    read: 0n,
    write: (1n << 62n) | 0x80n,
    execute: (1n << 60n) | (1n << 54n),
    privilegedExecute: (1n << 59n) | (1n << 53n),
    unprivileged: (1n << 61n) | 0x40n,
    checked: 'leaf' as const,
  };
  const stage2 = {
    tableBits: 0n,
    leafBits: (1n << 54n) | 0xc0n,
    forbidding: 1n << 54n,
    read: 0x40n,
    write: 0x80n,
    execute: 1n << 54n,
    unprivileged: 0n,
    checked: 'leaf' as const,
  };
  return {
    name: `VMSAv8-64 stage ${stage}, ${2 ** (granule - 10)}K`,
    source: 'DDI 0487 D8.3',
    granuleShift: granule,
    tableShift: granule,
    levels: [3, 2, 1, 0].slice(0, granule === 16 ? 3 : 4).map((number, index): FormatLevel => {
      const shift = granule + indexBits * index;
      const run = RUNS[granule][index];
      const isBlock = index === 1 || (index === 2 && granule === 12);
      const reserved = granule === 16 ? insidePage(shift, 17) : insidePage(shift, 12);
      const leaf: EntryKind | null =
        index === 0 ? { mask: 2n, value: 2n, reserved: 0n } : isBlock ? { mask: 2n, value: 0n, reserved } : null;
      return {
        number,
        shift,
        indexBits,
        table: index === 0 ? null : { mask: 2n, value: 2n, reserved: 0n },
        leaf,
        ...(leaf !== null && run !== undefined ? { contiguous: { bit: 1n << 52n, entriesLog2: run } } : {}),
      };
    }),
    present: 1n,
    address:
      granule === 16
        ? [
            { bits: [47, 16], address: 16 },
            { bits: [15, 12], address: 48 },
          ]
        : [{ bits: [47, granule], address: granule }],
    permissions: stage === 1 ? stage1 : stage2,
    accessed: { bit: 1n << 10n, inTables: false },
    dirty:
      stage === 1
        ? { mask: (1n << 51n) | 0x80n, dirty: 1n << 51n, clean: (1n << 51n) | 0x80n }
        : { mask: (1n << 51n) | 0x80n, dirty: (1n << 51n) | 0x80n, clean: 1n << 51n },
  };
}

/** AMD I/O page tables (48882 2.2.3): the entry names the next level, sizes in the address with equal copies, 7 bits on top. */
export const amdV1: PageTableFormat = {
  name: 'AMD v1',
  source: '48882 2.2.3',
  granuleShift: 12,
  tableShift: 12,
  levels: Array.from({ length: 6 }, (_, index): FormatLevel => {
    const shift = 12 + 9 * index;
    return {
      number: index + 1,
      shift,
      indexBits: index === 5 ? 7 : 9,
      table: index === 0 ? null : { mask: 0xe00n, value: BigInt(index) << 9n, reserved: bits(60, 52) },
      leaf: index === 5 ? null : { mask: 0xe00n, value: 0n, reserved: bits(58, 52) | insidePage(shift, 12) },
      ...(index < 4
        ? {
            sizeInAddress: {
              mask: 0xe00n,
              value: 0xe00n,
              reserved: bits(58, 52),
              minShift: shift + 1,
              maxShift: shift + 8,
            },
          }
        : {}),
    };
  }),
  present: 1n,
  address: [{ bits: [51, 12], address: 12 }],
  permissions: {
    tableBits: bits(62, 61),
    leafBits: bits(62, 61),
    forbidding: 0n,
    read: 1n << 61n,
    write: 1n << 62n,
    execute: 0n,
    unprivileged: 0n,
    checked: 'each-level',
  },
  accessed: { bit: 0x20n, inTables: true },
  dirty: { mask: 0x40n, dirty: 0x40n, clean: 0n },
  nextLevel: [11, 9],
};

/** RISC-V Sv39, Sv48, Sv57 (privileged architecture 12.3 to 12.6): the address field is shifted, links are entries without R, W, X. */
export function riscv(levels: 3 | 4 | 5): PageTableFormat {
  return {
    name: `Sv${12 + 9 * levels}`,
    source: 'RISC-V privileged architecture 12.4',
    granuleShift: 12,
    tableShift: 12,
    levels: Array.from({ length: levels }, (_, index): FormatLevel => {
      const shift = 12 + 9 * index;
      return {
        number: index,
        shift,
        indexBits: 9,
        table: index === 0 ? null : { mask: 0xen, value: 0n, reserved: bits(63, 54) | 0xd0n },
        leaf: always(bits(60, 54) | insidePage(shift - 2, 10)),
      };
    }),
    present: 1n,
    address: [{ bits: [53, 10], address: 12 }],
    permissions: {
      tableBits: 0n,
      leafBits: 0x1en,
      forbidding: 0n,
      // W without R is reserved.
      read: 2n,
      write: 6n,
      execute: 8n,
      unprivileged: 0x10n,
      checked: 'leaf',
    },
    accessed: { bit: 0x40n, inTables: false },
    dirty: { mask: 0x80n, dirty: 0x80n, clean: 0n },
  };
}

/** Bits of a leaf of each format that allow everything, and of a link, as a driver would write them. */
export interface FormatUnderTest {
  readonly format: PageTableFormat;
  readonly inputBits: number;
  readonly leafBits: (prot: number) => bigint | undefined;
  readonly tableBits: bigint;
}

const rw = (prot: number, read: bigint, write: bigint): bigint =>
  ((prot & 1) === 0 ? 0n : read) | ((prot & 2) === 0 ? 0n : write);

/** Every format, as a driver would use it. */
export const everyFormat: readonly FormatUnderTest[] = [
  ...[3, 4, 5].map((levels) => ({
    format: vtdSecondStage(levels),
    inputBits: 12 + 9 * levels,
    leafBits: (prot: number) => ((prot & 3) === 0 ? undefined : rw(prot, 1n, 2n) | 1n),
    tableBits: 3n,
  })),
  ...[4, 5].map((levels) => ({
    format: x86(levels),
    inputBits: 12 + 9 * levels - 1,
    leafBits: (prot: number) => 0x25n | rw(prot, 0n, 2n),
    tableBits: 0x27n,
  })),
  ...([12, 14, 16] as const).map((granule) => ({
    format: arm(1, granule),
    inputBits: 48,
    leafBits: (prot: number) => 0xf41n | ((prot & 2) === 0 ? 0x80n : 0n),
    tableBits: 1n,
  })),
  ...([12, 14, 16] as const).map((granule) => ({
    format: arm(2, granule),
    inputBits: granule === 12 ? 42 : 40,
    leafBits: (prot: number) => 0x73dn | rw(prot, 0x40n, 0x80n),
    tableBits: 1n,
  })),
  {
    format: amdV1,
    inputBits: 64,
    leafBits: (prot: number) => (1n << 60n) | 1n | rw(prot, 1n << 61n, 1n << 62n),
    tableBits: (3n << 61n) | 1n,
  },
  ...([3, 4, 5] as const).map((levels) => ({
    format: riscv(levels),
    inputBits: 12 + 9 * levels - 1,
    leafBits: (prot: number) => 0xd1n | rw(prot, 2n, 4n) | ((prot & 2) === 0 ? 0n : 2n),
    tableBits: 1n,
  })),
];
