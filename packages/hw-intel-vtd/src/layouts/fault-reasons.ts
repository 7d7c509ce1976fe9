/**
 * Fault reasons of FRCD.FR (VT-d 7.1.3): code, this package's name, and whether FPD of the deciding entry suppresses it (a
 * qualified fault). Codes of interrupt remapping (0x20 to 0x28) are not modelled.
 */
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
  RID_PASID_INVALID: 0x48,
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
  SS_DENIED: 0x79,
  SS_ENTRY_RESERVED: 0x7a,
  SS_TOP_TABLE_ACCESS: 0x7b,
  SS_UPDATE_NOT_SNOOPED: 0x7c,
  NOT_CANONICAL: 0x80,
  USER_DENIED: 0x81,
  EXECUTE_DENIED: 0x82,
  SS_ADDRESS_BEYOND_WIDTH: 0x84,
  FS_WRITE_DENIED: 0x85,
  SM_INTERRUPT_RANGE: 0x87,
  FS_UPDATE_NOT_SNOOPED: 0x90,
  UPDATE_FAILED: 0x91,
} as const;

/** Name of a fault reason. */
export type FaultReasonName = keyof typeof FaultReason;
/** Code of a fault reason. */
export type FaultReasonCode = (typeof FaultReason)[FaultReasonName];

/**
 * Reasons that FPD never suppresses: they are found before an entry with FPD was read, or by a fetch that failed itself
 * (VT-d 7.1.3, non-qualified conditions).
 */
export const UNQUALIFIED_REASONS: readonly FaultReasonCode[] = [
  FaultReason.ROOT_NOT_PRESENT,
  FaultReason.ROOT_ACCESS,
  FaultReason.CONTEXT_ACCESS,
  FaultReason.ROOT_RESERVED,
  FaultReason.TABLE_MODE_INVALID,
  FaultReason.PASID_IN_LEGACY_MODE,
  FaultReason.PAGE_REQUEST_IN_LEGACY_MODE,
  FaultReason.ABORT_DMA_MODE,
  FaultReason.SM_ROOT_ACCESS,
  FaultReason.SM_ROOT_NOT_PRESENT,
  FaultReason.SM_ROOT_RESERVED,
  FaultReason.SM_CONTEXT_ACCESS,
  FaultReason.PASID_DIRECTORY_ACCESS,
  FaultReason.PASID_ENTRY_ACCESS,
];

const names = new Map<number, FaultReasonName>(
  (Object.entries(FaultReason) as [FaultReasonName, number][]).map(([name, code]) => [code, name]),
);

/** Name of a code; a code outside the table is a bug of the caller. */
export function faultReasonName(code: number): FaultReasonName {
  const name = names.get(code);
  if (name === undefined) throw new RangeError(`fault reason 0x${code.toString(16)} is not modelled`);
  return name;
}
