import { wordLayout, type WordLayout } from '@ioasis/core';

/** Version Register, offset 0x00 (VT-d 11.4.1). */
export const VER_REG: WordLayout<'MAJOR' | 'MINOR'> = wordLayout('VER_REG', 32, { MAJOR: [7, 4], MINOR: [3, 0] });

/** Fields of {@link CAP_REG}. */
export type CapField =
  | 'ND'
  | 'AFL'
  | 'RWBF'
  | 'PLMR'
  | 'PHMR'
  | 'CM'
  | 'SAGAW'
  | 'MGAW'
  | 'ZLR'
  | 'FRO'
  | 'SSLPS'
  | 'PSI'
  | 'NFR'
  | 'MAMV'
  | 'DWD'
  | 'DRD'
  | 'FS1GP'
  | 'PI'
  | 'FS5LP'
  | 'ECMDS'
  | 'ESIRTPS'
  | 'ESRTPS';

/** Capability Register, offset 0x08 (VT-d 11.4.2). */
export const CAP_REG: WordLayout<CapField> = wordLayout('CAP_REG', 64, {
  ESRTPS: [63, 63],
  ESIRTPS: [62, 62],
  ECMDS: [61, 61],
  FS5LP: [60, 60],
  PI: [59, 59],
  FS1GP: [56, 56],
  DRD: [55, 55],
  DWD: [54, 54],
  MAMV: [53, 48],
  NFR: [47, 40],
  PSI: [39, 39],
  SSLPS: [37, 34],
  FRO: [33, 24],
  ZLR: [22, 22],
  MGAW: [21, 16],
  SAGAW: [12, 8],
  CM: [7, 7],
  PHMR: [6, 6],
  PLMR: [5, 5],
  RWBF: [4, 4],
  AFL: [3, 3],
  ND: [2, 0],
});

/** Fields of {@link ECAP_REG}. */
export type EcapField =
  | 'C'
  | 'QI'
  | 'DT'
  | 'IR'
  | 'EIM'
  | 'PT'
  | 'SC'
  | 'IRO'
  | 'MHMV'
  | 'MTS'
  | 'NEST'
  | 'DIS'
  | 'PRS'
  | 'ERS'
  | 'SRS'
  | 'NWFS'
  | 'EAFS'
  | 'PSS'
  | 'PASID'
  | 'DIT'
  | 'PDS'
  | 'SMTS'
  | 'VCS'
  | 'SSADS'
  | 'SSTS'
  | 'FSTS'
  | 'SMPWCS'
  | 'RPS'
  | 'PMS'
  | 'ADMS'
  | 'RPRIVS';

/** Extended Capability Register, offset 0x10 (VT-d 11.4.3). */
export const ECAP_REG: WordLayout<EcapField> = wordLayout('ECAP_REG', 64, {
  RPRIVS: [53, 53],
  ADMS: [52, 52],
  PMS: [51, 51],
  RPS: [49, 49],
  SMPWCS: [48, 48],
  FSTS: [47, 47],
  SSTS: [46, 46],
  SSADS: [45, 45],
  VCS: [44, 44],
  SMTS: [43, 43],
  PDS: [42, 42],
  DIT: [41, 41],
  PASID: [40, 40],
  PSS: [39, 35],
  EAFS: [34, 34],
  NWFS: [33, 33],
  SRS: [31, 31],
  ERS: [30, 30],
  PRS: [29, 29],
  DIS: [27, 27],
  NEST: [26, 26],
  MTS: [25, 25],
  MHMV: [23, 20],
  IRO: [17, 8],
  SC: [7, 7],
  PT: [6, 6],
  EIM: [4, 4],
  IR: [3, 3],
  DT: [2, 2],
  QI: [1, 1],
  C: [0, 0],
});
