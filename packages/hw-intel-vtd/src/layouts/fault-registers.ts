import { wordLayout, type WordLayout } from '@ioasis/core';

/** Fields of {@link FSTS_REG}. */
export type FstsField = 'FRI' | 'PRO' | 'ITE' | 'ICE' | 'IQE' | 'APF' | 'AFO' | 'PPF' | 'PFO';
/** Fault Status Register, offset 0x34 (VT-d 11.4.7.1). */
export const FSTS_REG: WordLayout<FstsField> = wordLayout('FSTS_REG', 32, {
  FRI: [15, 8],
  PRO: [7, 7],
  ITE: [6, 6],
  ICE: [5, 5],
  IQE: [4, 4],
  APF: [3, 3],
  AFO: [2, 2],
  PPF: [1, 1],
  PFO: [0, 0],
});

/** Fields of {@link FRCD_REG}. */
export type FrcdField = 'F' | 'T1' | 'AT' | 'PASID' | 'FR' | 'PP' | 'EXE' | 'PRIV' | 'T2' | 'SID' | 'FI';
/** Fault Recording Register, offset CAP.FRO * 16 + 16 * n (VT-d 11.4.14). */
export const FRCD_REG: WordLayout<FrcdField> = wordLayout('FRCD_REG', 128, {
  F: [127, 127],
  T1: [126, 126],
  AT: [125, 124],
  PASID: [123, 104],
  FR: [103, 96],
  PP: [95, 95],
  EXE: [94, 94],
  PRIV: [93, 93],
  T2: [92, 92],
  SID: [79, 64],
  FI: [63, 12],
});

/** Values of FRCD.AT. */
export const AddressType = { UNTRANSLATED: 0, TRANSLATION_REQUEST: 1, TRANSLATED: 2 } as const;
