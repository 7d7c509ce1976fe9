import type { PageTableFormat } from '@ioasis/core';
import { STAGE2_LEAF } from '../layouts/descriptors.js';
import { addressPieces, granuleLevels, PRESENT, type GranuleShift } from './granule.js';

/** What a stream table entry changes in stage 2 tables. */
export interface Stage2Variant {
  readonly granule: GranuleShift;
  /** 52-bit addresses (IDR5.OAS = 6). */
  readonly wide: boolean;
}

/** XN[1], bit 54: no execution at any exception level. XN[0] refines it only with FEAT_XNX, which IOMMUs do not have. */
const XN1 = 1n << 54n;

/** VMSAv8-64 stage 2 tables (DDI 0487 D8): rights of their own, no hierarchy. */
export function stage2Format({ granule, wide }: Stage2Variant): PageTableFormat {
  const leaf = (name: keyof typeof STAGE2_LEAF.fields): bigint => STAGE2_LEAF.mask(name);
  return {
    name: `VMSAv8-64 stage 2, ${2 ** (granule - 10)}K`,
    source: 'DDI 0487 D8',
    granuleShift: granule,
    tableShift: granule,
    levels: granuleLevels(granule, wide),
    present: PRESENT,
    address: addressPieces(granule, wide),
    permissions: {
      tableBits: 0n,
      leafBits: leaf('S2AP0') | leaf('S2AP1') | XN1,
      forbidding: XN1,
      read: leaf('S2AP0'),
      write: leaf('S2AP1'),
      execute: XN1,
      unprivileged: 0n,
      checked: 'leaf',
    },
    accessed: { bit: leaf('AF'), inTables: false },
    dirty: { mask: leaf('DBM') | leaf('S2AP1'), dirty: leaf('DBM') | leaf('S2AP1'), clean: leaf('DBM') },
  };
}
