import { wordLayout, type WordLayout } from '@ioasis/core';

/** Opcodes, bits [63:60] of the first word (48882 2.4). */
export const Opcode = {
  COMPLETION_WAIT: 1,
  INVALIDATE_DEVTAB_ENTRY: 2,
  INVALIDATE_IOMMU_PAGES: 3,
  INVALIDATE_IOTLB_PAGES: 4,
  INVALIDATE_INTERRUPT_TABLE: 5,
  PREFETCH_IOMMU_PAGES: 6,
  COMPLETE_PPR_REQUEST: 7,
  INVALIDATE_IOMMU_ALL: 8,
} as const;

/** Bytes of a command. */
export const COMMAND_BYTES = 16;

/** COMPLETION_WAIT (48882 2.4.1). */
export const COMPLETION_WAIT: WordLayout<'STORE_DATA' | 'OPCODE' | 'STORE_ADDRESS' | 'F' | 'I' | 'S'> = wordLayout(
  'COMPLETION_WAIT',
  128,
  { STORE_DATA: [127, 64], OPCODE: [63, 60], STORE_ADDRESS: [51, 3], F: [2, 2], I: [1, 1], S: [0, 0] },
);

/** INVALIDATE_DEVTAB_ENTRY (48882 2.4.2). */
export const INVALIDATE_DEVTAB_ENTRY: WordLayout<'OPCODE' | 'DEVICE_ID'> = wordLayout('INVALIDATE_DEVTAB_ENTRY', 128, {
  OPCODE: [63, 60],
  DEVICE_ID: [15, 0],
});

/** INVALIDATE_IOMMU_PAGES (48882 2.4.3). */
export const INVALIDATE_IOMMU_PAGES: WordLayout<'ADDRESS' | 'GN' | 'PDE' | 'S' | 'OPCODE' | 'DOMAIN_ID' | 'PASID'> =
  wordLayout('INVALIDATE_IOMMU_PAGES', 128, {
    ADDRESS: [127, 76],
    GN: [66, 66],
    PDE: [65, 65],
    S: [64, 64],
    OPCODE: [63, 60],
    DOMAIN_ID: [47, 32],
    PASID: [19, 0],
  });

/** Fields of {@link INVALIDATE_IOTLB_PAGES}. */
export type IotlbPagesField =
  | 'ADDRESS'
  | 'TYPE'
  | 'GN'
  | 'S'
  | 'OPCODE'
  | 'PASID_7_0'
  | 'QUEUE_ID'
  | 'MAX_PEND'
  | 'PASID_15_8'
  | 'DEVICE_ID';
/** INVALIDATE_IOTLB_PAGES (48882 2.4.4). */
export const INVALIDATE_IOTLB_PAGES: WordLayout<IotlbPagesField> = wordLayout('INVALIDATE_IOTLB_PAGES', 128, {
  ADDRESS: [127, 76],
  TYPE: [69, 68],
  GN: [66, 66],
  S: [64, 64],
  OPCODE: [63, 60],
  PASID_7_0: [55, 48],
  QUEUE_ID: [47, 32],
  MAX_PEND: [31, 24],
  PASID_15_8: [23, 16],
  DEVICE_ID: [15, 0],
});

/** INVALIDATE_INTERRUPT_TABLE (48882 2.4.5). */
export const INVALIDATE_INTERRUPT_TABLE: WordLayout<'OPCODE' | 'DEVICE_ID'> = wordLayout(
  'INVALIDATE_INTERRUPT_TABLE',
  128,
  { OPCODE: [63, 60], DEVICE_ID: [15, 0] },
);

/** PREFETCH_IOMMU_PAGES (48882 2.4.6). */
export const PREFETCH_IOMMU_PAGES: WordLayout<
  'ADDRESS' | 'INVAL' | 'GN' | 'S' | 'OPCODE' | 'PASID_7_0' | 'PFCOUNT' | 'PASID_15_8' | 'DEVICE_ID'
> = wordLayout('PREFETCH_IOMMU_PAGES', 128, {
  ADDRESS: [127, 76],
  INVAL: [68, 68],
  GN: [66, 66],
  S: [64, 64],
  OPCODE: [63, 60],
  PASID_7_0: [55, 48],
  PFCOUNT: [31, 24],
  PASID_15_8: [23, 16],
  DEVICE_ID: [15, 0],
});

/** COMPLETE_PPR_REQUEST (48882 2.4.7). */
export const COMPLETE_PPR_REQUEST: WordLayout<'COMPLETION_TAG' | 'STATUS' | 'GN' | 'OPCODE' | 'PASID' | 'DEVICE_ID'> =
  wordLayout('COMPLETE_PPR_REQUEST', 128, {
    STATUS: [111, 108],
    COMPLETION_TAG: [105, 96],
    GN: [66, 66],
    OPCODE: [63, 60],
    PASID: [51, 32],
    DEVICE_ID: [15, 0],
  });

/** INVALIDATE_IOMMU_ALL (48882 2.4.8). */
export const INVALIDATE_IOMMU_ALL: WordLayout<'OPCODE'> = wordLayout('INVALIDATE_IOMMU_ALL', 128, { OPCODE: [63, 60] });
