import { wordLayout, type WordLayout } from '@ioasis/core';

/* RISC-V IOMMU Architecture Specification 1.0, "Fault/Event-Queue": records of four words. */

export const FAULT_BYTES = 32;

/** Word 0; words 2 and 3 are iotval and iotval2. */
export const FAULT: WordLayout<'CAUSE' | 'PID' | 'PV' | 'PRIV' | 'TTYP' | 'DID'> = wordLayout('fault record', 64, {
  CAUSE: [11, 0],
  PID: [31, 12],
  PV: [32, 32],
  PRIV: [33, 33],
  TTYP: [39, 34],
  DID: [63, 40],
});

/** CAUSE: those that this unit reports. */
export const Cause = {
  INSTRUCTION_ACCESS_FAULT: 1,
  READ_ACCESS_FAULT: 5,
  WRITE_ACCESS_FAULT: 7,
  INSTRUCTION_PAGE_FAULT: 12,
  READ_PAGE_FAULT: 13,
  WRITE_PAGE_FAULT: 15,
  ALL_INBOUND_DISALLOWED: 256,
  DDT_ENTRY_LOAD_ACCESS_FAULT: 257,
  DDT_ENTRY_NOT_VALID: 258,
  DDT_ENTRY_MISCONFIGURED: 259,
  TRANSACTION_TYPE_DISALLOWED: 260,
} as const;

/** Name of a cause. */
export type CauseName = keyof typeof Cause;

/** TTYP. */
export const TransactionType = {
  UNTRANSLATED_EXECUTE: 1,
  UNTRANSLATED_READ: 2,
  UNTRANSLATED_WRITE: 3,
  TRANSLATED_EXECUTE: 5,
  TRANSLATED_READ: 6,
  TRANSLATED_WRITE: 7,
  ATS_REQUEST: 8,
} as const;
