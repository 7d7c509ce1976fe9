import { Access } from '@ioasis/core';
import { InvalidRequestType } from '../layouts/events.js';
import type { DeviceEntry } from './device-entry.js';

/*
 * Addresses of requests without PASID that are no memory accesses (48882 2.1.2, Table 3): the interrupt range of PCs, and the
 * HyperTransport ranges at the top of 40 bits.
 */

/** What becomes of a request to a special range: it passes untranslated, is translated as any other, or is refused. */
export type SpecialVerdict =
  | { readonly kind: 'ordinary' }
  | { readonly kind: 'pass' }
  | { readonly kind: 'interrupt-blocked' }
  | { readonly kind: 'invalid'; readonly type: number };

const ordinary: SpecialVerdict = { kind: 'ordinary' };
const pass: SpecialVerdict = { kind: 'pass' };
const interruptBlocked: SpecialVerdict = { kind: 'interrupt-blocked' };
const invalid = (type: number): SpecialVerdict => ({ kind: 'invalid', type });

/** The interrupt range in MiB, inclusive. */
export const INTERRUPT_WINDOW: { readonly first: number; readonly last: number } = { first: 0xfee, last: 0xfee };

/** Interrupt range 0xFEE00000 to 0xFEEFFFFF. */
export const isInterruptRange = (hi: number, lo: number): boolean => hi === 0 && lo >>> 20 === 0xfee;

/** The HyperTransport ranges 0xFD00000000 to 0xFFFFFFFFFF: high words of their addresses, inclusive. */
export const HYPER_TRANSPORT_WINDOW: { readonly first: number; readonly last: number } = { first: 0xfd, last: 0xff };

/** HyperTransport ranges. */
export const isHyperTransportRange = (hi: number): boolean => hi >= 0xfd && hi <= 0xff;

/** A request to the interrupt range: writes are interrupts, reads are nothing. */
export function interruptVerdict(entry: DeviceEntry, access: number): SpecialVerdict {
  if ((access & Access.WRITE) === 0 || (access & Access.ATOMIC) !== 0) {
    return invalid(InvalidRequestType.READ_OR_NON_POSTED_IN_INTERRUPT_RANGE);
  }
  return entry.interruptsBlocked ? interruptBlocked : pass;
}

/* Pieces of 0xFD00000000 to 0xFDFFFFFFFF, in 64 KiB. */
const INTERRUPT_AND_EOI = { first: 0xf800, last: 0xf8ff };
const SYSTEM_MANAGEMENT = { first: 0xf910, last: 0xf91f };
const PORT_IO = { first: 0xfc00, last: 0xfdff };

/**
 * A request to the HyperTransport ranges: interrupts by DTE.IntCtl, system management by SysMgt, port I/O by IoCtl; the rest is
 * reserved.
 */
export function hyperTransportVerdict(entry: DeviceEntry, hi: number, lo: number, access: number): SpecialVerdict {
  const piece = hi === 0xfd ? lo >>> 16 : -1;
  const isIn = ({ first, last }: typeof PORT_IO): boolean => piece >= first && piece <= last;
  const isWrite = (access & Access.WRITE) !== 0 && (access & Access.ATOMIC) === 0;
  if (isIn(SYSTEM_MANAGEMENT)) {
    if (entry.systemManagement === 0) return invalid(InvalidRequestType.SYSTEM_MANAGEMENT);
    // 1: posted writes pass; 2: INTx messages only; 3: translated.
    if (entry.systemManagement === 3) return ordinary;
    return entry.systemManagement === 1 && isWrite ? pass : invalid(InvalidRequestType.SYSTEM_MANAGEMENT_ADDRESS);
  }
  if (isIn(PORT_IO)) {
    // 1: passes; 2: translated.
    if (entry.portIo === 1) return pass;
    return entry.portIo === 2 ? ordinary : invalid(InvalidRequestType.PORT_IO);
  }
  if (isIn(INTERRUPT_AND_EOI)) {
    if (!isWrite) return invalid(InvalidRequestType.READ_OR_NON_POSTED_IN_INTERRUPT_RANGE);
    return entry.interruptsBlocked ? invalid(InvalidRequestType.INTERRUPT_RANGE) : pass;
  }
  return invalid(InvalidRequestType.RESERVED_INTERRUPT);
}
