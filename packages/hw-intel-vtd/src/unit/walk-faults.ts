import { WalkStop } from '@ioasis/core';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { FirstStage } from './first-stage.js';
import type { SecondStage } from './second-stage.js';

/**
 * Reason of a refused legacy-mode walk. Rights are tested before reserved bits, and an entry without rights is no different from one
 * that is not present (VT-d 7.1.3).
 */
export function legacyReason(stage: SecondStage): FaultReasonCode {
  if (stage.stop === WalkStop.INPUT) return FaultReason.ADDRESS_BEYOND_WIDTH;
  if (stage.stop === WalkStop.ABORT) return stage.atTop ? FaultReason.CONTEXT_INVALID : FaultReason.NEXT_TABLE_ACCESS;
  if (stage.denied === 'write') return FaultReason.WRITE_DENIED;
  if (stage.denied !== 'nothing') return FaultReason.READ_DENIED;
  return FaultReason.ENTRY_RESERVED;
}

/** Reason of a refused second-stage walk in scalable mode. Without any right the entry is not present, whatever was asked for. */
export function secondStageReason(stage: SecondStage): FaultReasonCode {
  switch (stage.stop) {
    case WalkStop.INPUT:
      return FaultReason.SS_ADDRESS_BEYOND_WIDTH;
    case WalkStop.ABORT:
      return stage.atTop ? FaultReason.SS_TOP_TABLE_ACCESS : FaultReason.SS_ENTRY_ACCESS;
    case WalkStop.ACCESSED:
      return FaultReason.SS_UPDATE_NOT_SNOOPED;
    case WalkStop.UPDATE:
      return FaultReason.SS_UPDATE_FAILED;
  }
  if (stage.denied === 'nothing') return FaultReason.SS_ENTRY_RESERVED;
  if (!stage.hasRights) return FaultReason.SS_ENTRY_NOT_PRESENT;
  if (stage.denied === 'execute') return FaultReason.EXECUTE_DENIED;
  return stage.denied === 'write' ? FaultReason.SM_WRITE_DENIED : FaultReason.SM_READ_DENIED;
}

/** Reason of a refused first-stage walk; `second` is the second stage of a nested one. */
export function firstStageReason(stage: FirstStage, second: SecondStage): FaultReasonCode {
  switch (stage.stop) {
    case WalkStop.INPUT:
      return FaultReason.NOT_CANONICAL;
    case WalkStop.ABORT:
      return stage.atTop ? FaultReason.FS_TOP_TABLE_ACCESS : FaultReason.FS_ENTRY_ACCESS;
    case WalkStop.NOT_PRESENT:
      return FaultReason.FS_ENTRY_NOT_PRESENT;
    case WalkStop.STAGE:
      return tableReason(stage, second);
    case WalkStop.PERMISSION:
      if (stage.denied === 'user') return FaultReason.USER_DENIED;
      return stage.denied === 'execute' ? FaultReason.EXECUTE_DENIED : FaultReason.SM_WRITE_DENIED;
    case WalkStop.ACCESSED:
      return FaultReason.FS_UPDATE_NOT_SNOOPED;
    case WalkStop.UPDATE:
      return FaultReason.FS_UPDATE_FAILED;
    default:
      return FaultReason.FS_ENTRY_RESERVED;
  }
}

/** The second stage refused the address of a first-stage table: a lack of one right has reasons of its own (SFS.6 to SFS.8). */
function tableReason(stage: FirstStage, second: SecondStage): FaultReasonCode {
  if (second.stop === WalkStop.INPUT) return FaultReason.FS_ADDRESS_BEYOND_SS_WIDTH;
  const reason = secondStageReason(second);
  if (reason === FaultReason.SM_WRITE_DENIED) return FaultReason.FS_UPDATE_WRITE_DENIED;
  if (reason !== FaultReason.SM_READ_DENIED) return reason;
  return stage.atTop ? FaultReason.FS_TOP_TABLE_READ_DENIED : FaultReason.FS_TABLE_READ_DENIED;
}
