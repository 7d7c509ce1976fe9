/*
 * QEMU's `edu` device, docs/specs/edu.rst: PCI identity and registers of BAR 0. Offsets and sizes are bytes.
 */

/** PCI identity of the function. */
export const EduPci = {
  VENDOR_ID: 0x1234,
  DEVICE_ID: 0x11e8,
  REVISION: 0x10,
  CLASS_CODE: 0x00ff00,
  SUBSYSTEM_VENDOR_ID: 0x1af4,
  SUBSYSTEM_ID: 0x1100,
  BAR0_BYTES: 0x10_0000,
} as const;

/** Registers of BAR 0. Those below 0x80 are accessed in 4 bytes, the others in 4 or 8. */
export const EduRegister = {
  /** RO: 0xRRrr00ed, major and minor version. */
  IDENTIFICATION: 0x00,
  /** RW: reads as the bitwise inverse of what was written. */
  LIVENESS: 0x04,
  /** RW: the factorial of what was written, modulo 2^32. */
  FACTORIAL: 0x08,
  /** RW: `EduStatus`. */
  STATUS: 0x20,
  /** RO: interrupts that are raised. */
  INTERRUPT_STATUS: 0x24,
  /** WO: raises the interrupts of the written bits. */
  INTERRUPT_RAISE: 0x60,
  /** WO: lowers them. */
  INTERRUPT_ACKNOWLEDGE: 0x64,
  DMA_SOURCE: 0x80,
  DMA_DESTINATION: 0x88,
  DMA_COUNT: 0x90,
  /** RW: {@link EduDma}. */
  DMA_COMMAND: 0x98,
} as const;

/** Value of the identification register: version 1.0. */
export const EDU_IDENTIFICATION = 0x0100_00ed;

/** Bits of the status register. */
export const EduStatus = {
  /** RW: raise interrupt 1 when a factorial is done. */
  INTERRUPT_AFTER_FACTORIAL: 0x80,
} as const;

/** Interrupt bits that the device raises by itself. */
export const EduInterrupt = { FACTORIAL: 0x1, DMA: 0x100 } as const;

/** Bits of the DMA command register. */
export const EduDma = {
  START: 0x1,
  /** Clear: memory to device; set: device to memory. */
  TO_MEMORY: 0x2,
  INTERRUPT: 0x4,
} as const;

/** Device address of the internal buffer. */
export const EDU_BUFFER = 0x4_0000;
/** Size of the internal buffer, bytes. */
export const EDU_BUFFER_BYTES = 4096;
