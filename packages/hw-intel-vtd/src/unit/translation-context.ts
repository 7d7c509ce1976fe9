import type { TableAddressTranslator, TableRoot } from '@ioasis/core';
import type { FaultReasonCode } from '../layouts/fault-reasons.js';

/** What a requester's structures say is to happen with its requests: a closed set. */
export const ContextKind = { FAULT: 0, PASS_THROUGH: 1, SECOND_STAGE: 2, FIRST_STAGE: 3, NESTED: 4 } as const;
/** One of {@link ContextKind}. */
export type ContextKindCode = (typeof ContextKind)[keyof typeof ContextKind];

/**
 * A decoded context entry (legacy mode) or PASID entry (scalable mode). One class for all kinds, because the hit path reads it;
 * fields that a kind does not have keep their defaults.
 */
export class TranslationContext {
  kind: ContextKindCode = ContextKind.FAULT;
  /** Why every request faults; 0 for the other kinds. */
  reason: FaultReasonCode | 0 = 0;
  /** FPD: qualified faults are not recorded. */
  faultProcessingDisabled = false;
  /** Domain id, tag of everything that is cached on behalf of this context. */
  domain = 0;
  /** Tag B of IOTLB entries: the PASID in scalable mode, {@link NO_PASID_TAG} in legacy mode (VT-d 6.2.1). */
  pasidTag: number = NO_PASID_TAG;
  /** Legacy mode: TT allows translation requests and translated requests. Scalable mode asks the scalable context. */
  deviceTlb = false;
  /** Second-stage root: of SECOND_STAGE and NESTED. */
  secondStage: TableRoot | null = null;
  /** First-stage root: of FIRST_STAGE and NESTED. */
  firstStage: TableRoot | null = null;
  /** The second stage as it serves the first stage's table reads: of NESTED. */
  nested: TableAddressTranslator | null = null;
  /** SSEE. */
  secondStageExecute = false;
  /** SSADE. */
  secondStageDirty = false;
  /** NXE. */
  noExecute = false;
  /** EAFE. */
  extendedAccessed = false;
  /** WPE. */
  writeProtect = false;
  /** SMEP. */
  supervisorExecutePrevention = false;
  /** SRE. */
  supervisorRequests = false;
  /** ERE. */
  executeRequests = false;
  /** Walks are snooped, so that hardware may set accessed and dirty bits. */
  snooped = true;
  /** Scalable mode: reasons of faults differ. */
  scalable = false;
}

/** Tag B of what belongs to a domain as a whole. */
export const NO_PASID_TAG = -1;

/** A context in which every request faults. */
export function faultContext(reason: FaultReasonCode, faultProcessingDisabled: boolean): TranslationContext {
  const context = new TranslationContext();
  context.reason = reason;
  context.faultProcessingDisabled = faultProcessingDisabled;
  return context;
}

/** What a scalable-mode context entry says. */
export class ScalableContext {
  reason: FaultReasonCode | 0 = 0;
  faultProcessingDisabled = false;
  directoryHi = 0;
  directoryLo = 0;
  /** PASIDs below this have a directory entry. */
  pasidLimit = 0;
  /** DTE. */
  deviceTlb = false;
  /** PASIDE. */
  pasidEnable = false;
  /** PRE. */
  pageRequests = false;
  /** RID_PASID. */
  ridPasid = 0;
  /** RID_PRIV. */
  ridPrivileged = false;
}
