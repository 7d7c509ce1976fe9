import { NO_PASID } from '@ioasis/core';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { PasidIotlbGranularity } from '../layouts/descriptors.js';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import { Granularity } from '../layouts/invalidation-registers.js';
import type { Capabilities } from './capabilities.js';
import type { ContextLookup } from './context-lookup.js';
import { TRANSLATION_OFF, type GlobalCommand } from './global-command.js';
import { pasidReason, tableModeReason } from './pasid-conditions.js';
import { ContextKind, type ScalableContext, type TranslationContext } from './translation-context.js';
import type { UnitCaches } from './unit-caches.js';

/** Whether a device may send page requests, and what one of them drops from the caches (VT-d 7.4.1, 6.5.3.1). */
export class PageRequestAdmission {
  /** After a refusal: FPD of an entry that was read is set. */
  suppress = false;
  readonly #capabilities: Capabilities;
  readonly #contexts: ContextLookup;
  readonly #caches: UnitCaches;
  readonly #command: GlobalCommand;

  constructor(capabilities: Capabilities, contexts: ContextLookup, caches: UnitCaches, command: GlobalCommand) {
    this.#capabilities = capabilities;
    this.#contexts = contexts;
    this.#caches = caches;
    this.#command = command;
  }

  /** @returns 0, or the reason why not */
  admit(requester: number, pasid: number, hi: number, lo: number): FaultReasonCode | 0 {
    const { mode } = this.#command;
    this.suppress = false;
    if (mode === TranslationTableMode.LEGACY || mode === TRANSLATION_OFF) {
      return FaultReason.PAGE_REQUEST_IN_LEGACY_MODE;
    }
    if (mode !== TranslationTableMode.SCALABLE || !this.#capabilities.scalable) {
      return tableModeReason(this.#capabilities, mode);
    }
    const scalable = this.#contexts.scalable(requester);
    this.suppress = scalable.faultProcessingDisabled;
    const reason = scalable.reason || pasidReason(this.#capabilities, scalable, pasid, 0);
    if (reason !== 0) return reason;
    return scalable.pageRequests
      ? this.#traverse(scalable, requester, pasid, hi, lo)
      : FaultReason.PAGE_REQUEST_DISABLED;
  }

  #traverse(scalable: ScalableContext, requester: number, pasid: number, hi: number, lo: number): FaultReasonCode | 0 {
    const effective = pasid === NO_PASID ? scalable.ridPasid : pasid;
    const context = this.#contexts.pasid(scalable, requester, effective);
    this.suppress = context.faultProcessingDisabled;
    if (context.kind === ContextKind.FAULT) return context.reason;
    this.#invalidate(context, effective, hi, lo);
    return 0;
  }

  /** Rights that were granted since the device asked last need no invalidation by software: hardware makes it. */
  #invalidate({ kind, domain }: TranslationContext, pasid: number, hi: number, lo: number): void {
    const caches = this.#caches;
    if (kind === ContextKind.FIRST_STAGE) {
      caches.dropPasidTranslations(PasidIotlbGranularity.PAGES, domain, pasid, hi, lo, 0, false);
      return;
    }
    const granularity = kind === ContextKind.NESTED ? Granularity.DOMAIN : Granularity.SELECTIVE;
    caches.dropTranslations(granularity, domain, hi, lo, 0, false);
  }
}
