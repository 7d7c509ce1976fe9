import { anyBit, maskWords, wordField } from '@ioasis/core';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import { SM_CONTEXT_ENTRY, SM_ROOT_ENTRY } from '../layouts/translation-structures.js';
import type { Capabilities } from './capabilities.js';
import { addressExcess } from './reserved-bits.js';
import type { StructureReader } from './structure-reader.js';
import { ScalableContext } from './translation-context.js';

const P = wordField(SM_CONTEXT_ENTRY, 'P');
const FPD = wordField(SM_CONTEXT_ENTRY, 'FPD');
const DTE = wordField(SM_CONTEXT_ENTRY, 'DTE');
const PASIDE = wordField(SM_CONTEXT_ENTRY, 'PASIDE');
const PRE = wordField(SM_CONTEXT_ENTRY, 'PRE');
const PDTS = wordField(SM_CONTEXT_ENTRY, 'PDTS');
const RID_PASID = wordField(SM_CONTEXT_ENTRY, 'RID_PASID');
const RID_PRIV = wordField(SM_CONTEXT_ENTRY, 'RID_PRIV');
/** A PASID directory of size code 0 has 2^7 entries of 64 PASIDs. */
const SMALLEST_DIRECTORY = 2 ** 13;

/** Decodes root and context entries of scalable mode (VT-d 3.4.3, 9.2, 9.4). */
export class ScalableContextDecoder {
  /** Structures read by the last {@link decode}. */
  reads = 0;
  readonly #capabilities: Capabilities;
  readonly #reader: StructureReader;
  readonly #rootReserved: Int32Array;
  readonly #contextReserved: Int32Array;

  constructor(capabilities: Capabilities, reader: StructureReader) {
    this.#capabilities = capabilities;
    this.#reader = reader;
    const width = capabilities.hostAddressWidth;
    const half = (SM_ROOT_ENTRY.reserved | addressExcess(SM_ROOT_ENTRY, 'LCTP', width)) & ((1n << 64n) - 1n);
    this.#rootReserved = maskWords(half, 64);
    this.#contextReserved = maskWords(
      SM_CONTEXT_ENTRY.reserved | addressExcess(SM_CONTEXT_ENTRY, 'PASIDDIRPTR', width),
      256,
    );
  }

  /** What the structures say about a requester; `reason` is not 0 when every request of it faults. */
  decode(rootHi: number, rootLo: number, requester: number): ScalableContext {
    const reader = this.#reader;
    const { words } = reader;
    reader.isCoherent = this.#capabilities.scalableCoherent && !this.#capabilities.writeBufferFlush;
    const context = new ScalableContext();
    const refuse = (reason: FaultReasonCode): ScalableContext => {
      context.reason = reason;
      return context;
    };
    // 1. Half of the bus's root entry: devices 0 to 15 or 16 to 31.
    this.reads = 1;
    if (!reader.read(rootHi, rootLo, requester >>> 8, SM_ROOT_ENTRY)) return refuse(FaultReason.SM_ROOT_ACCESS);
    const half = (requester & 0x80) === 0 ? 0 : 2;
    if ((words[half]! & 1) === 0) return refuse(FaultReason.SM_ROOT_NOT_PRESENT);
    if (anyBit(this.#rootReserved, words, half)) return refuse(FaultReason.SM_ROOT_RESERVED);

    // 2. The context entry.
    this.reads = 2;
    const tableHi = words[half + 1]!;
    const tableLo = words[half]! & ~0xfff;
    if (!reader.read(tableHi, tableLo, requester & 0x7f, SM_CONTEXT_ENTRY)) {
      return refuse(FaultReason.SM_CONTEXT_ACCESS);
    }
    context.faultProcessingDisabled = FPD.of(words, 0) !== 0;
    if (P.of(words, 0) === 0) return refuse(FaultReason.SM_CONTEXT_NOT_PRESENT);
    if (anyBit(this.#contextReserved, words, 0)) return refuse(FaultReason.SM_CONTEXT_RESERVED);

    // 3. What it enables must be there, page requests need device TLBs, and RID_PASID must have a directory entry (SCT.4).
    context.deviceTlb = DTE.of(words, 0) !== 0;
    context.pasidEnable = PASIDE.of(words, 0) !== 0;
    context.pageRequests = PRE.of(words, 0) !== 0;
    const { deviceTlb, pasidBits, pageRequests } = this.#capabilities;
    if (
      (context.deviceTlb && !deviceTlb) ||
      (context.pasidEnable && pasidBits === 0) ||
      (context.pageRequests && !(pageRequests && context.deviceTlb))
    ) {
      return refuse(FaultReason.SM_CONTEXT_INVALID);
    }
    context.directoryHi = words[1]!;
    context.directoryLo = words[0]! & ~0xfff;
    context.pasidLimit = SMALLEST_DIRECTORY * 2 ** PDTS.of(words, 0);
    context.ridPasid = RID_PASID.of(words, 0);
    if (context.ridPasid >= context.pasidLimit) return refuse(FaultReason.SM_CONTEXT_INVALID);
    context.ridPrivileged = this.#capabilities.ridPrivilege && RID_PRIV.of(words, 0) !== 0;
    return context;
  }
}
