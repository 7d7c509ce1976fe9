/** Fault reasons of FRCD.FR (VT-d 7.1.3, 5.1.4.1): code and this package's name. */
export const FaultReason = {
  ROOT_NOT_PRESENT: 0x01,
  CONTEXT_NOT_PRESENT: 0x02,
  CONTEXT_INVALID: 0x03,
  ADDRESS_BEYOND_WIDTH: 0x04,
  WRITE_DENIED: 0x05,
  READ_DENIED: 0x06,
  NEXT_TABLE_ACCESS: 0x07,
  ROOT_ACCESS: 0x08,
  CONTEXT_ACCESS: 0x09,
  ROOT_RESERVED: 0x0a,
  CONTEXT_RESERVED: 0x0b,
  ENTRY_RESERVED: 0x0c,
  REQUEST_TYPE_BLOCKED: 0x0d,
  INTERRUPT_RANGE: 0x0e,
  NOT_AN_INTERRUPT: 0x29,
  TABLE_MODE_INVALID: 0x30,
  PASID_IN_LEGACY_MODE: 0x31,
  PAGE_REQUEST_IN_LEGACY_MODE: 0x32,
  ABORT_DMA_MODE: 0x33,
  SM_ROOT_ACCESS: 0x38,
  SM_ROOT_NOT_PRESENT: 0x39,
  SM_ROOT_RESERVED: 0x3a,
  SM_CONTEXT_ACCESS: 0x40,
  SM_CONTEXT_NOT_PRESENT: 0x41,
  SM_CONTEXT_RESERVED: 0x42,
  SM_CONTEXT_INVALID: 0x43,
  DEVICE_TLB_DISABLED: 0x44,
  PASID_DISABLED: 0x45,
  PASID_BEYOND_DIRECTORY: 0x46,
  PAGE_REQUEST_DISABLED: 0x47,
  PASID_IS_RID_PASID: 0x48,
  TRANSLATED_PASID_DISABLED: 0x49,
  PASID_DIRECTORY_ACCESS: 0x50,
  PASID_DIRECTORY_NOT_PRESENT: 0x51,
  PASID_DIRECTORY_RESERVED: 0x52,
  PASID_ENTRY_ACCESS: 0x58,
  PASID_ENTRY_NOT_PRESENT: 0x59,
  PASID_ENTRY_RESERVED: 0x5a,
  PASID_ENTRY_INVALID: 0x5b,
  EXECUTE_DISABLED: 0x5c,
  SUPERVISOR_DISABLED: 0x5d,
  FS_ENTRY_ACCESS: 0x70,
  FS_ENTRY_NOT_PRESENT: 0x71,
  FS_ENTRY_RESERVED: 0x72,
  FS_TOP_TABLE_ACCESS: 0x73,
  FS_ADDRESS_BEYOND_SS_WIDTH: 0x74,
  FS_TOP_TABLE_READ_DENIED: 0x75,
  FS_TABLE_READ_DENIED: 0x76,
  FS_UPDATE_WRITE_DENIED: 0x77,
  SS_ENTRY_ACCESS: 0x78,
  SS_ENTRY_NOT_PRESENT: 0x79,
  SS_ENTRY_RESERVED: 0x7a,
  SS_TOP_TABLE_ACCESS: 0x7b,
  SS_UPDATE_NOT_SNOOPED: 0x7c,
  SS_UPDATE_FAILED: 0x7d,
  NOT_CANONICAL: 0x80,
  USER_DENIED: 0x81,
  EXECUTE_DENIED: 0x82,
  ADDRESS_BEYOND_HOST_WIDTH: 0x83,
  SS_ADDRESS_BEYOND_WIDTH: 0x84,
  SM_WRITE_DENIED: 0x85,
  SM_READ_DENIED: 0x86,
  SM_INTERRUPT_RANGE: 0x87,
  PASID_BEYOND_SUPPORTED: 0x89,
  FS_UPDATE_NOT_SNOOPED: 0x90,
  FS_UPDATE_FAILED: 0x91,
} as const;

/** Name of a fault reason. */
export type FaultReasonName = keyof typeof FaultReason;
/** Code of a fault reason. */
export type FaultReasonCode = (typeof FaultReason)[FaultReasonName];

/**
 * What a translation request (ATS) gets where another request faults (VT-d 7.1.3): no success and a recorded fault (`fault`), success
 * with the rights that are there (`rights`), success without any (`none`), or that and a recorded fault (`both`).
 */
export type TranslationAnswer = 'fault' | 'rights' | 'none' | 'both';

/** What the specification's table of fault conditions says of a reason. */
export interface FaultCondition {
  /** Condition code, without the numbers of its cases: `LCT.4`, `SPT.2`; `IR` for the one of interrupt requests. */
  readonly condition: string;
  /** Whether FPD of an entry that was read suppresses the record. */
  readonly qualified: boolean;
  readonly translation: TranslationAnswer;
}

const always = (condition: string): FaultCondition => ({ condition, qualified: false, translation: 'fault' });
const qualified = (condition: string, translation: TranslationAnswer = 'fault'): FaultCondition => ({
  condition,
  qualified: true,
  translation,
});

/** Conditions of the reasons (VT-d 7.1.3, 5.1.4.1). */
export const FAULT_CONDITIONS: Readonly<Record<FaultReasonName, FaultCondition>> = {
  ROOT_NOT_PRESENT: always('LRT.2'),
  CONTEXT_NOT_PRESENT: qualified('LCT.2'),
  CONTEXT_INVALID: qualified('LCT.4'),
  ADDRESS_BEYOND_WIDTH: qualified('LGN.1', 'none'),
  WRITE_DENIED: qualified('LGN.2', 'rights'),
  READ_DENIED: qualified('LGN.3', 'rights'),
  NEXT_TABLE_ACCESS: qualified('LSS.1'),
  ROOT_ACCESS: always('LRT.1'),
  CONTEXT_ACCESS: always('LCT.1'),
  ROOT_RESERVED: always('LRT.3'),
  CONTEXT_RESERVED: qualified('LCT.3'),
  ENTRY_RESERVED: qualified('LSS.2'),
  REQUEST_TYPE_BLOCKED: qualified('LCT.5'),
  INTERRUPT_RANGE: qualified('LGN.4'),
  NOT_AN_INTERRUPT: always('IR'),
  TABLE_MODE_INVALID: always('RTA.1'),
  PASID_IN_LEGACY_MODE: always('RTA.2'),
  PAGE_REQUEST_IN_LEGACY_MODE: always('RTA.3'),
  ABORT_DMA_MODE: always('RTA.4'),
  SM_ROOT_ACCESS: always('SRT.1'),
  SM_ROOT_NOT_PRESENT: always('SRT.2'),
  SM_ROOT_RESERVED: always('SRT.3'),
  SM_CONTEXT_ACCESS: always('SCT.1'),
  SM_CONTEXT_NOT_PRESENT: qualified('SCT.2'),
  SM_CONTEXT_RESERVED: qualified('SCT.3'),
  SM_CONTEXT_INVALID: qualified('SCT.4'),
  DEVICE_TLB_DISABLED: qualified('SCT.5'),
  PASID_DISABLED: qualified('SCT.6'),
  PASID_BEYOND_DIRECTORY: qualified('SCT.7'),
  PAGE_REQUEST_DISABLED: qualified('SCT.8'),
  PASID_IS_RID_PASID: qualified('SCT.9'),
  TRANSLATED_PASID_DISABLED: qualified('SCT.10'),
  PASID_DIRECTORY_ACCESS: always('SPD.1'),
  PASID_DIRECTORY_NOT_PRESENT: qualified('SPD.2', 'none'),
  PASID_DIRECTORY_RESERVED: qualified('SPD.3'),
  PASID_ENTRY_ACCESS: always('SPT.1'),
  PASID_ENTRY_NOT_PRESENT: qualified('SPT.2', 'none'),
  PASID_ENTRY_RESERVED: qualified('SPT.3'),
  PASID_ENTRY_INVALID: qualified('SPT.4'),
  EXECUTE_DISABLED: qualified('SPT.5', 'none'),
  SUPERVISOR_DISABLED: qualified('SPT.6', 'none'),
  FS_ENTRY_ACCESS: qualified('SFS.1', 'none'),
  FS_ENTRY_NOT_PRESENT: qualified('SFS.2', 'none'),
  FS_ENTRY_RESERVED: qualified('SFS.3', 'none'),
  FS_TOP_TABLE_ACCESS: qualified('SFS.4', 'none'),
  FS_ADDRESS_BEYOND_SS_WIDTH: qualified('SFS.5', 'none'),
  FS_TOP_TABLE_READ_DENIED: qualified('SFS.6', 'none'),
  FS_TABLE_READ_DENIED: qualified('SFS.7', 'none'),
  FS_UPDATE_WRITE_DENIED: qualified('SFS.8', 'none'),
  SS_ENTRY_ACCESS: qualified('SSS.1'),
  SS_ENTRY_NOT_PRESENT: qualified('SSS.2', 'none'),
  SS_ENTRY_RESERVED: qualified('SSS.3'),
  SS_TOP_TABLE_ACCESS: qualified('SSS.4'),
  SS_UPDATE_NOT_SNOOPED: qualified('SSS.5'),
  SS_UPDATE_FAILED: qualified('SSS.6'),
  NOT_CANONICAL: qualified('SGN.1', 'none'),
  USER_DENIED: qualified('SGN.2', 'none'),
  EXECUTE_DENIED: qualified('SGN.3', 'none'),
  ADDRESS_BEYOND_HOST_WIDTH: qualified('SGN.4', 'none'),
  SS_ADDRESS_BEYOND_WIDTH: qualified('SGN.5', 'none'),
  SM_WRITE_DENIED: qualified('SGN.6', 'rights'),
  SM_READ_DENIED: qualified('SGN.7', 'rights'),
  SM_INTERRUPT_RANGE: qualified('SGN.8'),
  PASID_BEYOND_SUPPORTED: qualified('SGN.10'),
  FS_UPDATE_NOT_SNOOPED: qualified('SFS.9', 'none'),
  FS_UPDATE_FAILED: qualified('SFS.10', 'both'),
};

const names = new Map<number, FaultReasonName>(
  (Object.entries(FaultReason) as [FaultReasonName, number][]).map(([name, code]) => [code, name]),
);

/** Name of a code; a code outside the table is a bug of the caller. */
export function faultReasonName(code: number): FaultReasonName {
  const name = names.get(code);
  if (name === undefined) throw new RangeError(`fault reason 0x${code.toString(16)} is not modelled`);
  return name;
}

/** What the specification says of a code. */
export const faultCondition = (code: FaultReasonCode): FaultCondition => FAULT_CONDITIONS[faultReasonName(code)];
