import { wordLayout, type WordLayout } from '@ioasis/core';

/*
 * The ring device, ioasis's own: what a network card's transmit and receive queues come down to. Offsets and sizes are bytes.
 */

/** PCI identity of the function. */
export const RingPci = {
  VENDOR_ID: 0x1234,
  DEVICE_ID: 0x5249,
  CLASS_CODE: 0x088000,
  REVISION: 1,
  BAR0_BYTES: 0x1000,
} as const;

/** Registers of BAR 0, all of 4 bytes but BASE, which also takes accesses of 4 and 8. */
export const RingRegister = {
  /** RO: {@link RING_IDENTIFICATION}. */
  IDENTIFICATION: 0x00,
  /** RW: {@link RingControl}. */
  CONTROL: 0x04,
  /** RW: descriptors in the ring, 2 to 4096. */
  ENTRIES: 0x08,
  /** RO: index of the descriptor that the device takes next. */
  HEAD: 0x0c,
  /** RW: IOVA of the ring. */
  BASE: 0x10,
  /** RW, the doorbell: index behind the last descriptor that the driver made ready. */
  TAIL: 0x18,
  /** W1C: {@link RingStatus}. */
  STATUS: 0x1c,
} as const;

/** Value of the identification register, `RING`. */
export const RING_IDENTIFICATION = 0x474e_4952;

/** Bits of the control register. */
export const RingControl = { ENABLE: 0x1, INTERRUPT: 0x2 } as const;

/** Bits of the status register. */
export const RingStatus = {
  /** A descriptor was completed. */
  COMPLETION: 0x1,
  /** The ring itself could not be read or written; the device stopped. */
  RING_UNREACHABLE: 0x2,
} as const;

/** Bytes of a descriptor. */
export const RING_DESCRIPTOR_BYTES = 16;

/** First word of a descriptor: where the buffer is. */
export const RING_ADDRESS: WordLayout<'ADDRESS'> = wordLayout('ring descriptor word 0', 64, { ADDRESS: [63, 0] });

/** Second word: what to do with it, and what the device answered. */
export const RING_COMMAND: WordLayout<'STATUS' | 'TO_DEVICE' | 'LENGTH'> = wordLayout('ring descriptor word 1', 64, {
  /** Written by the device: {@link RingOutcome}. */
  STATUS: [63, 48],
  /** Set: memory to device; clear: device to memory. */
  TO_DEVICE: [32, 32],
  /** Bytes of the buffer; from the device: on completion those that were written. */
  LENGTH: [31, 0],
});

/** Answer of the device in a descriptor. */
export const RingOutcome = { PENDING: 0, DONE: 1, FAILED: 2, EMPTY: 3 } as const;
