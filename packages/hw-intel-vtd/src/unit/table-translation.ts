import { Access, join64, type Clock, type Translation, type UnitCounters, type WalkVisitor } from '@ioasis/core';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { VtdConfiguration } from '../options.js';
import type { Capabilities } from './capabilities.js';
import { SUPERVISOR_SHIFT, type FirstStage } from './first-stage.js';
import type { InterruptWindow } from './interrupt-window.js';
import { secondStageNeeds, type SecondStage } from './second-stage.js';
import { ContextKind, type TranslationContext } from './translation-context.js';
import { IotlbKind, NEGATIVE, type UnitCaches } from './unit-caches.js';
import type { UnitWatch } from './unit-watch.js';
import type { WalkFailure } from './walk-failure.js';
import { firstStageReason, legacyReason, secondStageReason } from './walk-faults.js';

/** Rights of an access. */
export const RIGHTS: number = Access.READ | Access.WRITE | Access.EXECUTE;
/** log2 bytes of the smallest page. */
export const PAGE_SHIFT = 12;

const NOWHERE: WalkFailure = {};

/** What table translation needs of its unit. */
export interface TableTranslationParts {
  readonly configuration: VtdConfiguration;
  readonly secondStage: SecondStage;
  readonly firstStage: FirstStage;
  readonly caches: UnitCaches;
  readonly watch: UnitWatch;
  readonly counters: UnitCounters;
  readonly translation: Translation;
  readonly window: InterruptWindow;
  readonly clock: Clock | undefined;
  readonly isLive: boolean;
}

/** Puts an answer where the requester finds it. */
export function answer(into: Translation, paHi: number, paLo: number, pageShift: number, permissions: number): true {
  into.paHi = paHi;
  into.paLo = paLo;
  into.pageShift = pageShift;
  into.permissions = permissions;
  return true;
}

/** IOTLB and table walks of a context that translates, and what of them is cached. */
export class TableTranslation {
  /** After a walk that ended in a fault: where. Empty when no entry is to blame. */
  failure: WalkFailure = {};
  readonly #capabilities: Capabilities;
  readonly #secondStage: SecondStage;
  readonly #firstStage: FirstStage;
  readonly #caches: UnitCaches;
  readonly #watch: UnitWatch;
  readonly #counters: UnitCounters;
  readonly #translation: Translation;
  readonly #window: InterruptWindow;
  readonly #clock: Clock | undefined;
  readonly #keepsNegative: boolean;
  readonly #keepsProvenance: boolean;
  #insertions = 0;
  #isNegative = false;
  /** Table words of the walk that is going on, kept for provenance. */
  #words: bigint[] = [];

  constructor(parts: TableTranslationParts) {
    this.#capabilities = parts.configuration.capabilities;
    this.#secondStage = parts.secondStage;
    this.#firstStage = parts.firstStage;
    this.#caches = parts.caches;
    this.#watch = parts.watch;
    this.#counters = parts.counters;
    this.#translation = parts.translation;
    this.#window = parts.window;
    this.#clock = parts.clock;
    this.#keepsNegative = parts.configuration.caches.negative;
    this.#keepsProvenance = parts.configuration.caches.provenance && parts.isLive;
    if (!this.#keepsProvenance) return;
    const visitor: WalkVisitor = { entryRead: (walker) => this.#words.push(join64(walker.entryHi, walker.entryLo)) };
    this.#secondStage.visitor = visitor;
    this.#firstStage.visitor = visitor;
  }

  /** IOTLB, for requests that the hit path does not know. A right that is missing in the entry sends the request to the tables. */
  lookUp(context: TranslationContext, hi: number, lo: number, access: number): boolean {
    const { iotlb } = this.#caches;
    const found = iotlb.lookup(hi, lo, context.domain, context.pasidTag);
    this.lookedUp(found);
    if (!found || this.#isZeroLength(access)) return false;
    const privileged = (access & Access.PRIVILEGED) !== 0 ? SUPERVISOR_SHIFT : 0;
    const rights = (iotlb.permissions >>> privileged) & RIGHTS;
    if ((rights & access & RIGHTS) !== (access & RIGHTS)) return false;
    this.#counters.iotlbHits++;
    return answer(this.#translation, iotlb.paHi, iotlb.paLo, iotlb.pageShift, rights);
  }

  /** The IOTLB was asked; what it said is in its fields. A walk that follows heeds an entry that says "not present". */
  lookedUp(found: boolean): void {
    this.#isNegative = found && (this.#caches.iotlb.attributes & NEGATIVE) !== 0;
  }

  #isZeroLength(access: number): boolean {
    return (access & Access.ZERO_LENGTH) !== 0 && this.#capabilities.zeroLengthReads;
  }

  /** Walks the tables and fills the IOTLB. @returns 0 or the reason of a fault */
  walk(context: TranslationContext, requester: number, hi: number, lo: number, access: number): FaultReasonCode | 0 {
    if (this.#keepsProvenance) this.#words = [];
    this.failure = NOWHERE;
    switch (context.kind) {
      case ContextKind.SECOND_STAGE:
        return this.#walkSecondStage(context, requester, hi, lo, access);
      default:
        return this.#walkFirstStage(context, requester, hi, lo, access);
    }
  }

  #walkSecondStage(
    context: TranslationContext,
    requester: number,
    hi: number,
    lo: number,
    access: number,
  ): FaultReasonCode | 0 {
    const secondStage = this.#secondStage;
    const root = context.secondStage!;
    if (this.#isNegative) return this.#deniedReason(context, access);
    const needs = this.#isZeroLength(access) ? 0 : secondStageNeeds(access);
    const done = secondStage.walk(root, context.domain, context, hi, lo, needs);
    this.#counters.walkReads += secondStage.reads;
    if (!done) {
      this.failure = secondStage.failure;
      const reason = context.scalable ? secondStageReason(secondStage) : legacyReason(secondStage);
      if (this.#keepsNegative && secondStage.isAbsent) this.#keepNegative(context, hi, lo);
      return reason;
    }
    if (this.#isInterruptRange(secondStage.paHi, secondStage.paLo, secondStage.pageShift, access)) {
      return context.scalable ? FaultReason.SM_INTERRUPT_RANGE : FaultReason.INTERRUPT_RANGE;
    }
    const rights = secondStage.permissions;
    const both = rights | (rights << SUPERVISOR_SHIFT);
    this.#fill(
      context,
      requester,
      hi,
      lo,
      secondStage.pageShift,
      secondStage.paHi,
      secondStage.paLo,
      both,
      IotlbKind.SECOND_STAGE,
    );
    answer(this.#translation, secondStage.paHi, secondStage.paLo, secondStage.pageShift, rights);
    return 0;
  }

  #walkFirstStage(
    context: TranslationContext,
    requester: number,
    hi: number,
    lo: number,
    access: number,
  ): FaultReasonCode | 0 {
    const firstStage = this.#firstStage;
    const secondStage = this.#secondStage;
    const needs = access & (RIGHTS | Access.PRIVILEGED);
    this.#caches.mayHoldFirstStage = true;
    const done = firstStage.walk(context.firstStage!, context, hi, lo, needs);
    this.#counters.walkReads += firstStage.reads;
    if (!done) {
      this.failure = firstStage.failure;
      return firstStageReason(firstStage, secondStage);
    }
    let { paHi, paLo, pageShift, permissions } = firstStage;
    if (context.kind === ContextKind.NESTED) {
      if (!secondStage.walk(context.secondStage!, context.domain, context, paHi, paLo, secondStageNeeds(access))) {
        this.#counters.walkReads += secondStage.reads;
        this.failure = secondStage.failure;
        const reason = secondStageReason(secondStage);
        return reason === FaultReason.SS_ADDRESS_BEYOND_WIDTH ? FaultReason.FS_ADDRESS_BEYOND_SS_WIDTH : reason;
      }
      this.#counters.walkReads += secondStage.reads;
      paHi = secondStage.paHi;
      paLo = secondStage.paLo;
      pageShift = Math.min(pageShift, secondStage.pageShift);
      permissions &= secondStage.permissions | (secondStage.permissions << SUPERVISOR_SHIFT);
    }
    if (this.#isInterruptRange(paHi, paLo, pageShift, access)) return FaultReason.SM_INTERRUPT_RANGE;
    const kind = context.kind === ContextKind.NESTED ? IotlbKind.NESTED : IotlbKind.FIRST_STAGE;
    this.#fill(context, requester, hi, lo, pageShift, paHi, paLo, permissions, kind);
    const privileged = (access & Access.PRIVILEGED) !== 0 ? SUPERVISOR_SHIFT : 0;
    answer(this.#translation, paHi, paLo, pageShift, (permissions >>> privileged) & RIGHTS);
    return 0;
  }

  /** The output of a request is one address, that of a translation request a page (LGN.4, SGN.8). */
  #isInterruptRange(paHi: number, paLo: number, shift: number, access: number): boolean {
    return (access & Access.TRANSLATION_REQUEST) !== 0
      ? this.#window.touches(paHi, paLo, shift)
      : this.#window.contains(paHi, paLo);
  }

  #keepNegative(context: TranslationContext, hi: number, lo: number): void {
    const { domain, pasidTag } = context;
    const { iotlb } = this.#caches;
    const kind = IotlbKind.SECOND_STAGE | NEGATIVE;
    if (iotlb.insert(hi, lo, PAGE_SHIFT, domain, pasidTag, 0, 0, 0, kind, false) < 0) return;
    this.#watch.absentPage(context, hi, lo, PAGE_SHIFT);
  }

  #deniedReason(context: TranslationContext, access: number): FaultReasonCode {
    if (context.scalable) return FaultReason.SS_ENTRY_NOT_PRESENT;
    return (access & Access.WRITE) !== 0 ? FaultReason.WRITE_DENIED : FaultReason.READ_DENIED;
  }

  #fill(
    context: TranslationContext,
    requester: number,
    hi: number,
    lo: number,
    shift: number,
    paHi: number,
    paLo: number,
    permissions: number,
    kind: number,
  ): void {
    const { iotlb } = this.#caches;
    // Part of a large page may lie in the interrupt window: the rest is cached page by page.
    const cached = this.#window.touches(paHi, paLo, shift) ? PAGE_SHIFT : shift;
    const index = iotlb.insert(hi, lo, cached, context.domain, context.pasidTag, paHi, paLo, permissions, kind, false);
    if (index >= 0) this.#watch.page(context, hi, lo, cached, paHi, paLo);
    if (!this.#keepsProvenance) return;
    iotlb.note(index, {
      sequence: ++this.#insertions,
      time: this.#clock?.now() ?? 0,
      cause: `requester 0x${requester.toString(16)}`,
      words: this.#words,
    });
  }
}
