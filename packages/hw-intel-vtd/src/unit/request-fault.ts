import { Access, hex, iova, join64, NO_PASID, type AccessKind, type HardwareFault } from '@ioasis/core';
import {
  faultReasonName,
  UNQUALIFIED_REASONS,
  type FaultReasonCode,
  type FaultReasonName,
} from '../layouts/fault-reasons.js';
import { AddressType } from '../layouts/fault-registers.js';
import type { FaultSink } from './fault-log.js';

/** A refused request, with VT-d's reason. */
export interface VtdFault extends HardwareFault {
  readonly vendor: 'intel-vtd';
  readonly code: FaultReasonCode;
  readonly name: FaultReasonName;
}

const unqualified = new Set<number>(UNQUALIFIED_REASONS);

/** Kind of a request, for people. */
export function accessKind(access: number): AccessKind {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return 'translation-request';
  if ((access & Access.ATOMIC) !== 0) return 'atomic';
  if ((access & Access.EXECUTE) !== 0) return 'execute';
  return (access & Access.WRITE) !== 0 ? 'write' : 'read';
}

const PAGE_REQUEST_TYPE = 1;

/** {T1,T2} of a record: write, read or atomic. */
function recordType(access: number): number {
  if ((access & Access.ATOMIC) !== 0) return 3;
  return (access & Access.WRITE) !== 0 ? 0 : 2;
}

function addressType(access: number): number {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return AddressType.TRANSLATION_REQUEST;
  return (access & Access.TRANSLATED) !== 0 ? AddressType.TRANSLATED : AddressType.UNTRANSLATED;
}

/**
 * Records a refused request unless FPD suppresses it, and describes it.
 * @param suppress FPD of the deciding entry; unqualified reasons are recorded all the same
 */
export function refuseRequest(
  log: FaultSink,
  code: FaultReasonCode,
  suppress: boolean,
  requesterId: number,
  pasid: number,
  hi: number,
  lo: number,
  access: number,
  isPageRequest: boolean = false,
): VtdFault {
  const isSuppressed = suppress && !unqualified.has(code);
  const recorded = isSuppressed
    ? 'suppressed'
    : log.log({
        reason: code,
        requester: requesterId,
        pasid: pasid === NO_PASID ? undefined : pasid,
        addressHi: hi,
        addressLo: lo,
        type: isPageRequest ? PAGE_REQUEST_TYPE : recordType(access),
        addressType: addressType(access),
        privileged: (access & Access.PRIVILEGED) !== 0,
        execute: (access & Access.EXECUTE) !== 0,
      });
  return {
    vendor: 'intel-vtd',
    code,
    name: faultReasonName(code),
    requesterId,
    pasid: pasid === NO_PASID ? undefined : pasid,
    iova: iova(join64(hi, lo)),
    access: accessKind(access),
    recorded,
    record: recorded === 'recorded' ? log.record : [],
    details: { reason: hex(code) },
  };
}
