import { wordLayout, type WordLayout } from '@ioasis/core';

/** Page Request Queue Head and Tail Registers, offsets 0xC0 and 0xC8 (VT-d 11.4.11.1): byte offsets of 32-byte descriptors. */
export const PQ_INDEX_REG: WordLayout<'INDEX'> = wordLayout('PQH/PQT', 64, { INDEX: [18, 5] });

/** Page Request Queue Address Register, offset 0xD0 (VT-d 11.4.11.3). */
export const PQA_REG: WordLayout<'PQA' | 'PQS'> = wordLayout('PQA_REG', 64, { PQA: [63, 12], PQS: [2, 0] });

/** Page Request Status Register, offset 0xDC (VT-d 11.4.11.4). */
export const PRS_REG: WordLayout<'PRO' | 'PPR'> = wordLayout('PRS_REG', 32, { PRO: [1, 1], PPR: [0, 0] });

/** Fields of {@link PAGE_REQUEST}. */
export type PageRequestField =
  | 'TYPE'
  | 'PP'
  | 'PDP'
  | 'RID'
  | 'PASID'
  | 'EXR'
  | 'PRIV'
  | 'RD'
  | 'WR'
  | 'LPIG'
  | 'PRGI'
  | 'ADDR'
  | 'PD';
/** Page Request Descriptor, 256 bits (VT-d 7.4.1.1). PD is the private data of a group's last request. */
export const PAGE_REQUEST: WordLayout<PageRequestField> = wordLayout('page_req_dsc', 256, {
  PD: [255, 128],
  ADDR: [127, 76],
  PRGI: [75, 67],
  LPIG: [66, 66],
  WR: [65, 65],
  RD: [64, 64],
  PRIV: [53, 53],
  EXR: [52, 52],
  PASID: [51, 32],
  RID: [31, 16],
  PDP: [9, 9],
  PP: [8, 8],
  TYPE: [7, 0],
});

/** Bytes of a {@link PAGE_REQUEST}. */
export const PAGE_REQUEST_BYTES = 32;
/** PAGE_REQUEST.TYPE of a page request. */
export const PAGE_REQUEST_TYPE = 1;
