import { wordLayout, type WordLayout } from '@ioasis/core';

/** Device Table Base Address Register, offset 0x00 (48882 3.4.1): `SIZE` + 1 pages of 4 KiB. */
export const DEVICE_TABLE_BASE: WordLayout<'BASE' | 'SIZE'> = wordLayout('Device Table Base', 64, {
  BASE: [51, 12],
  SIZE: [8, 0],
});

/** Device Table Segment n Base Address Register, offset 0x100 + 8 (n - 1) (48882 3.4.12). */
export const DEVICE_TABLE_SEGMENT: WordLayout<'BASE' | 'SIZE'> = wordLayout('Device Table Segment', 64, {
  BASE: [51, 12],
  SIZE: [7, 0],
});

/** Command Buffer, Event Log and PPR Log Base Address Register: 2^LEN entries of 16 bytes, LEN 8 to 15 (48882 3.4.2, 3.4.3, 3.4.10). */
export const RING_BASE: WordLayout<'LEN' | 'BASE'> = wordLayout('Ring Base', 64, { LEN: [59, 56], BASE: [51, 12] });

/** Smallest LEN of a ring: 256 entries; below it is reserved. */
export const RING_LENGTH_MIN = 8;

/** Head and tail registers of the rings: byte offset of a 16-byte entry (48882 3.4.13). */
export const RING_POINTER: WordLayout<'PTR'> = wordLayout('Ring Pointer', 64, { PTR: [18, 4] });

/** Fields of {@link CONTROL}. */
export type ControlField =
  | 'IOMMU_EN'
  | 'HT_TUN_EN'
  | 'EVENT_LOG_EN'
  | 'EVENT_INT_EN'
  | 'COM_WAIT_INT_EN'
  | 'INV_TIME_OUT'
  | 'PASS_PW'
  | 'RES_PASS_PW'
  | 'COHERENT'
  | 'ISOC'
  | 'CMD_BUF_EN'
  | 'PPR_LOG_EN'
  | 'PPR_INT_EN'
  | 'PPR_EN'
  | 'GT_EN'
  | 'GA_EN'
  | 'CRW'
  | 'SMI_F_EN'
  | 'SLF_WB_DIS'
  | 'SMI_F_LOG_EN'
  | 'GAM_EN'
  | 'GA_LOG_EN'
  | 'GA_INT_EN'
  | 'DUAL_PPR_LOG'
  | 'DUAL_EVT_LOG'
  | 'DEV_TBL_SEG_EN'
  | 'PRIV_ABRT_EN'
  | 'PPR_AUTO_RSP_EN'
  | 'MARC_EN'
  | 'BLK_STOP_MRK_EN'
  | 'PPR_AUTO_RSP_AON'
  | 'NUM_INT_REMAP'
  | 'EPH_EN'
  | 'HAD_UPDATE'
  | 'GD_UPDATE_DIS'
  | 'XT_EN'
  | 'INT_CAP_XT_EN'
  | 'GA_UPDATE_DIS'
  | 'IRT_CACHE_DIS'
  | 'SNP_AVIC_EN';

/** IOMMU Control Register, offset 0x18 (48882 3.4.4). */
export const CONTROL: WordLayout<ControlField> = wordLayout('Control', 64, {
  SNP_AVIC_EN: [61, 61],
  IRT_CACHE_DIS: [59, 59],
  GA_UPDATE_DIS: [54, 54],
  INT_CAP_XT_EN: [51, 51],
  XT_EN: [50, 50],
  GD_UPDATE_DIS: [48, 48],
  HAD_UPDATE: [47, 46],
  EPH_EN: [45, 45],
  NUM_INT_REMAP: [44, 43],
  PPR_AUTO_RSP_AON: [42, 42],
  BLK_STOP_MRK_EN: [41, 41],
  MARC_EN: [40, 40],
  PPR_AUTO_RSP_EN: [39, 39],
  PRIV_ABRT_EN: [38, 37],
  DEV_TBL_SEG_EN: [36, 34],
  DUAL_EVT_LOG: [33, 32],
  DUAL_PPR_LOG: [31, 30],
  GA_INT_EN: [29, 29],
  GA_LOG_EN: [28, 28],
  GAM_EN: [27, 25],
  SMI_F_LOG_EN: [24, 24],
  SLF_WB_DIS: [23, 23],
  SMI_F_EN: [22, 22],
  CRW: [21, 18],
  GA_EN: [17, 17],
  GT_EN: [16, 16],
  PPR_EN: [15, 15],
  PPR_INT_EN: [14, 14],
  PPR_LOG_EN: [13, 13],
  CMD_BUF_EN: [12, 12],
  ISOC: [11, 11],
  COHERENT: [10, 10],
  RES_PASS_PW: [9, 9],
  PASS_PW: [8, 8],
  INV_TIME_OUT: [7, 5],
  COM_WAIT_INT_EN: [4, 4],
  EVENT_INT_EN: [3, 3],
  EVENT_LOG_EN: [2, 2],
  HT_TUN_EN: [1, 1],
  IOMMU_EN: [0, 0],
});

/** Fields of {@link STATUS}. */
export type StatusField =
  | 'EVENT_OVERFLOW'
  | 'EVENT_LOG_INT'
  | 'COM_WAIT_INT'
  | 'EVENT_LOG_RUN'
  | 'CMD_BUF_RUN'
  | 'PPR_OVERFLOW'
  | 'PPR_INT'
  | 'PPR_LOG_RUN'
  | 'GA_LOG_RUN'
  | 'GA_LOG_OVERFLOW'
  | 'GA_INT';

/** IOMMU Status Register, offset 0x2020 (48882 3.4.14). The run bits are read-only, the others are cleared by writing 1. */
export const STATUS: WordLayout<StatusField> = wordLayout('Status', 64, {
  GA_INT: [10, 10],
  GA_LOG_OVERFLOW: [9, 9],
  GA_LOG_RUN: [8, 8],
  PPR_LOG_RUN: [7, 7],
  PPR_INT: [6, 6],
  PPR_OVERFLOW: [5, 5],
  CMD_BUF_RUN: [4, 4],
  EVENT_LOG_RUN: [3, 3],
  COM_WAIT_INT: [2, 2],
  EVENT_LOG_INT: [1, 1],
  EVENT_OVERFLOW: [0, 0],
});

/** PPR Log Auto Response Register, offset 0x2080: what the unit answers to page requests that it cannot log. */
export const PPR_AUTO_RESPONSE: WordLayout<'CODE'> = wordLayout('PPR Auto Response', 64, { CODE: [3, 0] });

/** Exclusion Base Register, offset 0x20 (48882 3.4.5). */
export const EXCLUSION_BASE: WordLayout<'BASE' | 'ALLOW' | 'EX_EN'> = wordLayout('Exclusion Base', 64, {
  BASE: [51, 12],
  ALLOW: [1, 1],
  EX_EN: [0, 0],
});

/** Exclusion Range Limit Register, offset 0x28; the limit's page belongs to the range (48882 3.4.6). */
export const EXCLUSION_LIMIT: WordLayout<'LIMIT'> = wordLayout('Exclusion Limit', 64, { LIMIT: [51, 12] });

/** Fields of {@link EXTENDED_FEATURE}. */
export type FeatureField =
  | 'PREF_SUP'
  | 'PPR_SUP'
  | 'XT_SUP'
  | 'NX_SUP'
  | 'GT_SUP'
  | 'IA_SUP'
  | 'GA_SUP'
  | 'HE_SUP'
  | 'PC_SUP'
  | 'HATS'
  | 'GATS'
  | 'GLX_SUP'
  | 'SMIF_SUP'
  | 'SMIF_RC'
  | 'GAM_SUP'
  | 'DUAL_PPR_LOG_SUP'
  | 'DUAL_EVENT_LOG_SUP'
  | 'PAS_MAX'
  | 'US_SUP'
  | 'DEV_TBL_SEG_SUP'
  | 'PPR_OVERFLOW_EARLY_SUP'
  | 'PPR_AUTO_RSP_SUP'
  | 'MARC_SUP'
  | 'BLK_STOP_MRK_SUP'
  | 'PERF_OPT_SUP'
  | 'MSI_CAP_MMIO_SUP'
  | 'GIO_SUP'
  | 'HA_SUP'
  | 'EPH_SUP'
  | 'ATTR_FW_SUP'
  | 'HD_SUP'
  | 'INV_IOTLB_TYPE_SUP'
  | 'GA_UPDATE_DIS_SUP'
  | 'FORCE_PHYS_DEST_SUP'
  | 'SNP_SUP';

/** Extended Feature Register, offset 0x30, read-only (48882 3.4.8). */
export const EXTENDED_FEATURE: WordLayout<FeatureField> = wordLayout('Extended Feature', 64, {
  SNP_SUP: [63, 63],
  FORCE_PHYS_DEST_SUP: [62, 62],
  GA_UPDATE_DIS_SUP: [61, 61],
  INV_IOTLB_TYPE_SUP: [54, 54],
  HD_SUP: [52, 52],
  ATTR_FW_SUP: [51, 51],
  EPH_SUP: [50, 50],
  HA_SUP: [49, 49],
  GIO_SUP: [48, 48],
  MSI_CAP_MMIO_SUP: [46, 46],
  PERF_OPT_SUP: [45, 45],
  BLK_STOP_MRK_SUP: [44, 44],
  MARC_SUP: [43, 42],
  PPR_AUTO_RSP_SUP: [41, 41],
  PPR_OVERFLOW_EARLY_SUP: [40, 40],
  DEV_TBL_SEG_SUP: [39, 38],
  US_SUP: [37, 37],
  PAS_MAX: [36, 32],
  DUAL_EVENT_LOG_SUP: [29, 28],
  DUAL_PPR_LOG_SUP: [25, 24],
  GAM_SUP: [23, 21],
  SMIF_RC: [20, 18],
  SMIF_SUP: [17, 16],
  GLX_SUP: [15, 14],
  GATS: [13, 12],
  HATS: [11, 10],
  PC_SUP: [9, 9],
  HE_SUP: [8, 8],
  GA_SUP: [7, 7],
  IA_SUP: [6, 6],
  GT_SUP: [4, 4],
  NX_SUP: [3, 3],
  XT_SUP: [2, 2],
  PPR_SUP: [1, 1],
  PREF_SUP: [0, 0],
});
