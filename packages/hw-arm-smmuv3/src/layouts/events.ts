import { wordLayout, type WordLayout } from '@ioasis/core';

/** Event ids, bits [7:0] (IHI 0070 7.3). */
export const EventId = {
  F_UUT: 0x01,
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_BAD_ATS_TREQ: 0x05,
  F_STREAM_DISABLED: 0x06,
  F_TRANSL_FORBIDDEN: 0x07,
  C_BAD_SUBSTREAMID: 0x08,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
  F_TLB_CONFLICT: 0x20,
  F_CFG_CONFLICT: 0x21,
  E_PAGE_REQUEST: 0x24,
  F_VMS_FETCH: 0x25,
} as const;

/** Name of an event. */
export type EventName = keyof typeof EventId;

/** Bytes of an event record. */
export const EVENT_BYTES = 32;

/** Fields of {@link EVENT}. */
export type EventField =
  | 'IPA'
  | 'ADDRESS'
  | 'TTRNW'
  | 'CLASS'
  | 'S2'
  | 'NSIPA'
  | 'RNW'
  | 'IND'
  | 'PNU'
  | 'STALL'
  | 'STAG'
  | 'SID'
  | 'SSID'
  | 'SSV'
  | 'ID';
/** Event record, 256 bits (IHI 0070 7.3). IPA is FetchAddr in the fetch events. */
export const EVENT: WordLayout<EventField> = wordLayout('event', 256, {
  IPA: [255, 192],
  ADDRESS: [191, 128],
  TTRNW: [108, 108],
  CLASS: [105, 104],
  S2: [103, 103],
  NSIPA: [102, 102],
  RNW: [99, 99],
  IND: [98, 98],
  PNU: [97, 97],
  STALL: [95, 95],
  STAG: [79, 64],
  SID: [63, 32],
  SSID: [31, 12],
  SSV: [11, 11],
  ID: [7, 0],
});

/** Values of EVENT.CLASS: what the faulting access was for. */
export const EventClass = { CD: 0, TTD: 1, IN: 2 } as const;

/** Bytes of a PRI queue entry. */
export const PRI_ENTRY_BYTES = 16;

/** PRI queue entry, 128 bits (IHI 0070 8.1). */
export const PRI_ENTRY: WordLayout<
  'ADDRESS' | 'PRGINDEX' | 'SSV' | 'LAST' | 'WRITE' | 'READ' | 'EXEC' | 'PRIV' | 'SSID' | 'SID'
> = wordLayout('PRI entry', 128, {
  ADDRESS: [127, 76],
  PRGINDEX: [72, 64],
  SSV: [63, 63],
  LAST: [62, 62],
  WRITE: [61, 61],
  READ: [60, 60],
  EXEC: [59, 59],
  PRIV: [58, 58],
  SSID: [51, 32],
  SID: [31, 0],
});
