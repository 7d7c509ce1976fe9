import { wordLayout, type WordLayout } from '@ioasis/core';

/** Fields of {@link CCMD_REG}. */
export type CcmdField = 'ICC' | 'CIRG' | 'CAIG' | 'FM' | 'SID' | 'DID';
/** Context Command Register, offset 0x28 (VT-d 11.4.6.1). */
export const CCMD_REG: WordLayout<CcmdField> = wordLayout('CCMD_REG', 64, {
  ICC: [63, 63],
  CIRG: [62, 61],
  CAIG: [60, 59],
  FM: [33, 32],
  SID: [31, 16],
  DID: [15, 0],
});

/** Fields of {@link IOTLB_REG}. */
export type IotlbField = 'IVT' | 'IIRG' | 'IAIG' | 'DR' | 'DW' | 'DID';
/** IOTLB Invalidate Register, offset ECAP.IRO * 16 + 8 (VT-d 11.4.6.2). */
export const IOTLB_REG: WordLayout<IotlbField> = wordLayout('IOTLB_REG', 64, {
  IVT: [63, 63],
  IIRG: [61, 60],
  IAIG: [58, 57],
  DR: [49, 49],
  DW: [48, 48],
  DID: [47, 32],
});

/** Invalidate Address Register, offset ECAP.IRO * 16 (VT-d 11.4.6.3). */
export const IVA_REG: WordLayout<'ADDR' | 'IH' | 'AM'> = wordLayout('IVA_REG', 64, {
  ADDR: [63, 12],
  IH: [6, 6],
  AM: [5, 0],
});

/** Granularities of CCMD.CIRG, IOTLB.IIRG and of the G field of descriptors of type 1, 2 (0 is reserved). */
export const Granularity = { GLOBAL: 1, DOMAIN: 2, SELECTIVE: 3 } as const;

/** Invalidation Queue Head and Tail Registers, offsets 0x80 and 0x88 (VT-d 11.4.9.1): byte offsets of descriptors. */
export const IQ_INDEX_REG: WordLayout<'INDEX'> = wordLayout('IQH/IQT', 64, { INDEX: [18, 4] });

/** Invalidation Queue Address Register, offset 0x90 (VT-d 11.4.9.3). */
export const IQA_REG: WordLayout<'IQA' | 'DW' | 'QS'> = wordLayout('IQA_REG', 64, {
  IQA: [63, 12],
  DW: [11, 11],
  QS: [2, 0],
});

/** Invalidation Completion Status Register, offset 0x9C (VT-d 11.4.9.4). */
export const ICS_REG: WordLayout<'IWC'> = wordLayout('ICS_REG', 32, { IWC: [0, 0] });

/** Invalidation Queue Error Record Register, offset 0xB0 (VT-d 11.4.9.9). */
export const IQERCD_REG: WordLayout<'ICESID' | 'ITESID' | 'IQEI'> = wordLayout('IQERCD_REG', 64, {
  ICESID: [63, 48],
  ITESID: [47, 32],
  IQEI: [3, 0],
});

/** Values of IQERCD.IQEI: why the queue stopped. */
export const QueueErrorInfo = {
  NONE: 0,
  INVALID_TAIL: 1,
  FETCH_ERROR: 2,
  INVALID_TYPE: 3,
  RESERVED_FIELD: 4,
  INVALID_WIDTH: 5,
  MISALIGNED_TAIL: 6,
  INVALID_TTM: 7,
} as const;
