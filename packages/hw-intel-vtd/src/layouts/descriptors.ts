import { wordLayout, type WordLayout } from '@ioasis/core';

/** Values of the seven-bit descriptor type, bits [11:9] above bits [3:0] (VT-d 6.5.2). */
export const DescriptorType = {
  CONTEXT_CACHE: 1,
  IOTLB: 2,
  DEVICE_TLB: 3,
  INTERRUPT_ENTRY_CACHE: 4,
  WAIT: 5,
  PASID_IOTLB: 6,
  PASID_CACHE: 7,
  PASID_DEVICE_TLB: 8,
  PAGE_GROUP_RESPONSE: 9,
} as const;

/** Context-cache Invalidate Descriptor (VT-d 6.5.2.1). */
export const CONTEXT_CACHE_DESCRIPTOR: WordLayout<'FM' | 'SID' | 'DID' | 'TYPE_HI' | 'G' | 'TYPE'> = wordLayout(
  'cc_inv_dsc',
  128,
  {
    FM: [49, 48],
    SID: [47, 32],
    DID: [31, 16],
    TYPE_HI: [11, 9],
    G: [5, 4],
    TYPE: [3, 0],
  },
);

/** IOTLB Invalidate Descriptor (VT-d 6.5.2.3). */
export const IOTLB_DESCRIPTOR: WordLayout<'ADDR' | 'IH' | 'AM' | 'DID' | 'TYPE_HI' | 'DR' | 'DW' | 'G' | 'TYPE'> =
  wordLayout('iotlb_inv_dsc', 128, {
    ADDR: [127, 76],
    IH: [70, 70],
    AM: [69, 64],
    DID: [31, 16],
    TYPE_HI: [11, 9],
    DR: [7, 7],
    DW: [6, 6],
    G: [5, 4],
    TYPE: [3, 0],
  });

/** Device-TLB Invalidate Descriptor (VT-d 6.5.2.5). */
export const DEVICE_TLB_DESCRIPTOR: WordLayout<
  'ADDR' | 'S' | 'PFSID_HI' | 'SID' | 'MIP' | 'PFSID_LO' | 'TYPE_HI' | 'TYPE'
> = wordLayout('dev_tlb_inv_dsc', 128, {
  ADDR: [127, 76],
  S: [64, 64],
  PFSID_HI: [63, 52],
  SID: [47, 32],
  MIP: [20, 16],
  PFSID_LO: [15, 12],
  TYPE_HI: [11, 9],
  TYPE: [3, 0],
});

/** Interrupt Entry Cache Invalidate Descriptor (VT-d 6.5.2.7). */
export const INTERRUPT_ENTRY_CACHE_DESCRIPTOR: WordLayout<'IIDX' | 'IM' | 'TYPE_HI' | 'G' | 'TYPE'> = wordLayout(
  'iec_inv_dsc',
  128,
  {
    IIDX: [47, 32],
    IM: [31, 27],
    TYPE_HI: [11, 9],
    G: [4, 4],
    TYPE: [3, 0],
  },
);

/** Invalidation Wait Descriptor (VT-d 6.5.2.8). */
export const WAIT_DESCRIPTOR: WordLayout<'STADDR' | 'STDATA' | 'TYPE_HI' | 'PD' | 'FN' | 'SW' | 'IF' | 'TYPE'> =
  wordLayout('inv_wait_dsc', 128, {
    STADDR: [127, 66],
    STDATA: [63, 32],
    TYPE_HI: [11, 9],
    PD: [7, 7],
    FN: [6, 6],
    SW: [5, 5],
    IF: [4, 4],
    TYPE: [3, 0],
  });

/** PASID-based IOTLB Invalidate Descriptor (VT-d 6.5.2.4). */
export const PASID_IOTLB_DESCRIPTOR: WordLayout<'ADDR' | 'IH' | 'AM' | 'PASID' | 'DID' | 'TYPE_HI' | 'G' | 'TYPE'> =
  wordLayout('p_iotlb_inv_dsc', 128, {
    ADDR: [127, 76],
    IH: [70, 70],
    AM: [69, 64],
    PASID: [51, 32],
    DID: [31, 16],
    TYPE_HI: [11, 9],
    G: [5, 4],
    TYPE: [3, 0],
  });

/** Values of PASID_IOTLB_DESCRIPTOR.G. */
export const PasidIotlbGranularity = { ALL_IN_PASID: 2, PAGES: 3 } as const;

/** PASID-cache Invalidate Descriptor (VT-d 6.5.2.2). */
export const PASID_CACHE_DESCRIPTOR: WordLayout<'PASID' | 'DID' | 'TYPE_HI' | 'G' | 'TYPE'> = wordLayout(
  'pc_inv_dsc',
  128,
  {
    PASID: [51, 32],
    DID: [31, 16],
    TYPE_HI: [11, 9],
    G: [5, 4],
    TYPE: [3, 0],
  },
);

/** Values of PASID_CACHE_DESCRIPTOR.G. */
export const PasidCacheGranularity = { DOMAIN: 0, PASID: 1, GLOBAL: 3 } as const;

/** PASID-based Device-TLB Invalidate Descriptor (VT-d 6.5.2.6). */
export const PASID_DEVICE_TLB_DESCRIPTOR: WordLayout<
  'ADDR' | 'S' | 'G' | 'PFSID_HI' | 'PASID' | 'SID' | 'PFSID_LO' | 'TYPE_HI' | 'MIP' | 'TYPE'
> = wordLayout('p_dev_tlb_inv_dsc', 128, {
  ADDR: [127, 76],
  S: [75, 75],
  G: [64, 64],
  PFSID_HI: [63, 52],
  PASID: [51, 32],
  SID: [31, 16],
  PFSID_LO: [15, 12],
  TYPE_HI: [11, 9],
  MIP: [8, 4],
  TYPE: [3, 0],
});

/** Page Group Response Descriptor (VT-d 7.6.1). */
export const PAGE_GROUP_RESPONSE_DESCRIPTOR: WordLayout<
  'PRGI' | 'LPIG' | 'PASID' | 'RID' | 'RC' | 'TYPE_HI' | 'PP' | 'TYPE'
> = wordLayout('page_grp_resp_dsc', 128, {
  PRGI: [75, 67],
  LPIG: [66, 66],
  PASID: [51, 32],
  RID: [31, 16],
  RC: [15, 12],
  TYPE_HI: [11, 9],
  PP: [4, 4],
  TYPE: [3, 0],
});

const names: readonly string[] = [
  '',
  'Context-cache Invalidate',
  'IOTLB Invalidate',
  'Device-TLB Invalidate',
  'Interrupt Entry Cache Invalidate',
  'Invalidation Wait',
  'PASID-based-IOTLB Invalidate',
  'PASID-cache Invalidate',
  'PASID-based-Device-TLB Invalidate',
  'Page Group Response',
];

/** The datasheet's name of a {@link DescriptorType}. */
export const descriptorName = (type: number): string => names[type]!;
