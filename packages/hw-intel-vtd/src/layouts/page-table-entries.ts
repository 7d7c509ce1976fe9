import { wordLayout, type WordLayout } from '@ioasis/core';

/** Second-stage entry that points to a table (VT-d 9.8). X is looked at only with SSEE, A only with SSADE. */
export const SS_TABLE_ENTRY: WordLayout<
  'R' | 'W' | 'X' | 'IGN_6_3' | 'PS' | 'A' | 'IGN_10_9' | 'ADDR' | 'IGN_61_52' | 'IGN_63'
> = wordLayout('SS-PTE (table)', 64, {
  IGN_63: [63, 63],
  IGN_61_52: [61, 52],
  ADDR: [51, 12],
  IGN_10_9: [10, 9],
  A: [8, 8],
  PS: [7, 7],
  IGN_6_3: [6, 3],
  X: [2, 2],
  W: [1, 1],
  R: [0, 0],
});

/** Fields of {@link SS_LEAF_ENTRY}. */
export type SsLeafField =
  | 'R'
  | 'W'
  | 'X'
  | 'EMT'
  | 'IPAT'
  | 'PS'
  | 'A'
  | 'D'
  | 'IGN_10'
  | 'SNP'
  | 'ADDR'
  | 'IGN_61_52'
  | 'TM'
  | 'IGN_63';
/** Second-stage entry that maps a page (VT-d 9.8). SNP is reserved without ECAP.SC, TM without ECAP.DT. */
export const SS_LEAF_ENTRY: WordLayout<SsLeafField> = wordLayout('SS-PTE (page)', 64, {
  IGN_63: [63, 63],
  TM: [62, 62],
  IGN_61_52: [61, 52],
  ADDR: [51, 12],
  SNP: [11, 11],
  IGN_10: [10, 10],
  D: [9, 9],
  A: [8, 8],
  PS: [7, 7],
  IPAT: [6, 6],
  EMT: [5, 3],
  X: [2, 2],
  W: [1, 1],
  R: [0, 0],
});

/** Fields of {@link FS_ENTRY}. */
export type FsField =
  | 'P'
  | 'RW'
  | 'US'
  | 'PWT'
  | 'PCD'
  | 'A'
  | 'D'
  | 'PS'
  | 'G'
  | 'IGN_9'
  | 'EA'
  | 'IGN_11'
  | 'ADDR'
  | 'IGN_62_52'
  | 'XD';
/** First-stage entry (VT-d 9.7), as on x86-64. PS is the PAT bit of a 4 KiB page; XD is reserved without NXE; EA is used with EAFE. */
export const FS_ENTRY: WordLayout<FsField> = wordLayout('FS-PTE', 64, {
  XD: [63, 63],
  IGN_62_52: [62, 52],
  ADDR: [51, 12],
  IGN_11: [11, 11],
  EA: [10, 10],
  IGN_9: [9, 9],
  G: [8, 8],
  PS: [7, 7],
  D: [6, 6],
  A: [5, 5],
  PCD: [4, 4],
  PWT: [3, 3],
  US: [2, 2],
  RW: [1, 1],
  P: [0, 0],
});
