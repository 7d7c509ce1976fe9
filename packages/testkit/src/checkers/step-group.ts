import type { CacheFill, TranslationWalk, WalkStep } from '@ioasis/core';

/**
 * What a step of a walk depends on: the requester alone (root and context entries, STE, DTE), one of its PASIDs (PASID entries, CDs, GCR3 and
 * RISC-V process contexts), or the address (table entries, whose names end in a level).
 */
export type StepGroup = 'requester' | 'pasid' | 'table';

const OF_PASID = /PASID|CD\b|GCR3|\bPC\b|\bPDT/;
const OF_TABLE = / level \d+$/;

/** The group of a step, by the name that the datasheet gives its entry. */
export function stepGroup({ what }: WalkStep): StepGroup {
  if (OF_PASID.test(what)) return 'pasid';
  return OF_TABLE.test(what) ? 'table' : 'requester';
}

/** The steps of a walk that made a cached entry: if none of them changes, the entry stays true. */
export function stepsBehind(fill: CacheFill, walk: TranslationWalk): readonly WalkStep[] {
  const { cache, tags, pa } = fill;
  if (cache === 'device-tlb') return walk.steps;
  if (cache === 'structure') {
    const group: StepGroup = 'pasid' in tags || 'ssid' in tags ? 'pasid' : 'requester';
    const steps = walk.steps.filter((step) => stepGroup(step) === group);
    return steps.length > 0 ? steps : walk.steps.filter((step) => stepGroup(step) !== 'table');
  }
  const tables = walk.steps.filter((step) => stepGroup(step) === 'table');
  if (cache === 'iotlb' || pa === undefined) return tables;
  const first = tables.findIndex(({ address }) => isInTable(address, pa));
  return first < 0 ? tables : tables.slice(0, first);
}

/** Largest table of any format: one granule of 64 KiB. */
const TABLE_BYTES = 0x1_0000n;

/** Whether an entry may belong to the table at an address. */
export const isInTable = (address: bigint, table: bigint): boolean => address >= table && address < table + TABLE_BYTES;
