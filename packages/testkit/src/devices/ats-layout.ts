/*
 * The ATS device, ioasis's own: a DMA engine with a translation cache of its own (PCIe ATS), page requests (PRI) and PASIDs. Offsets and sizes are
 * bytes.
 */

/** PCI identity of the function. */
export const AtsPci = {
  VENDOR_ID: 0x1234,
  DEVICE_ID: 0x4154,
  CLASS_CODE: 0x120000,
  REVISION: 1,
  CONFIG_BYTES: 4096,
  BAR0_BYTES: 0x1000,
} as const;

/** Where its capabilities lie: PCI Express, and ATS, PRI and PASID in extended configuration space (PCIe 6.0, 7.5.3, 10.5, 7.8.9). */
export const AtsConfig = {
  MSI_NEXT: 0x41,
  EXPRESS: 0x60,
  ATS: 0x100,
  /** E is bit 15. */
  ATS_CONTROL: 0x106,
  PRI: 0x110,
  /** E is bit 0. */
  PRI_CONTROL: 0x114,
  PASID: 0x120,
  /** E is bit 0. */
  PASID_CONTROL: 0x126,
} as const;

/** Registers of BAR 0, all of 4 bytes but ADDRESS, which also takes accesses of 8. */
export const AtsRegister = {
  /** RW: IOVA of the transfer. */
  ADDRESS: 0x00,
  /** RW: bytes of the transfer. */
  LENGTH: 0x08,
  /** RW: bit 31 set: the transfer has the PASID in bits 19:0. */
  PASID: 0x0c,
  /** RW: first byte in the buffer. */
  OFFSET: 0x10,
  /** WO: {@link AtsCommand}. */
  COMMAND: 0x14,
  /** RO: {@link AtsStatus}. */
  STATUS: 0x18,
} as const;

/** Bits of the command register. */
export const AtsCommand = { START: 0x1, TO_MEMORY: 0x2 } as const;

/** Values of the status register. WAITING: for the answer to a page request. */
export const AtsStatus = { IDLE: 0, DONE: 1, FAILED: 2, WAITING: 3 } as const;

/** Size of the device's buffer, bytes. */
export const ATS_BUFFER_BYTES = 0x1000;
