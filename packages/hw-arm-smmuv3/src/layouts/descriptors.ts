import { wordLayout, type WordLayout } from '@ioasis/core';

/** Fields of {@link STAGE1_LEAF}. */
export type Stage1Field =
  | 'PXN'
  | 'UXN'
  | 'CONTIGUOUS'
  | 'DBM'
  | 'OA'
  | 'OA_51_48'
  | 'NG'
  | 'AF'
  | 'SH'
  | 'AP2'
  | 'AP1'
  | 'NS'
  | 'ATTR'
  | 'TYPE'
  | 'VALID';
/** VMSAv8-64 stage 1 block or page descriptor, 64 bits (DDI 0487 D8.3). OA_51_48 is address only with the 64K granule and 52 bits. */
export const STAGE1_LEAF: WordLayout<Stage1Field> = wordLayout('stage 1 leaf', 64, {
  UXN: [54, 54],
  PXN: [53, 53],
  CONTIGUOUS: [52, 52],
  DBM: [51, 51],
  OA: [47, 16],
  OA_51_48: [15, 12],
  NG: [11, 11],
  AF: [10, 10],
  SH: [9, 8],
  AP2: [7, 7],
  AP1: [6, 6],
  NS: [5, 5],
  ATTR: [4, 2],
  TYPE: [1, 1],
  VALID: [0, 0],
});

/** Fields of {@link STAGE1_TABLE}. */
export type Stage1TableField = 'NSTABLE' | 'APTABLE1' | 'APTABLE0' | 'XNTABLE' | 'PXNTABLE' | 'TYPE' | 'VALID';
/** VMSAv8-64 stage 1 table descriptor: the bits that restrict what lies below; the address is as in a leaf. */
export const STAGE1_TABLE: WordLayout<Stage1TableField> = wordLayout('stage 1 table', 64, {
  NSTABLE: [63, 63],
  APTABLE1: [62, 62],
  APTABLE0: [61, 61],
  XNTABLE: [60, 60],
  PXNTABLE: [59, 59],
  TYPE: [1, 1],
  VALID: [0, 0],
});

/** Fields of {@link STAGE2_LEAF}. */
export type Stage2Field =
  | 'XN'
  | 'CONTIGUOUS'
  | 'DBM'
  | 'OA'
  | 'OA_51_48'
  | 'AF'
  | 'SH'
  | 'S2AP1'
  | 'S2AP0'
  | 'MEMATTR'
  | 'TYPE'
  | 'VALID';
/** VMSAv8-64 stage 2 block or page descriptor, 64 bits (DDI 0487 D8.3). */
export const STAGE2_LEAF: WordLayout<Stage2Field> = wordLayout('stage 2 leaf', 64, {
  XN: [54, 53],
  CONTIGUOUS: [52, 52],
  DBM: [51, 51],
  OA: [47, 16],
  OA_51_48: [15, 12],
  AF: [10, 10],
  SH: [9, 8],
  S2AP1: [7, 7],
  S2AP0: [6, 6],
  MEMATTR: [5, 2],
  TYPE: [1, 1],
  VALID: [0, 0],
});
