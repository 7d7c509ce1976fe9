import {
  Access,
  join64,
  NO_PASID,
  type Clock,
  type PhysicalMemory,
  type RegisterFile,
  type Translation,
  type UnitCounters,
  type WalkVisitor,
} from '@ioasis/core';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { VtdConfiguration } from '../options.js';
import type { Capabilities } from './capabilities.js';
import type { FaultSink } from './fault-log.js';
import { FirstStage, SUPERVISOR_SHIFT } from './first-stage.js';
import { TRANSLATION_OFF, type GlobalCommand } from './global-command.js';
import { LegacyContextDecoder } from './legacy-context.js';
import { PasidDecoder } from './pasid-entry.js';
import { isProtected } from './protected-memory.js';
import { refuseRequest } from './request-fault.js';
import { ScalableContextDecoder } from './scalable-context.js';
import { SecondStage, secondStageNeeds } from './second-stage.js';
import { StructureReader } from './structure-reader.js';
import { ContextKind, type ScalableContext, type TranslationContext } from './translation-context.js';
import { IotlbKind, NEGATIVE, type UnitCaches } from './unit-caches.js';
import { firstStageReason, legacyReason, secondStageReason } from './walk-faults.js';

const RIGHTS = Access.READ | Access.WRITE | Access.EXECUTE;
const ALL_RIGHTS = RIGHTS;
const PAGE_SHIFT = 12;
const MIB_SHIFT = 20;

/** What the request path needs of its unit. */
export interface RequestPathParts {
  readonly memory: PhysicalMemory;
  readonly configuration: VtdConfiguration;
  readonly caches: UnitCaches;
  readonly counters: UnitCounters;
  readonly translation: Translation;
  readonly faults: FaultSink;
  readonly registers: RegisterFile;
  readonly command: GlobalCommand;
  readonly clock: Clock | undefined;
  /** False: nothing changes in memory; for looking only. */
  readonly isLive: boolean;
}

/** A request from its arrival to an address or a fault, in the order of VT-d 3.4 and 7.1.3, with every cache that it meets. */
export class RequestPath {
  readonly reader: StructureReader;
  readonly secondStage: SecondStage;
  readonly firstStage: FirstStage;
  readonly #legacy: LegacyContextDecoder;
  readonly #scalable: ScalableContextDecoder;
  readonly #pasids: PasidDecoder;
  readonly #configuration: VtdConfiguration;
  readonly #capabilities: Capabilities;
  readonly #caches: UnitCaches;
  readonly #counters: UnitCounters;
  readonly #translation: Translation;
  readonly #faults: FaultSink;
  readonly #registers: RegisterFile;
  readonly #command: GlobalCommand;
  readonly #clock: Clock | undefined;
  /** Interrupt window, MiB, inclusive. */
  readonly #windowFirst: number;
  readonly #windowLast: number;
  #insertions = 0;
  /** Table words of the walk that is going on, kept for provenance. */
  #words: bigint[] = [];

  constructor(parts: RequestPathParts) {
    const { memory, configuration, caches } = parts;
    const { capabilities } = configuration;
    const reader = new StructureReader(memory);
    this.reader = reader;
    this.secondStage = new SecondStage(capabilities, memory, caches.secondStage, parts.isLive);
    this.firstStage = new FirstStage(capabilities, memory, caches.firstStage, parts.isLive);
    this.#legacy = new LegacyContextDecoder(capabilities, reader, this.secondStage.formatOf(false));
    this.#scalable = new ScalableContextDecoder(capabilities, reader);
    this.#pasids = new PasidDecoder(capabilities, reader, this.secondStage, this.firstStage);
    this.#configuration = configuration;
    this.#capabilities = capabilities;
    this.#caches = caches;
    this.#counters = parts.counters;
    this.#translation = parts.translation;
    this.#faults = parts.faults;
    this.#registers = parts.registers;
    this.#command = parts.command;
    this.#clock = parts.clock;
    this.#windowFirst = Number(configuration.msiWindow.start >> BigInt(MIB_SHIFT));
    if (configuration.caches.provenance && parts.isLive) {
      const visitor: WalkVisitor = { entryRead: (walker) => this.#words.push(join64(walker.entryHi, walker.entryLo)) };
      this.secondStage.visitor = visitor;
      this.firstStage.visitor = visitor;
    }
    this.#windowLast = Number(configuration.msiWindow.last >> BigInt(MIB_SHIFT));
  }

  translate(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const { mode } = this.#command;
    if (mode === TRANSLATION_OFF) return this.#untranslated(requester, pasid, hi, lo, access);
    // Requests without PASID to the interrupt window are no DMA (VT-d 3.14): writes are messages, all others are refused.
    if (pasid === NO_PASID && this.isInterruptWindow(hi, lo)) {
      const isMessage = (access & (Access.WRITE | Access.ATOMIC | Access.TRANSLATION_REQUEST)) === Access.WRITE;
      if (isMessage) return this.#pass(hi, lo, Access.WRITE);
      const reason =
        mode === TranslationTableMode.SCALABLE ? FaultReason.SM_INTERRUPT_RANGE : FaultReason.INTERRUPT_RANGE;
      return this.#refuse(reason, false, requester, pasid, hi, lo, access);
    }
    if (mode === TranslationTableMode.LEGACY) {
      if (pasid !== NO_PASID) {
        return this.#refuse(FaultReason.PASID_IN_LEGACY_MODE, false, requester, pasid, hi, lo, access);
      }
      const context = this.#legacyContext(requester);
      return this.#through(context, context.deviceTlb, requester, pasid, hi, lo, access);
    }
    if (mode === TranslationTableMode.SCALABLE && this.#capabilities.scalable) {
      return this.#scalableRequest(requester, pasid, hi, lo, access);
    }
    const abort = mode === TranslationTableMode.ABORT_DMA && this.#capabilities.abortDma;
    const reason = abort ? FaultReason.ABORT_DMA_MODE : FaultReason.TABLE_MODE_INVALID;
    return this.#refuse(reason, false, requester, pasid, hi, lo, access);
  }

  /**
   * Whether a device may send page requests (VT-d 7.4, 7.1.3).
   * @returns 0, or the reason why not, after the fault was recorded
   */
  admitPageRequest(requester: number, pasid: number, hi: number, lo: number, access: number): FaultReasonCode | 0 {
    const { mode } = this.#command;
    let suppress = false;
    let reason: FaultReasonCode | 0 = 0;
    if (mode !== TranslationTableMode.SCALABLE) reason = FaultReason.PAGE_REQUEST_IN_LEGACY_MODE;
    else {
      const scalable = this.#scalableContext(requester);
      suppress = scalable.faultProcessingDisabled;
      if (scalable.reason !== 0) reason = scalable.reason;
      else if (!scalable.pageRequests) reason = FaultReason.PAGE_REQUEST_DISABLED;
      else if (pasid !== NO_PASID && !scalable.pasidEnable) reason = FaultReason.PASID_DISABLED;
    }
    if (reason !== 0) {
      this.#counters.faults++;
      this.#translation.fault = refuseRequest(this.#faults, reason, suppress, requester, pasid, hi, lo, access, true);
    }
    return reason;
  }

  /** Whether an address lies in the interrupt window. */
  isInterruptWindow(hi: number, lo: number): boolean {
    const mib = lo >>> MIB_SHIFT;
    return hi === 0 && mib >= this.#windowFirst && mib <= this.#windowLast;
  }

  /** A plain read or write with a known context, which the IOTLB did not answer. */
  missed(
    context: TranslationContext,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
  ): boolean {
    const reason = this.#requestReason(context, false, pasid, hi, lo, access);
    if (reason !== 0) return this.#refuse(reason, context.faultProcessingDisabled, requester, pasid, hi, lo, access);
    return this.#translateByTables(context, requester, pasid, hi, lo, access);
  }

  /** Translation is off: requests pass, but for protected memory (VT-d 11.4.8). */
  #untranslated(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    if (isProtected(this.#registers, this.#capabilities, hi, lo)) {
      const reason = (access & Access.WRITE) !== 0 ? FaultReason.WRITE_DENIED : FaultReason.READ_DENIED;
      return this.#refuse(reason, true, requester, pasid, hi, lo, access);
    }
    return this.#pass(hi, lo, ALL_RIGHTS);
  }

  #legacyContext(requester: number): TranslationContext {
    const { contexts } = this.#caches;
    const cached = contexts.find(requester, NO_PASID);
    if (cached !== null) return cached;
    const context = this.#legacy.decode(this.#command.rootHi, this.#command.rootLo, requester);
    this.#counters.walkReads += this.#legacy.reads;
    if (context.kind !== ContextKind.FAULT || this.#isCachedNegative(context.reason)) {
      contexts.insert(requester, NO_PASID, context);
      this.#caches.version++;
    }
    return context;
  }

  #scalableRequest(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const scalable = this.#scalableContext(requester);
    const off = scalable.faultProcessingDisabled;
    const refuse = (reason: FaultReasonCode): boolean => this.#refuse(reason, off, requester, pasid, hi, lo, access);
    if (scalable.reason !== 0) return refuse(scalable.reason);
    if (pasid !== NO_PASID && !scalable.pasidEnable) return refuse(FaultReason.PASID_DISABLED);
    if ((access & (Access.TRANSLATION_REQUEST | Access.TRANSLATED)) !== 0 && !scalable.deviceTlb) {
      return refuse(FaultReason.DEVICE_TLB_DISABLED);
    }
    const effective = pasid === NO_PASID ? scalable.ridPasid : pasid;
    if (effective >= scalable.pasidLimit) {
      return refuse(pasid === NO_PASID ? FaultReason.RID_PASID_INVALID : FaultReason.PASID_BEYOND_DIRECTORY);
    }
    const context = this.#pasidContext(scalable, requester, effective);
    const privileged = pasid === NO_PASID && scalable.ridPrivileged ? access | Access.PRIVILEGED : access;
    return this.#through(context, scalable.deviceTlb, requester, pasid, hi, lo, privileged);
  }

  #scalableContext(requester: number): ScalableContext {
    const { scalableContexts } = this.#caches;
    const cached = scalableContexts.find(requester, NO_PASID);
    if (cached !== null) return cached;
    const context = this.#scalable.decode(this.#command.rootHi, this.#command.rootLo, requester);
    this.#counters.walkReads += this.#scalable.reads;
    if (context.reason === 0 || this.#isCachedNegative(context.reason)) {
      scalableContexts.insert(requester, NO_PASID, context);
      this.#caches.version++;
    }
    return context;
  }

  #pasidContext(scalable: ScalableContext, requester: number, pasid: number): TranslationContext {
    const { pasids } = this.#caches;
    const cached = pasids.find(requester, pasid);
    if (cached !== null) return cached;
    const context = this.#pasids.decode(scalable, pasid);
    this.#counters.walkReads += this.#pasids.reads;
    if (context.kind !== ContextKind.FAULT || this.#isCachedNegative(context.reason)) {
      pasids.insert(requester, pasid, context);
      this.#caches.version++;
    }
    return context;
  }

  /** Caching mode: structures that are not present may be cached, under domain 0 (VT-d 6.1). */
  #isCachedNegative(reason: FaultReasonCode | 0): boolean {
    if (!this.#capabilities.cachingMode) return false;
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

  /** The context is known: what it says about this request. */
  #through(
    context: TranslationContext,
    deviceTlb: boolean,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
  ): boolean {
    const off = context.faultProcessingDisabled;
    if (context.kind === ContextKind.FAULT && context.reason !== 0) {
      return this.#refuse(context.reason, off, requester, pasid, hi, lo, access);
    }
    const reason = this.#requestReason(context, deviceTlb, pasid, hi, lo, access);
    if (reason !== 0) return this.#refuse(reason, off, requester, pasid, hi, lo, access);
    // Translated requests carry a physical address already.
    if ((access & Access.TRANSLATED) !== 0) return this.#pass(hi, lo, ALL_RIGHTS);
    if (context.kind === ContextKind.PASS_THROUGH) return this.#pass(hi, lo, ALL_RIGHTS);
    return this.#lookUp(context, hi, lo, access) || this.#translateByTables(context, requester, pasid, hi, lo, access);
  }

  #translateByTables(
    context: TranslationContext,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
  ): boolean {
    this.#counters.iotlbMisses++;
    const reason = this.#walk(context, requester, hi, lo, access);
    return reason === 0 || this.#recover(context, reason, requester, pasid, hi, lo, access);
  }

  /** Whether this kind of request is allowed at all; 0: it is. */
  #requestReason(
    context: TranslationContext,
    deviceTlb: boolean,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
  ): FaultReasonCode | 0 {
    if ((access & (Access.TRANSLATION_REQUEST | Access.TRANSLATED)) !== 0 && !deviceTlb) {
      return context.scalable ? FaultReason.DEVICE_TLB_DISABLED : FaultReason.REQUEST_TYPE_BLOCKED;
    }
    if (context.scalable && (access & Access.PRIVILEGED) !== 0 && !context.supervisorRequests) {
      return FaultReason.SUPERVISOR_DISABLED;
    }
    if (context.scalable && pasid !== NO_PASID && (access & Access.EXECUTE) !== 0 && !context.executeRequests) {
      return FaultReason.EXECUTE_DISABLED;
    }
    if ((access & Access.TRANSLATED) !== 0) return 0;
    if (context.kind === ContextKind.PASS_THROUGH) {
      if (isWider(hi, lo, context.inputBits)) {
        return context.scalable ? FaultReason.SS_ADDRESS_BEYOND_WIDTH : FaultReason.ADDRESS_BEYOND_WIDTH;
      }
      // With a PASID the window is memory for tables, and nothing for pass-through (VT-d 3.14).
      return this.isInterruptWindow(hi, lo) ? FaultReason.SM_INTERRUPT_RANGE : 0;
    }
    if (context.kind === ContextKind.SECOND_STAGE && isWider(hi, lo, this.#capabilities.guestAddressWidth)) {
      return context.scalable ? FaultReason.SS_ADDRESS_BEYOND_WIDTH : FaultReason.ADDRESS_BEYOND_WIDTH;
    }
    return 0;
  }

  /** IOTLB, for requests that the hit path does not know. A right that is missing in the entry sends the request to the tables. */
  #lookUp(context: TranslationContext, hi: number, lo: number, access: number): boolean {
    const { iotlb } = this.#caches;
    if (!iotlb.lookup(hi, lo, context.domain, context.pasidTag) || this.#isZeroLength(access)) return false;
    const privileged = (access & Access.PRIVILEGED) !== 0 ? SUPERVISOR_SHIFT : 0;
    const rights = (iotlb.permissions >>> privileged) & RIGHTS;
    if ((rights & access & RIGHTS) !== (access & RIGHTS)) return false;
    this.#counters.iotlbHits++;
    return this.#answer(iotlb.paHi, iotlb.paLo, iotlb.pageShift, rights);
  }

  #isZeroLength(access: number): boolean {
    return (access & Access.ZERO_LENGTH) !== 0 && this.#capabilities.zeroLengthReads;
  }

  /** Walks the tables and fills the IOTLB. @returns 0 or the reason of a fault */
  #walk(context: TranslationContext, requester: number, hi: number, lo: number, access: number): FaultReasonCode | 0 {
    if (this.#configuration.caches.provenance) this.#words = [];
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
    const { secondStage } = this;
    const root = context.secondStage!;
    if (this.#hasNegative(context, hi, lo)) return this.#deniedReason(context, access);
    const needs = this.#isZeroLength(access) ? 0 : secondStageNeeds(access);
    const done = secondStage.walk(root, context.domain, context, hi, lo, needs);
    this.#counters.walkReads += secondStage.reads;
    if (!done) {
      const reason = context.scalable ? secondStageReason(secondStage) : legacyReason(secondStage, access);
      if (this.#capabilities.cachingMode && secondStage.isAbsent) this.#keepNegative(context, hi, lo);
      return reason;
    }
    if (this.isInterruptWindow(secondStage.paHi, secondStage.paLo)) {
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
    this.#answer(secondStage.paHi, secondStage.paLo, secondStage.pageShift, rights);
    return 0;
  }

  #walkFirstStage(
    context: TranslationContext,
    requester: number,
    hi: number,
    lo: number,
    access: number,
  ): FaultReasonCode | 0 {
    const { firstStage, secondStage } = this;
    const needs = access & (RIGHTS | Access.PRIVILEGED);
    const done = firstStage.walk(context.firstStage!, context, hi, lo, needs);
    this.#counters.walkReads += firstStage.reads;
    if (!done) return firstStageReason(firstStage, secondStage, context.nested);
    let { paHi, paLo, pageShift, permissions } = firstStage;
    if (context.kind === ContextKind.NESTED) {
      if (!secondStage.walk(context.secondStage!, context.domain, context, paHi, paLo, secondStageNeeds(access))) {
        this.#counters.walkReads += secondStage.reads;
        const reason = secondStageReason(secondStage);
        return reason === FaultReason.SS_ADDRESS_BEYOND_WIDTH ? FaultReason.FS_ADDRESS_BEYOND_SS_WIDTH : reason;
      }
      this.#counters.walkReads += secondStage.reads;
      paHi = secondStage.paHi;
      paLo = secondStage.paLo;
      pageShift = Math.min(pageShift, secondStage.pageShift);
      permissions &= secondStage.permissions | (secondStage.permissions << SUPERVISOR_SHIFT);
    }
    if (this.isInterruptWindow(paHi, paLo)) return FaultReason.SM_INTERRUPT_RANGE;
    const kind = context.kind === ContextKind.NESTED ? IotlbKind.NESTED : IotlbKind.FIRST_STAGE;
    this.#fill(context, requester, hi, lo, pageShift, paHi, paLo, permissions, kind);
    const privileged = (access & Access.PRIVILEGED) !== 0 ? SUPERVISOR_SHIFT : 0;
    this.#answer(paHi, paLo, pageShift, (permissions >>> privileged) & RIGHTS);
    return 0;
  }

  #hasNegative(context: TranslationContext, hi: number, lo: number): boolean {
    if (!this.#capabilities.cachingMode) return false;
    const { iotlb } = this.#caches;
    return iotlb.lookup(hi, lo, context.domain, context.pasidTag) && (iotlb.attributes & NEGATIVE) !== 0;
  }

  #keepNegative(context: TranslationContext, hi: number, lo: number): void {
    const { iotlb } = this.#caches;
    iotlb.insert(
      hi,
      lo,
      PAGE_SHIFT,
      context.domain,
      context.pasidTag,
      0,
      0,
      0,
      IotlbKind.SECOND_STAGE | NEGATIVE,
      false,
    );
  }

  #deniedReason(context: TranslationContext, access: number): FaultReasonCode {
    if (context.scalable) return FaultReason.SS_DENIED;
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
    const index = iotlb.insert(hi, lo, shift, context.domain, context.pasidTag, paHi, paLo, permissions, kind, false);
    if (!this.#configuration.caches.provenance) return;
    iotlb.note(index, {
      sequence: ++this.#insertions,
      time: this.#clock?.now() ?? 0,
      cause: `requester 0x${requester.toString(16)}`,
      words: this.#words,
    });
  }

  /**
   * A translation request does not fault where the device may ask again: what is not allowed there comes back without rights
   * (VT-d 4.2.3, 7.1.3). A write that is refused may still be a read.
   */
  #recover(
    context: TranslationContext,
    reason: FaultReasonCode,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
  ): boolean {
    const refuse = (): boolean =>
      this.#refuse(reason, context.faultProcessingDisabled, requester, pasid, hi, lo, access);
    if ((access & Access.TRANSLATION_REQUEST) === 0 || !isRecoverable(reason)) return refuse();
    if ((access & Access.WRITE) !== 0) {
      const reading = (access & ~(Access.WRITE | Access.ATOMIC)) | Access.READ;
      const again = this.#walk(context, requester, hi, lo, reading);
      return again === 0 || this.#recover(context, again, requester, pasid, hi, lo, reading);
    }
    return this.#answer(hi, lo & ~0xfff, PAGE_SHIFT, 0);
  }

  #pass(hi: number, lo: number, permissions: number): true {
    return this.#answer(hi, lo, PAGE_SHIFT, permissions);
  }

  #answer(paHi: number, paLo: number, pageShift: number, permissions: number): true {
    const translation = this.#translation;
    translation.paHi = paHi;
    translation.paLo = paLo;
    translation.pageShift = pageShift;
    translation.permissions = permissions;
    return true;
  }

  #refuse(
    reason: FaultReasonCode,
    suppress: boolean,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
  ): false {
    this.#counters.faults++;
    this.#translation.fault = refuseRequest(this.#faults, reason, suppress, requester, pasid, hi, lo, access);
    return false;
  }
}

/** Conditions that software can repair before the device asks again. */
function isRecoverable(reason: FaultReasonCode): boolean {
  switch (reason) {
    case FaultReason.WRITE_DENIED:
    case FaultReason.READ_DENIED:
    case FaultReason.SS_DENIED:
    case FaultReason.FS_ENTRY_NOT_PRESENT:
    case FaultReason.FS_TABLE_READ_DENIED:
    case FaultReason.FS_TOP_TABLE_READ_DENIED:
    case FaultReason.FS_UPDATE_WRITE_DENIED:
    case FaultReason.USER_DENIED:
    case FaultReason.EXECUTE_DENIED:
    case FaultReason.FS_WRITE_DENIED:
      return true;
    default:
      return false;
  }
}

/** Whether an address has bits at or above `bits`. */
function isWider(hi: number, lo: number, bits: number): boolean {
  if (bits >= 64) return false;
  return bits >= 32 ? hi >>> (bits - 32) !== 0 : hi !== 0 || lo >>> bits !== 0;
}
