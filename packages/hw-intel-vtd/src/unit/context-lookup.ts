import { NO_PASID, type UnitCounters } from '@ioasis/core';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { Capabilities } from './capabilities.js';
import type { FirstStage } from './first-stage.js';
import type { GlobalCommand } from './global-command.js';
import { LegacyContextDecoder } from './legacy-context.js';
import { PasidDecoder } from './pasid-entry.js';
import { ScalableContextDecoder } from './scalable-context.js';
import type { SecondStage } from './second-stage.js';
import type { StructureReader } from './structure-reader.js';
import { ContextKind, type ScalableContext, type TranslationContext } from './translation-context.js';
import type { UnitCaches } from './unit-caches.js';
import type { UnitWatch } from './unit-watch.js';

/** What a context lookup needs of its unit. */
export interface ContextLookupParts {
  readonly capabilities: Capabilities;
  readonly reader: StructureReader;
  readonly secondStage: SecondStage;
  readonly firstStage: FirstStage;
  readonly caches: UnitCaches;
  readonly watch: UnitWatch;
  readonly counters: UnitCounters;
  readonly command: GlobalCommand;
  /** Caching mode: entries that are not present are cached. */
  readonly keepsNegative: boolean;
}

/** Contexts of requesters, from the context and PASID caches or from memory. What cannot be used is not cached. */
export class ContextLookup {
  readonly #keepsNegative: boolean;
  readonly #caches: UnitCaches;
  readonly #watch: UnitWatch;
  readonly #counters: UnitCounters;
  readonly #command: GlobalCommand;
  readonly #legacy: LegacyContextDecoder;
  readonly #scalable: ScalableContextDecoder;
  readonly #pasids: PasidDecoder;

  constructor(parts: ContextLookupParts) {
    const { capabilities, reader, secondStage, firstStage } = parts;
    this.#keepsNegative = parts.keepsNegative;
    this.#caches = parts.caches;
    this.#watch = parts.watch;
    this.#counters = parts.counters;
    this.#command = parts.command;
    this.#legacy = new LegacyContextDecoder(capabilities, reader, secondStage.formatOf(false));
    this.#scalable = new ScalableContextDecoder(capabilities, reader);
    this.#pasids = new PasidDecoder(capabilities, reader, secondStage, firstStage);
  }

  /** A requester's context in legacy mode. */
  legacy(requester: number): TranslationContext {
    const { contexts } = this.#caches;
    const cached = contexts.find(requester, NO_PASID);
    if (cached !== null) return cached;
    const context = this.#legacy.decode(this.#command.rootHi, this.#command.rootLo, requester);
    this.#counters.walkReads += this.#legacy.reads;
    if (contexts.isOn && (context.kind !== ContextKind.FAULT || this.#isCachedNegative(context.reason))) {
      contexts.insert(requester, NO_PASID, context);
      this.#watch.context(context.domain);
    }
    return context;
  }

  /** A requester's context entry in scalable mode. */
  scalable(requester: number): ScalableContext {
    const { scalableContexts } = this.#caches;
    const cached = scalableContexts.find(requester, NO_PASID);
    if (cached !== null) return cached;
    const context = this.#scalable.decode(this.#command.rootHi, this.#command.rootLo, requester);
    this.#counters.walkReads += this.#scalable.reads;
    if (scalableContexts.isOn && (context.reason === 0 || this.#isCachedNegative(context.reason))) {
      scalableContexts.insert(requester, NO_PASID, context);
      this.#watch.context(undefined);
    }
    return context;
  }

  /** What a PASID of a requester is to have. */
  pasid(scalable: ScalableContext, requester: number, pasid: number): TranslationContext {
    const { pasids } = this.#caches;
    const cached = pasids.find(requester, pasid);
    if (cached !== null) return cached;
    const context = this.#pasids.decode(scalable, pasid);
    this.#counters.walkReads += this.#pasids.reads;
    if (pasids.isOn && (context.kind !== ContextKind.FAULT || this.#isCachedNegative(context.reason))) {
      pasids.insert(requester, pasid, context);
      this.#watch.pasidEntry(pasid, context.kind === ContextKind.FAULT ? undefined : context.domain);
    }
    return context;
  }

  /** Caching mode: structures that are not present may be cached, under domain 0 (VT-d 6.1). */
  #isCachedNegative(reason: FaultReasonCode | 0): boolean {
    if (!this.#keepsNegative) return false;
    switch (reason) {
      case FaultReason.ROOT_NOT_PRESENT:
      case FaultReason.CONTEXT_NOT_PRESENT:
      case FaultReason.SM_ROOT_NOT_PRESENT:
      case FaultReason.SM_CONTEXT_NOT_PRESENT:
      case FaultReason.PASID_DIRECTORY_NOT_PRESENT:
      case FaultReason.PASID_ENTRY_NOT_PRESENT:
        return true;
      default:
        return false;
    }
  }
}
