import { wordLayout, type WordLayout } from '@ioasis/core';

/** Root Entry, 128 bits, index = bus (VT-d 9.1). */
export const ROOT_ENTRY: WordLayout<'P' | 'CTP'> = wordLayout('root entry', 128, { CTP: [63, 12], P: [0, 0] });

/** Scalable-Mode Root Entry, 128 bits, index = bus; the upper half serves devices 16 to 31 (VT-d 9.2). */
export const SM_ROOT_ENTRY: WordLayout<'LP' | 'LCTP' | 'UP' | 'UCTP'> = wordLayout('scalable-mode root entry', 128, {
  UCTP: [127, 76],
  UP: [64, 64],
  LCTP: [63, 12],
  LP: [0, 0],
});

/** Fields of {@link CONTEXT_ENTRY}. */
export type ContextField = 'P' | 'FPD' | 'TT' | 'SSPTPTR' | 'AW' | 'IGN' | 'DID';
/** Context Entry, 128 bits, index = device and function (VT-d 9.3). IGN is ignored by hardware. */
export const CONTEXT_ENTRY: WordLayout<ContextField> = wordLayout('context entry', 128, {
  DID: [87, 72],
  IGN: [70, 67],
  AW: [66, 64],
  SSPTPTR: [63, 12],
  TT: [3, 2],
  FPD: [1, 1],
  P: [0, 0],
});

/** Values of CONTEXT_ENTRY.TT. */
export const TranslationType = { UNTRANSLATED_ONLY: 0, WITH_DEVICE_TLB: 1, PASS_THROUGH: 2, RESERVED: 3 } as const;

/** Fields of {@link SM_CONTEXT_ENTRY}. */
export type SmContextField = 'P' | 'FPD' | 'DTE' | 'PASIDE' | 'PRE' | 'PDTS' | 'PASIDDIRPTR' | 'RID_PASID' | 'RID_PRIV';
/** Scalable-Mode Context Entry, 256 bits, index = low seven bits of device and function (VT-d 9.4). */
export const SM_CONTEXT_ENTRY: WordLayout<SmContextField> = wordLayout('scalable-mode context entry', 256, {
  RID_PRIV: [84, 84],
  RID_PASID: [83, 64],
  PASIDDIRPTR: [63, 12],
  PDTS: [11, 9],
  PRE: [4, 4],
  PASIDE: [3, 3],
  DTE: [2, 2],
  FPD: [1, 1],
  P: [0, 0],
});

/** Scalable-Mode PASID Directory Entry, 64 bits, index = PASID[19:6] (VT-d 9.5). */
export const PASID_DIRECTORY_ENTRY: WordLayout<'P' | 'FPD' | 'SMPTBLPTR'> = wordLayout('PASID directory entry', 64, {
  SMPTBLPTR: [63, 12],
  FPD: [1, 1],
  P: [0, 0],
});

/** Fields of {@link PASID_ENTRY}. */
export type PasidField =
  | 'P'
  | 'FPD'
  | 'AW'
  | 'SSEE'
  | 'PGTT'
  | 'SSADE'
  | 'SSPTPTR'
  | 'DID'
  | 'PWSNP'
  | 'PGSNP'
  | 'CD'
  | 'EMTE'
  | 'EMT'
  | 'PWT'
  | 'PCD'
  | 'PAT'
  | 'SRE'
  | 'ERE'
  | 'FSPM'
  | 'WPE'
  | 'NXE'
  | 'SMEP'
  | 'EAFE'
  | 'FSPTPTR';
/** Scalable-Mode PASID Table Entry, 512 bits, index = PASID[5:0] (VT-d 9.6). */
export const PASID_ENTRY: WordLayout<PasidField> = wordLayout('PASID entry', 512, {
  FSPTPTR: [191, 140],
  EAFE: [135, 135],
  SMEP: [134, 134],
  NXE: [133, 133],
  WPE: [132, 132],
  FSPM: [131, 130],
  ERE: [129, 129],
  SRE: [128, 128],
  PAT: [127, 96],
  PCD: [95, 95],
  PWT: [94, 94],
  EMT: [93, 91],
  EMTE: [90, 90],
  CD: [89, 89],
  PGSNP: [88, 88],
  PWSNP: [87, 87],
  DID: [79, 64],
  SSPTPTR: [63, 12],
  SSADE: [9, 9],
  PGTT: [8, 6],
  SSEE: [5, 5],
  AW: [4, 2],
  FPD: [1, 1],
  P: [0, 0],
});

/** Values of PASID_ENTRY.PGTT; the others are reserved. */
export const PasidTranslationType = { FIRST_STAGE: 1, SECOND_STAGE: 2, NESTED: 3, PASS_THROUGH: 4 } as const;
