import { hi32, join64, lo32, type RegisterFile } from '@ioasis/core';
import { FRCD_REG, FSTS_REG } from '../layouts/fault-registers.js';
import { FRCD_BYTES, RegisterOffset } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';
import type { EventMessage } from './event-message.js';

/** What goes into a fault recording register. */
export interface FaultRecord {
  readonly reason: number;
  readonly requester: number;
  /** Without PASID: undefined. */
  readonly pasid: number | undefined;
  readonly addressHi: number;
  readonly addressLo: number;
  /** {T1,T2}: 0 write, 1 page request, 2 read, 3 atomic. */
  readonly type: number;
  /** AT of the request. */
  readonly addressType: number;
  readonly privileged: boolean;
  readonly execute: boolean;
}

/** What became of a fault. */
export type FaultOutcome = 'recorded' | 'overflow' | 'collapsed' | 'disabled';

/** Where faults go. */
export interface FaultSink {
  log(fault: FaultRecord): FaultOutcome;
  /** The record written last, 64-bit words. */
  readonly record: readonly bigint[];
}

const PFO = Number(FSTS_REG.mask('PFO'));
const PPF = Number(FSTS_REG.mask('PPF'));
const FRI = Number(FSTS_REG.mask('FRI'));
const FRI_SHIFT = FSTS_REG.fields.FRI[1];
/** Status bits that raise the fault event. */
const EVENT_BITS = Number(
  FSTS_REG.mask('PFO') | FSTS_REG.mask('PPF') | FSTS_REG.mask('IQE') | FSTS_REG.mask('ICE') | FSTS_REG.mask('ITE'),
);
const F = 0x8000_0000 | 0;
const SID_MASK = 0xffff;

/** Primary fault logging (VT-d 7.2.1): fault recording registers, fault status and the fault event. */
export class FaultLog implements FaultSink {
  /** The record written last, 64-bit words. */
  record: readonly bigint[] = [];
  readonly #registers: RegisterFile;
  readonly #event: EventMessage;
  readonly #first: number;
  readonly #count: number;
  /** Without PASIDs, or device TLBs, their fields of a record are reserved. */
  readonly #hasPasids: boolean;
  readonly #hasDeviceTlbs: boolean;
  #next = 0;

  constructor(registers: RegisterFile, event: EventMessage, capabilities: Capabilities) {
    this.#registers = registers;
    this.#event = event;
    this.#first = capabilities.faultRecordOffset;
    this.#count = capabilities.faultRecords;
    this.#hasPasids = capabilities.pasidBits > 0;
    this.#hasDeviceTlbs = capabilities.deviceTlb;
  }

  reset(): void {
    this.#next = 0;
    this.record = [];
  }

  /** Neither DMA nor interrupts are remapped any more: the next fault goes to the first record (VT-d 7.2.1). */
  restart(): void {
    this.#next = 0;
  }

  /** Records a fault, or says why it is not recorded (VT-d 7.2.1). */
  log(fault: FaultRecord): FaultOutcome {
    const registers = this.#registers;
    // 1. While a fault is lost, nothing more is recorded.
    if ((registers.get(RegisterOffset.FSTS) & PFO) !== 0) return 'overflow';
    // 2. Faults of one requester collapse into its pending record.
    for (let at = 0; at < this.#count; at++) {
      const offset = this.#first + at * FRCD_BYTES;
      if ((registers.get(offset + 12) & F) !== 0 && (registers.get(offset + 8) & SID_MASK) === fault.requester) {
        return 'collapsed';
      }
    }
    // 3. No room: the overflow itself is reported.
    const offset = this.#first + this.#next * FRCD_BYTES;
    if ((registers.get(offset + 12) & F) !== 0) {
      this.raise(PFO);
      return 'overflow';
    }
    // 4. Fill the record, then make it pending.
    this.#fill(offset, fault);
    if ((registers.get(RegisterOffset.FSTS) & PPF) === 0) {
      const status = registers.get(RegisterOffset.FSTS) & ~FRI;
      registers.set(RegisterOffset.FSTS, status | (this.#next << FRI_SHIFT));
    }
    this.#next = (this.#next + 1) % this.#count;
    this.raise(PPF);
    return 'recorded';
  }

  /** Sets status bits; the event is raised when none was set before (VT-d 7.3). */
  raise(bits: number): void {
    const status = this.#registers.get(RegisterOffset.FSTS);
    this.#registers.set(RegisterOffset.FSTS, status | bits);
    if ((status & EVENT_BITS) === 0) this.#event.raise();
  }

  /** Software wrote FSTS or the F bit of a record: PPF follows the records. */
  cleared(): void {
    const registers = this.#registers;
    let pending = false;
    for (let at = 0; at < this.#count; at++) {
      if ((registers.get(this.#first + at * FRCD_BYTES + 12) & F) !== 0) pending = true;
    }
    const status = registers.get(RegisterOffset.FSTS);
    registers.set(RegisterOffset.FSTS, pending ? status | PPF : status & ~(PPF | FRI));
    if ((registers.get(RegisterOffset.FSTS) & EVENT_BITS) === 0) this.#event.withdraw();
  }

  #fill(offset: number, fault: FaultRecord): void {
    const page = join64(fault.addressHi, fault.addressLo & ~0xfff);
    const pasid = this.#hasPasids ? fault.pasid : undefined;
    const word = FRCD_REG.encode({
      F: 1,
      T1: fault.type >>> 1,
      AT: this.#hasDeviceTlbs ? fault.addressType : 0,
      PASID: pasid ?? 0,
      FR: fault.reason,
      PP: pasid !== undefined,
      EXE: pasid !== undefined && fault.execute,
      PRIV: pasid !== undefined && fault.privileged,
      T2: fault.type & 1,
      SID: fault.requester,
      FI: page >> 12n,
    });
    const low = BigInt.asUintN(64, word);
    const high = word >> 64n;
    this.#registers.set(offset, lo32(low));
    this.#registers.set(offset + 4, hi32(low));
    this.#registers.set(offset + 8, lo32(high));
    this.#registers.set(offset + 12, hi32(high));
    this.record = [low, high];
  }
}
