/** Offsets of the MMIO registers, bytes from the unit's base (48882 section 3.4). All are 64 bits wide. */
export const Register = {
  DEVICE_TABLE_BASE: 0x00,
  COMMAND_BUFFER_BASE: 0x08,
  EVENT_LOG_BASE: 0x10,
  CONTROL: 0x18,
  EXCLUSION_BASE: 0x20,
  EXCLUSION_LIMIT: 0x28,
  EXTENDED_FEATURE: 0x30,
  PPR_LOG_BASE: 0x38,
  /** Device table segments 1 to 7 follow each other. */
  DEVICE_TABLE_SEGMENT_1: 0x100,
  EXTENDED_FEATURE_2: 0x1a0,
  COMMAND_BUFFER_HEAD: 0x2000,
  COMMAND_BUFFER_TAIL: 0x2008,
  EVENT_LOG_HEAD: 0x2010,
  EVENT_LOG_TAIL: 0x2018,
  STATUS: 0x2020,
  PPR_LOG_HEAD: 0x2030,
  PPR_LOG_TAIL: 0x2038,
  PPR_AUTO_RESPONSE: 0x2080,
} as const;

/** Size of the register window, bytes (without performance counters). */
export const MMIO_BYTES = 0x4000;

/** Device table segment registers: 1 to 7. */
export const DEVICE_TABLE_SEGMENTS = 7;
