import { Access, iova as iovaOf, join64, NO_PASID, WalkStop, type AccessKind, type HardwareFault } from '@ioasis/core';
import { Cause, FAULT, TransactionType, type CauseName } from '../layouts/fault-record.js';

/** A fault of this unit. */
export interface RiscvFault extends HardwareFault {
  readonly vendor: 'riscv';
  readonly name: CauseName;
}

/** A request: one object of a unit, reused, so that a fault knows what it is about. */
export class Request {
  deviceId = 0;
  pasid: number = NO_PASID;
  iovaHi = 0;
  iovaLo = 0;
  access = 0;
}

/** Cause of a walk that stopped: no memory at a table is an access fault, all else a page fault. */
export function causeOfStop(stop: number, access: number): CauseName {
  const isAccessFault = stop === WalkStop.ABORT || stop === WalkStop.UPDATE;
  if ((access & Access.WRITE) !== 0) return isAccessFault ? 'WRITE_ACCESS_FAULT' : 'WRITE_PAGE_FAULT';
  if ((access & Access.EXECUTE) !== 0) return isAccessFault ? 'INSTRUCTION_ACCESS_FAULT' : 'INSTRUCTION_PAGE_FAULT';
  return isAccessFault ? 'READ_ACCESS_FAULT' : 'READ_PAGE_FAULT';
}

/** DTF does not silence what says that the context itself could not be had ("Fault record CAUSE field encodings"). */
export const isSilencedBy = (cause: CauseName, silent: boolean): boolean =>
  silent && (Cause[cause] < 256 || cause === 'TRANSACTION_TYPE_DISALLOWED');

/** The record of a fault: four words. */
export function faultRecord(cause: CauseName, request: Request): readonly bigint[] {
  const hasPid = request.pasid !== NO_PASID;
  const head = FAULT.encode({
    CAUSE: Cause[cause],
    PID: hasPid ? request.pasid : 0,
    PV: hasPid,
    PRIV: hasPid && (request.access & Access.PRIVILEGED) !== 0,
    TTYP: transactionType(request.access),
    DID: request.deviceId,
  });
  return [head, 0n, join64(request.iovaHi, request.iovaLo), 0n];
}

/** The fault as a device model sees it. */
export function faultOf(
  cause: CauseName,
  request: Request,
  recorded: HardwareFault['recorded'],
  record: readonly bigint[],
): RiscvFault {
  return {
    vendor: 'riscv',
    code: Cause[cause],
    name: cause,
    requesterId: request.deviceId,
    pasid: request.pasid === NO_PASID ? undefined : request.pasid,
    iova: iovaOf(join64(request.iovaHi, request.iovaLo)),
    access: accessKind(request.access),
    recorded,
    record: recorded === 'recorded' ? record : [],
    details: { transactionType: transactionType(request.access) },
  };
}

function transactionType(access: number): number {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return TransactionType.ATS_REQUEST;
  const isTranslated = (access & Access.TRANSLATED) !== 0;
  if ((access & Access.WRITE) !== 0)
    return isTranslated ? TransactionType.TRANSLATED_WRITE : TransactionType.UNTRANSLATED_WRITE;
  if ((access & Access.EXECUTE) !== 0)
    return isTranslated ? TransactionType.TRANSLATED_EXECUTE : TransactionType.UNTRANSLATED_EXECUTE;
  return isTranslated ? TransactionType.TRANSLATED_READ : TransactionType.UNTRANSLATED_READ;
}

function accessKind(access: number): AccessKind {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return 'translation-request';
  if ((access & Access.ATOMIC) !== 0) return 'atomic';
  if ((access & Access.WRITE) !== 0) return 'write';
  return (access & Access.EXECUTE) !== 0 ? 'execute' : 'read';
}
