import { Access, NO_PASID } from '@ioasis/core';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { Capabilities } from './capabilities.js';
import type { ScalableContext } from './translation-context.js';

/** Whether the PASID of a request is one that its context entry and the unit accept (SCT.6 to SCT.10, SGN.10); 0: it is. */
export function pasidReason(
  capabilities: Capabilities,
  scalable: ScalableContext,
  pasid: number,
  access: number,
): FaultReasonCode | 0 {
  if (pasid === NO_PASID) return 0;
  // Translated requests with PASID need a field of the context entry (EPTR) that this unit does not have.
  if ((access & Access.TRANSLATED) !== 0) return FaultReason.TRANSLATED_PASID_DISABLED;
  if (!scalable.pasidEnable) return FaultReason.PASID_DISABLED;
  if (pasid >= scalable.pasidLimit) return FaultReason.PASID_BEYOND_DIRECTORY;
  if (pasid === scalable.ridPasid) return FaultReason.PASID_IS_RID_PASID;
  return pasid >= 2 ** capabilities.pasidBits ? FaultReason.PASID_BEYOND_SUPPORTED : 0;
}

/** Why a unit in a table mode other than legacy and scalable refuses every request (RTA.1, RTA.4). */
export const tableModeReason = (capabilities: Capabilities, mode: number): FaultReasonCode =>
  mode === TranslationTableMode.ABORT_DMA && capabilities.abortDma
    ? FaultReason.ABORT_DMA_MODE
    : FaultReason.TABLE_MODE_INVALID;
