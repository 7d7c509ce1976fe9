import { Access, accessKind, iova, join64, NO_PASID, type HardwareFault } from '@ioasis/core';
import {
  FAULT_CONDITIONS,
  faultReasonName,
  type FaultReasonCode,
  type FaultReasonName,
} from '../layouts/fault-reasons.js';
import { AddressType } from '../layouts/fault-registers.js';
import type { FaultSink } from './fault-log.js';
import type { WalkFailure } from './walk-failure.js';

/** A refused request, with VT-d's reason. */
export interface VtdFault extends HardwareFault {
  readonly vendor: 'intel-vtd';
  readonly code: FaultReasonCode;
  readonly name: FaultReasonName;
}

const PAGE_REQUEST_TYPE = 1;

/** {T1,T2} of a record: write, read or atomic. A translation request is a read, whatever it asks for (VT-d 4.2.1). */
function recordType(access: number): number {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return 2;
  if ((access & Access.ATOMIC) !== 0) return 3;
  return (access & Access.WRITE) !== 0 ? 0 : 2;
}

function addressType(access: number): number {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return AddressType.TRANSLATION_REQUEST;
  return (access & Access.TRANSLATED) !== 0 ? AddressType.TRANSLATED : AddressType.UNTRANSLATED;
}

/** A request that is to be refused. */
export interface RefusedRequest {
  readonly code: FaultReasonCode;
  /** FPD of the deciding entry; unqualified reasons are recorded all the same. */
  readonly suppress: boolean;
  readonly requesterId: number;
  /** Or `NO_PASID`. */
  readonly pasid: number;
  readonly hi: number;
  readonly lo: number;
  /** OR of `Access`. */
  readonly access: number;
  readonly isPageRequest: boolean;
  /** Where a walk ended. */
  readonly failure: WalkFailure;
}

/** Records a refused request unless FPD suppresses it, and describes it. */
export function refuseRequest(log: FaultSink, request: RefusedRequest): VtdFault {
  const { code, requesterId, hi, lo, access, failure } = request;
  const pasid = request.pasid === NO_PASID ? undefined : request.pasid;
  const name = faultReasonName(code);
  const isSuppressed = request.suppress && FAULT_CONDITIONS[name].qualified;
  const recorded = isSuppressed
    ? 'suppressed'
    : log.log({
        reason: code,
        requester: requesterId,
        pasid,
        addressHi: hi,
        addressLo: lo,
        type: request.isPageRequest ? PAGE_REQUEST_TYPE : recordType(access),
        addressType: addressType(access),
        privileged: (access & Access.PRIVILEGED) !== 0,
        execute: (access & Access.EXECUTE) !== 0,
      });
  return {
    vendor: 'intel-vtd',
    code,
    name,
    requesterId,
    pasid,
    iova: iova(join64(hi, lo)),
    access: accessKind(access),
    recorded,
    record: recorded === 'recorded' ? log.record : [],
    details: failure,
  };
}
