import { wordLayout, type WordLayout } from '@ioasis/core';

/* RISC-V IOMMU Architecture Specification 1.0, "Device-Directory-Table": the base format (capabilities.MSI_FLAT = 0). */

/** Entry of a directory that leads to the next one. */
export const DDTE: WordLayout<'V' | 'PPN'> = wordLayout('DDTE', 64, { V: [0, 0], PPN: [53, 10] });

/** Bytes of a device context: four words. */
export const CONTEXT_BYTES = 32;

/** First bit of each index of a device id, lowest directory first: DDI[0], DDI[1], DDI[2]. The last one ends with bit 23. */
export const DIRECTORY_SHIFTS: readonly number[] = [0, 7, 16];
export const DEVICE_ID_BITS = 24;

/** Word 0: translation control. */
export const TC: WordLayout<
  'V' | 'EN_ATS' | 'EN_PRI' | 'T2GPA' | 'DTF' | 'PDTV' | 'PRPR' | 'GADE' | 'SADE' | 'DPE' | 'SBE' | 'SXL' | 'CUSTOM'
> = wordLayout('DC.tc', 64, {
  V: [0, 0],
  EN_ATS: [1, 1],
  EN_PRI: [2, 2],
  T2GPA: [3, 3],
  DTF: [4, 4],
  PDTV: [5, 5],
  PRPR: [6, 6],
  GADE: [7, 7],
  SADE: [8, 8],
  DPE: [9, 9],
  SBE: [10, 10],
  SXL: [11, 11],
  CUSTOM: [31, 24],
});

/** Word 1: second stage. */
export const IOHGATP: WordLayout<'PPN' | 'GSCID' | 'MODE'> = wordLayout('DC.iohgatp', 64, {
  PPN: [43, 0],
  GSCID: [59, 44],
  MODE: [63, 60],
});

/** Word 2: translation attributes. */
export const TA: WordLayout<'PSCID'> = wordLayout('DC.ta', 64, { PSCID: [31, 12] });

/** Word 3: first stage, where PDTV is clear. */
export const IOSATP: WordLayout<'PPN' | 'MODE'> = wordLayout('DC.fsc', 64, { PPN: [43, 0], MODE: [63, 60] });

/** iosatp.MODE. */
export const StageMode = { BARE: 0, SV39: 8, SV48: 9, SV57: 10 } as const;
