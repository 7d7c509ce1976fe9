import { wordLayout, type WordLayout } from '@ioasis/core';

/** Fields of {@link DEVICE_TABLE_ENTRY}. */
export type DeviceTableField =
  | 'V'
  | 'TV'
  | 'HAD'
  | 'MODE'
  | 'ROOT'
  | 'PPR'
  | 'GPRP'
  | 'GIOV'
  | 'GV'
  | 'GLX'
  | 'GCR3_14_12'
  | 'IR'
  | 'IW'
  | 'DOMAIN_ID'
  | 'GCR3_30_15'
  | 'I'
  | 'SE'
  | 'SA'
  | 'IOCTL'
  | 'CACHE'
  | 'SD'
  | 'EX'
  | 'SYS_MGT'
  | 'GCR3_51_31'
  | 'IV'
  | 'INT_TAB_LEN'
  | 'IG'
  | 'INT_TAB_PTR'
  | 'GUEST_PAGING_MODE'
  | 'INIT_PASS'
  | 'EINT_PASS'
  | 'NMI_PASS'
  | 'INT_CTL'
  | 'LINT0_PASS'
  | 'LINT1_PASS'
  | 'ATTR_V'
  | 'MODE0_FC'
  | 'SNOOP_ATTRIBUTE';

/** Device Table Entry, 256 bits, index = DeviceID (48882 2.2.2.1, Table 7). */
export const DEVICE_TABLE_ENTRY: WordLayout<DeviceTableField> = wordLayout('DTE', 256, {
  SNOOP_ATTRIBUTE: [255, 248],
  MODE0_FC: [247, 247],
  ATTR_V: [246, 246],
  LINT1_PASS: [191, 191],
  LINT0_PASS: [190, 190],
  INT_CTL: [189, 188],
  NMI_PASS: [186, 186],
  EINT_PASS: [185, 185],
  INIT_PASS: [184, 184],
  GUEST_PAGING_MODE: [183, 182],
  INT_TAB_PTR: [179, 134],
  IG: [133, 133],
  INT_TAB_LEN: [132, 129],
  IV: [128, 128],
  GCR3_51_31: [127, 107],
  SYS_MGT: [105, 104],
  EX: [103, 103],
  SD: [102, 102],
  CACHE: [101, 101],
  IOCTL: [100, 99],
  SA: [98, 98],
  SE: [97, 97],
  I: [96, 96],
  GCR3_30_15: [95, 80],
  DOMAIN_ID: [79, 64],
  IW: [62, 62],
  IR: [61, 61],
  GCR3_14_12: [60, 58],
  GLX: [57, 56],
  GV: [55, 55],
  GIOV: [54, 54],
  GPRP: [53, 53],
  PPR: [52, 52],
  ROOT: [51, 12],
  MODE: [11, 9],
  HAD: [8, 7],
  TV: [1, 1],
  V: [0, 0],
});

/** Bytes of an entry. */
export const DTE_BYTES = 32;

/** Values of DTE.GuestPagingMode. */
export const GuestPagingMode = { FOUR_LEVEL: 0, FIVE_LEVEL: 1 } as const;

/** Guest CR3 table entry, 64 bits, index = nine bits of the PASID per level (48882 2.2.6). */
export const GCR3_ENTRY: WordLayout<'V' | 'BASE'> = wordLayout('GCR3 entry', 64, { BASE: [51, 12], V: [0, 0] });
