import type { WordLayout } from '@ioasis/core';
import { amdViLayouts as amd } from '@ioasis/hw-amd-vi';
import { smmuV3Layouts as smmu } from '@ioasis/hw-arm-smmuv3';
import * as vtd from '@ioasis/hw-intel-vtd';
import { decodeAmdRecord } from './amd-vi.js';
import type { Decoded } from './decoded.js';
import { decodeSmmuRecord } from './smmuv3.js';
import { decodeVtdRecord } from './vtd.js';
import { decodeWord } from './words.js';

/** Something that `--as` decodes. */
export interface Structure {
  readonly bits: number;
  readonly about: string;
  readonly decode: (word: bigint) => Decoded;
}

const plain = (layout: WordLayout<string>, about: string): Structure => ({
  bits: layout.bits,
  about,
  decode: (word) => decodeWord(layout, word),
});

/** A record: what it says, and its fields. */
const record = (layout: WordLayout<string>, about: string, says: (word: bigint) => Decoded): Structure => ({
  bits: layout.bits,
  about,
  decode: (word) => {
    const { fields, reserved } = decodeWord(layout, word);
    return { ...says(word), ...(fields && { fields }), ...(reserved === undefined ? {} : { reserved }) };
  },
});

/** A command: its layout is that of its opcode. */
const command = (about: string, opcodeOf: (word: bigint) => number, layouts: CommandLayouts): Structure => ({
  bits: 128,
  about,
  decode: (word) => {
    const opcode = opcodeOf(word);
    const found = layouts(opcode);
    if (found === undefined) {
      return { line: undefined, what: `opcode 0x${opcode.toString(16)}`, why: 'no command of this unit has it' };
    }
    const [name, layout] = found;
    return { ...decodeWord(layout, word), what: name };
  },
});

type CommandLayouts = (opcode: number) => readonly [name: string, layout: WordLayout<string>] | undefined;

const vtdDescriptors: readonly (WordLayout<string> | undefined)[] = [
  undefined,
  vtd.CONTEXT_CACHE_DESCRIPTOR,
  vtd.IOTLB_DESCRIPTOR,
  vtd.DEVICE_TLB_DESCRIPTOR,
  vtd.INTERRUPT_ENTRY_CACHE_DESCRIPTOR,
  vtd.WAIT_DESCRIPTOR,
  vtd.PASID_IOTLB_DESCRIPTOR,
  vtd.PASID_CACHE_DESCRIPTOR,
  vtd.PASID_DEVICE_TLB_DESCRIPTOR,
  vtd.PAGE_GROUP_RESPONSE_DESCRIPTOR,
];

const vtdCommand: CommandLayouts = (type) => {
  const layout = vtdDescriptors[type];
  return layout && [vtd.descriptorName(type), layout];
};

const amdLayouts: readonly WordLayout<string>[] = [
  amd.COMPLETION_WAIT,
  amd.INVALIDATE_DEVTAB_ENTRY,
  amd.INVALIDATE_IOMMU_PAGES,
  amd.INVALIDATE_IOTLB_PAGES,
  amd.INVALIDATE_INTERRUPT_TABLE,
  amd.PREFETCH_IOMMU_PAGES,
  amd.COMPLETE_PPR_REQUEST,
  amd.INVALIDATE_IOMMU_ALL,
];

const amdCommand: CommandLayouts = (opcode) => {
  const name = nameOf(amd.Opcode, opcode);
  const layout = amdLayouts.find((each) => each.name === name);
  return layout && [layout.name, layout];
};

const smmuSpecial = {
  CFGI_STE_RANGE: smmu.CFGI_STE_RANGE,
  ATC_INV: smmu.ATC_INV,
  PRI_RESP: smmu.PRI_RESP,
  RESUME: smmu.RESUME,
  SYNC: smmu.SYNC,
} as const;

const smmuCommand: CommandLayouts = (opcode) => {
  const name = nameOf(smmu.Opcode, opcode);
  if (name === undefined) return undefined;
  const layout = (smmuSpecial as Readonly<Record<string, WordLayout<string>>>)[name];
  return [`CMD_${name}`, layout ?? (name.startsWith('TLBI') ? smmu.TLBI_COMMAND : smmu.CFGI_COMMAND)];
};

const nameOf = <Name extends string>(codes: Readonly<Record<Name, number>>, code: number): Name | undefined =>
  (Object.entries(codes) as [Name, number][]).find(([, value]) => value === code)?.[0];

/** What `--as` knows, by name. */
export const structures: Readonly<Record<string, Structure>> = {
  'root-entry': plain(vtd.ROOT_ENTRY, 'VT-d, legacy mode'),
  'context-entry': plain(vtd.CONTEXT_ENTRY, 'VT-d, legacy mode'),
  'sm-root-entry': plain(vtd.SM_ROOT_ENTRY, 'VT-d, scalable mode'),
  'sm-context-entry': plain(vtd.SM_CONTEXT_ENTRY, 'VT-d, scalable mode'),
  'pasid-directory-entry': plain(vtd.PASID_DIRECTORY_ENTRY, 'VT-d'),
  'pasid-entry': plain(vtd.PASID_ENTRY, 'VT-d'),
  'ss-pte': plain(vtd.SS_LEAF_ENTRY, 'VT-d second stage, as a page'),
  'ss-table': plain(vtd.SS_TABLE_ENTRY, 'VT-d second stage, as a table'),
  'fs-pte': plain(vtd.FS_ENTRY, 'VT-d first stage'),
  frcd: record(vtd.FRCD_REG, 'VT-d fault record', decodeVtdRecord),
  'vtd-command': command(
    'VT-d invalidation descriptor',
    (word) => Number((((word >> 9n) & 7n) << 4n) | (word & 15n)),
    vtdCommand,
  ),
  ste: plain(smmu.STE, 'SMMUv3'),
  l1std: plain(smmu.L1STD, 'SMMUv3, level 1 of the stream table'),
  cd: plain(smmu.CD, 'SMMUv3'),
  l1cd: plain(smmu.L1CD, 'SMMUv3, level 1 of the context table'),
  's1-pte': plain(smmu.STAGE1_LEAF, 'SMMUv3 stage 1, block or page'),
  's1-table': plain(smmu.STAGE1_TABLE, 'SMMUv3 stage 1, table'),
  's2-pte': plain(smmu.STAGE2_LEAF, 'SMMUv3 stage 2'),
  'smmu-event': record(smmu.EVENT, 'SMMUv3 event record', decodeSmmuRecord),
  'smmu-command': command('SMMUv3 command', (word) => Number(word & 0xffn), smmuCommand),
  'pri-entry': plain(smmu.PRI_ENTRY, 'SMMUv3 page request'),
  dte: plain(amd.DEVICE_TABLE_ENTRY, 'AMD-Vi'),
  'gcr3-entry': plain(amd.GCR3_ENTRY, 'AMD-Vi'),
  'host-pde': plain(amd.HOST_PDE, 'AMD-Vi v1, directory'),
  'host-pte': plain(amd.HOST_PTE, 'AMD-Vi v1, page'),
  'guest-pte': plain(amd.GUEST_PTE, 'AMD-Vi v2'),
  'amd-event': record(amd.EVENT, 'AMD-Vi event log entry', decodeAmdRecord),
  'amd-command': command('AMD-Vi command', (word) => Number((word >> 60n) & 15n), amdCommand),
  'ppr-entry': plain(amd.PPR_ENTRY, 'AMD-Vi page request'),
};
