import { wordLayout, type WordLayout } from '@ioasis/core';

/** Level 1 Context Descriptor, 64 bits (IHI 0070 5.3). */
export const L1CD: WordLayout<'L2PTR' | 'V'> = wordLayout('L1CD', 64, { L2PTR: [51, 12], V: [0, 0] });

/** Fields of {@link CD}. */
export type CdField =
  | 'T0SZ'
  | 'TG0'
  | 'IR0'
  | 'OR0'
  | 'SH0'
  | 'EPD0'
  | 'ENDI'
  | 'T1SZ'
  | 'TG1'
  | 'IR1'
  | 'OR1'
  | 'SH1'
  | 'EPD1'
  | 'V'
  | 'IPS'
  | 'AFFD'
  | 'WXN'
  | 'UWXN'
  | 'TBI0'
  | 'TBI1'
  | 'PAN'
  | 'AA64'
  | 'HD'
  | 'HA'
  | 'S'
  | 'R'
  | 'A'
  | 'ASET'
  | 'ASID'
  | 'NSCFG0'
  | 'HAD0'
  | 'TTB0'
  | 'HWU0'
  | 'NSCFG1'
  | 'HAD1'
  | 'TTB1'
  | 'HWU1'
  | 'MAIR'
  | 'AMAIR';
/** Context Descriptor, 512 bits (IHI 0070 5.4). */
export const CD: WordLayout<CdField> = wordLayout('CD', 512, {
  AMAIR: [319, 256],
  MAIR: [255, 192],
  HWU1: [191, 188],
  TTB1: [179, 132],
  HAD1: [129, 129],
  NSCFG1: [128, 128],
  HWU0: [127, 124],
  TTB0: [115, 68],
  HAD0: [65, 65],
  NSCFG0: [64, 64],
  ASID: [63, 48],
  ASET: [47, 47],
  A: [46, 46],
  R: [45, 45],
  S: [44, 44],
  HA: [43, 43],
  HD: [42, 42],
  AA64: [41, 41],
  PAN: [40, 40],
  TBI1: [39, 39],
  TBI0: [38, 38],
  UWXN: [37, 37],
  WXN: [36, 36],
  AFFD: [35, 35],
  IPS: [34, 32],
  V: [31, 31],
  EPD1: [30, 30],
  SH1: [29, 28],
  OR1: [27, 26],
  IR1: [25, 24],
  TG1: [23, 22],
  T1SZ: [21, 16],
  ENDI: [15, 15],
  EPD0: [14, 14],
  SH0: [13, 12],
  OR0: [11, 10],
  IR0: [9, 8],
  TG0: [7, 6],
  T0SZ: [5, 0],
});

/** Bytes of a CD. */
export const CD_BYTES = 64;

/** log2 of the granule by code: TG0 and S2TG, and TG1, which counts differently. undefined: reserved. */
export const TG0_SHIFT: readonly (number | undefined)[] = [12, 16, 14, undefined];
/** Granule of CD.TG1 as a power of two of bytes; undefined is reserved. Other values than TG0 (IHI 0070 5.4). */
export const TG1_SHIFT: readonly (number | undefined)[] = [undefined, 14, 12, 16];
