import { wordLayout, type WordLayout } from '@ioasis/core';

/** Event codes, bits [63:60] of the first word (48882 2.5). */
export const EventCode = {
  ILLEGAL_DEV_TABLE_ENTRY: 1,
  IO_PAGE_FAULT: 2,
  DEV_TAB_HARDWARE_ERROR: 3,
  PAGE_TAB_HARDWARE_ERROR: 4,
  ILLEGAL_COMMAND_ERROR: 5,
  COMMAND_HARDWARE_ERROR: 6,
  IOTLB_INV_TIMEOUT: 7,
  INVALID_DEVICE_REQUEST: 8,
  INVALID_PPR_REQUEST: 9,
  EVENT_COUNTER_ZERO: 10,
  RMP_PAGE_FAULT: 13,
  RMP_HW_ERROR: 14,
} as const;

/** Name of an event code. */
export type EventName = keyof typeof EventCode;

/** Bytes of an event. */
export const EVENT_BYTES = 16;

/** Fields of {@link EVENT}. */
export type EventField =
  | 'ADDRESS'
  | 'CODE'
  | 'TYPE'
  | 'TR'
  | 'RZ'
  | 'PE'
  | 'RW'
  | 'PR'
  | 'I'
  | 'US'
  | 'NX'
  | 'GN'
  | 'DOMAIN_ID'
  | 'PASID_19_16'
  | 'DEVICE_ID';
/**
 * Event log entry, 128 bits, of the events that a device's request causes (48882 2.5.1 to 2.5.4, 2.5.8). DOMAIN_ID holds PASID[15:0]
 * when GN = 1. Commands' events use CODE and ADDRESS alone.
 */
export const EVENT: WordLayout<EventField> = wordLayout('event', 128, {
  ADDRESS: [127, 64],
  CODE: [63, 60],
  TYPE: [58, 57],
  TR: [56, 56],
  RZ: [55, 55],
  PE: [54, 54],
  RW: [53, 53],
  PR: [52, 52],
  I: [51, 51],
  US: [50, 50],
  NX: [49, 49],
  GN: [48, 48],
  DOMAIN_ID: [47, 32],
  PASID_19_16: [19, 16],
  DEVICE_ID: [15, 0],
});

/** Values of EVENT.TYPE in the two hardware errors (48882 2.5.3): what became of the access to the table. */
export const HardwareErrorType = { MASTER_ABORT: 1, TARGET_ABORT: 2, DATA_ERROR: 3 } as const;

/** INVALID_DEVICE_REQUEST has a three-bit type one position higher than {@link EVENT}'s (48882 2.5.8). */
export const INVALID_REQUEST_EVENT: WordLayout<
  'ADDRESS' | 'CODE' | 'TYPE' | 'TR' | 'GN' | 'PASID_15_0' | 'PASID_19_16' | 'DEVICE_ID'
> = wordLayout('INVALID_DEVICE_REQUEST', 128, {
  ADDRESS: [127, 64],
  CODE: [63, 60],
  TYPE: [59, 57],
  TR: [56, 56],
  GN: [48, 48],
  PASID_15_0: [47, 32],
  PASID_19_16: [19, 16],
  DEVICE_ID: [15, 0],
});

/** Values of INVALID_REQUEST_EVENT.TYPE. */
export const InvalidRequestType = {
  READ_OR_NON_POSTED_IN_INTERRUPT_RANGE: 0,
  PRETRANSLATED: 1,
  PORT_IO: 2,
  SYSTEM_MANAGEMENT: 3,
  INTERRUPT_RANGE: 4,
  RESERVED_INTERRUPT: 5,
  SYSTEM_MANAGEMENT_ADDRESS: 6,
} as const;

/** INVALID_PPR_REQUEST: the request as the PPR log would show it; RX: the unit has answered it (48882 2.5.9). */
export const INVALID_PPR_EVENT: WordLayout<
  'ADDRESS' | 'CODE' | 'RX' | 'PASID_19_16' | 'TAG' | 'PASID_15_0' | 'DEVICE_ID'
> = wordLayout('INVALID_PPR_REQUEST', 128, {
  ADDRESS: [127, 64],
  CODE: [63, 60],
  RX: [48, 48],
  PASID_19_16: [45, 42],
  TAG: [41, 32],
  PASID_15_0: [31, 16],
  DEVICE_ID: [15, 0],
});

/** Value of PPR_ENTRY.CODE: a page request. */
export const PPR_REQUEST_CODE = 1;

/** PPR log entry, 128 bits (48882 2.6). */
export const PPR_ENTRY: WordLayout<
  | 'ADDRESS'
  | 'CODE'
  | 'GN'
  | 'RVSD'
  | 'US'
  | 'WRITE'
  | 'READ'
  | 'EXEC'
  | 'PASID_19_16'
  | 'TAG'
  | 'PASID_15_0'
  | 'DEVICE_ID'
> = wordLayout('PPR entry', 128, {
  ADDRESS: [127, 64],
  CODE: [63, 60],
  GN: [56, 56],
  RVSD: [55, 55],
  US: [54, 54],
  WRITE: [53, 53],
  READ: [50, 50],
  EXEC: [49, 49],
  PASID_19_16: [45, 42],
  TAG: [41, 32],
  PASID_15_0: [31, 16],
  DEVICE_ID: [15, 0],
});
