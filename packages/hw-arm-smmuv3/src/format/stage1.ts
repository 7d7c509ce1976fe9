import type { PageTableFormat } from '@ioasis/core';
import { STAGE1_LEAF, STAGE1_TABLE } from '../layouts/descriptors.js';
import { addressPieces, granuleLevels, PRESENT, type GranuleShift } from './granule.js';

/** What a context descriptor changes in stage 1 tables. */
export interface Stage1Variant {
  readonly granule: GranuleShift;
  /** 52-bit addresses (IDR5.OAS = 6). */
  readonly wide: boolean;
  /** CD.HADx: APTable, XNTable and PXNTable are ignored. */
  readonly hierarchyDisabled: boolean;
  /** The stream's world has no unprivileged accesses (EL2 without E2H): AP[1] and PXN mean nothing. */
  readonly singlePrivilege: boolean;
}

/** VMSAv8-64 stage 1 tables (DDI 0487 D8): 4K, 16K and 64K granules, hierarchical permissions, accessed flag, dirty state. */
export function stage1Format(variant: Stage1Variant): PageTableFormat {
  const { granule, wide, hierarchyDisabled, singlePrivilege } = variant;
  const leaf = (name: keyof typeof STAGE1_LEAF.fields): bigint => STAGE1_LEAF.mask(name);
  const table = (name: keyof typeof STAGE1_TABLE.fields): bigint => (hierarchyDisabled ? 0n : STAGE1_TABLE.mask(name));
  const unprivileged = singlePrivilege ? 0n : leaf('AP1') | table('APTABLE0');
  const privilegedExecute = singlePrivilege ? leaf('UXN') | table('XNTABLE') : leaf('PXN') | table('PXNTABLE');
  const execute = leaf('UXN') | table('XNTABLE');
  const write = leaf('AP2') | table('APTABLE1');
  const tableBits =
    table('APTABLE1') | (singlePrivilege ? 0n : table('APTABLE0') | table('PXNTABLE')) | table('XNTABLE');
  const leafBits = leaf('AP2') | leaf('UXN') | (singlePrivilege ? 0n : leaf('AP1') | leaf('PXN'));
  return {
    name: `VMSAv8-64 stage 1, ${2 ** (granule - 10)}K`,
    source: 'DDI 0487 D8',
    granuleShift: granule,
    tableShift: granule,
    levels: granuleLevels(granule, wide),
    present: PRESENT,
    address: addressPieces(granule, wide),
    permissions: {
      tableBits,
      leafBits,
      forbidding: tableBits | (leafBits & ~leaf('AP1')),
      read: 0n,
      write,
      execute,
      privilegedExecute,
      unprivileged,
      checked: 'leaf',
    },
    accessed: { bit: leaf('AF'), inTables: false },
    // A writable-but-clean page has DBM set and is read-only (D8.5.5).
    dirty: { mask: leaf('DBM') | leaf('AP2'), dirty: leaf('DBM'), clean: leaf('DBM') | leaf('AP2') },
  };
}
