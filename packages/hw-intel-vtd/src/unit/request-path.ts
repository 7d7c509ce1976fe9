import {
  Access,
  NO_PASID,
  type Clock,
  type PhysicalMemory,
  type RegisterFile,
  type Translation,
  type UnitCounters,
} from '@ioasis/core';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { faultCondition, FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { VtdConfiguration } from '../options.js';
import type { Capabilities } from './capabilities.js';
import { ContextLookup } from './context-lookup.js';
import type { FaultSink } from './fault-log.js';
import { FirstStage } from './first-stage.js';
import { TRANSLATION_OFF, type GlobalCommand } from './global-command.js';
import { InterruptWindow } from './interrupt-window.js';
import { PageRequestAdmission } from './page-request-admission.js';
import { pasidReason, tableModeReason } from './pasid-conditions.js';
import { isProtected } from './protected-memory.js';
import { isWider } from './reserved-bits.js';
import { refuseRequest, type RefusedRequest } from './request-fault.js';
import { SecondStage } from './second-stage.js';
import { StructureReader } from './structure-reader.js';
import { answer, PAGE_SHIFT, RIGHTS, TableTranslation } from './table-translation.js';
import { ContextKind, type TranslationContext } from './translation-context.js';
import type { UnitCaches } from './unit-caches.js';
import type { UnitWatch } from './unit-watch.js';
import type { WalkFailure } from './walk-failure.js';

/** Requests of ATS: those for a translation, and those that carry one. */
const ATS = Access.TRANSLATION_REQUEST | Access.TRANSLATED;

/** What the request path needs of its unit. */
export interface RequestPathParts {
  readonly memory: PhysicalMemory;
  readonly configuration: VtdConfiguration;
  readonly caches: UnitCaches;
  readonly watch: UnitWatch;
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
  readonly #capabilities: Capabilities;
  readonly #watch: UnitWatch;
  readonly #contexts: ContextLookup;
  readonly #admission: PageRequestAdmission;
  readonly #tables: TableTranslation;
  readonly #window: InterruptWindow;
  readonly #counters: UnitCounters;
  readonly #translation: Translation;
  readonly #faults: FaultSink;
  readonly #registers: RegisterFile;
  readonly #command: GlobalCommand;

  constructor(parts: RequestPathParts) {
    const { memory, configuration, caches, watch, isLive } = parts;
    const { capabilities } = configuration;
    this.reader = new StructureReader(memory);
    this.secondStage = new SecondStage(capabilities, memory, caches.secondStage, watch, isLive);
    this.firstStage = new FirstStage(capabilities, memory, caches.firstStage, watch, isLive);
    this.#capabilities = capabilities;
    this.#watch = watch;
    this.#counters = parts.counters;
    this.#translation = parts.translation;
    this.#faults = parts.faults;
    this.#registers = parts.registers;
    this.#command = parts.command;
    this.#window = new InterruptWindow(configuration.msiWindow);
    const { reader, secondStage, firstStage } = this;
    this.#contexts = new ContextLookup({
      ...parts,
      capabilities,
      reader,
      secondStage,
      firstStage,
      keepsNegative: configuration.caches.negative,
    });
    this.#admission = new PageRequestAdmission(capabilities, this.#contexts, caches, parts.command);
    this.#tables = new TableTranslation({ ...parts, secondStage, firstStage, window: this.#window });
  }

  translate(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    this.#watch.requester = requester;
    this.#watch.pasid = pasid;
    if ((access & Access.TRANSLATION_REQUEST) !== 0) return this.#translationRequest(requester, pasid, hi, lo, access);
    if (!this.#serve(requester, pasid, hi, lo, access)) return false;
    const { paHi, paLo } = this.#translation;
    if (!isProtected(this.#registers, this.#capabilities, paHi, paLo)) return true;
    // Not recorded: it is no fault of the translation structures (VT-d 11.4.8.1).
    const reason = (access & Access.WRITE) !== 0 ? FaultReason.WRITE_DENIED : FaultReason.READ_DENIED;
    return this.#refuse(reason, true, requester, pasid, hi, lo, access);
  }

  /** Asks for reading and writing unless the device says, to a unit that listens, that it will not write (VT-d 4.2.3). */
  #translationRequest(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const noWrite = (access & Access.WRITE) === 0 && this.#capabilities.noWriteFlag;
    const asked = access | Access.READ | (noWrite ? 0 : Access.WRITE);
    if (!this.#serve(requester, pasid, hi, lo, asked)) return false;
    const translation = this.#translation;
    if (noWrite) translation.permissions &= ~Access.WRITE;
    const { paHi, paLo, pageShift, permissions } = translation;
    if (permissions !== 0) this.#watch.devicePage(hi, lo, pageShift, paHi, paLo);
    return true;
  }

  #serve(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const { mode } = this.#command;
    if (mode === TRANSLATION_OFF) return this.#untranslated(requester, pasid, hi, lo, access);
    // Untranslated requests without PASID to the interrupt window are no DMA (VT-d 3.15): writes are messages, reads of no bytes
    // complete, all others are refused.
    if (pasid === NO_PASID && (access & ATS) === 0 && this.#window.contains(hi, lo)) {
      if ((access & (Access.WRITE | Access.ATOMIC)) === Access.WRITE) return this.#pass(hi, lo, Access.WRITE);
      if ((access & Access.ZERO_LENGTH) !== 0) return this.#pass(hi, lo, Access.READ);
      return this.#refuse(FaultReason.NOT_AN_INTERRUPT, false, requester, pasid, hi, lo, access);
    }
    if (mode === TranslationTableMode.LEGACY) {
      if (pasid !== NO_PASID) {
        return this.#refuse(FaultReason.PASID_IN_LEGACY_MODE, false, requester, pasid, hi, lo, access);
      }
      const context = this.#contexts.legacy(requester);
      return this.#through(context, context.deviceTlb, requester, pasid, hi, lo, access);
    }
    if (mode === TranslationTableMode.SCALABLE && this.#capabilities.scalable) {
      return this.#scalableRequest(requester, pasid, hi, lo, access);
    }
    return this.#refuse(tableModeReason(this.#capabilities, mode), false, requester, pasid, hi, lo, access);
  }

  /**
   * Whether a device may send page requests (VT-d 7.4, 7.1.3).
   * @returns 0, or the reason why not, after the fault was recorded
   */
  admitPageRequest(requester: number, pasid: number, hi: number, lo: number, access: number): FaultReasonCode | 0 {
    this.#watch.requester = requester;
    this.#watch.pasid = pasid;
    const reason = this.#admission.admit(requester, pasid, hi, lo);
    if (reason !== 0) {
      const { suppress } = this.#admission;
      const request = { suppress, requesterId: requester, pasid, hi, lo, access, isPageRequest: true, failure: {} };
      this.#report({ code: reason, ...request });
    }
    return reason;
  }

  /** Translation is off: requests pass, but those of ATS are not supported then, which is no fault (VT-d 4.2.1). */
  #untranslated(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    if ((access & ATS) !== 0) {
      return this.#refuse(FaultReason.REQUEST_TYPE_BLOCKED, true, requester, pasid, hi, lo, access);
    }
    return this.#pass(hi, lo, RIGHTS);
  }

  #scalableRequest(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const scalable = this.#contexts.scalable(requester);
    const off = scalable.faultProcessingDisabled;
    const refuse = (reason: FaultReasonCode): boolean => this.#refuse(reason, off, requester, pasid, hi, lo, access);
    if (scalable.reason !== 0) return refuse(scalable.reason);
    if ((access & ATS) !== 0 && !scalable.deviceTlb) return refuse(FaultReason.DEVICE_TLB_DISABLED);
    const reason = pasidReason(this.#capabilities, scalable, pasid, access);
    if (reason !== 0) return refuse(reason);
    const effective = pasid === NO_PASID ? scalable.ridPasid : pasid;
    const context = this.#contexts.pasid(scalable, requester, effective);
    const privileged = pasid === NO_PASID && scalable.ridPrivileged ? access | Access.PRIVILEGED : access;
    return this.#through(context, scalable.deviceTlb, requester, pasid, hi, lo, privileged);
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
    // A unit that has no way to say "untranslated requests only" (U) gives no translation for the interrupt window (S.1, S.2).
    if ((access & Access.TRANSLATION_REQUEST) !== 0 && pasid === NO_PASID && this.#window.contains(hi, lo)) {
      return this.#withoutRights(hi, lo);
    }
    // Translated requests carry a physical address already.
    if ((access & Access.TRANSLATED) !== 0) return this.#pass(hi, lo, RIGHTS);
    if (context.kind === ContextKind.PASS_THROUGH) return this.#passThrough(hi, lo);
    return (
      this.#tables.lookUp(context, hi, lo, access) || this.#translateByTables(context, requester, pasid, hi, lo, access)
    );
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
    const reason = this.#tables.walk(context, requester, hi, lo, access);
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
    if ((access & ATS) !== 0 && !deviceTlb) {
      return context.scalable ? FaultReason.DEVICE_TLB_DISABLED : FaultReason.REQUEST_TYPE_BLOCKED;
    }
    if ((access & Access.TRANSLATED) !== 0) return this.#hostAddressReason(context, hi, lo, true);
    if (context.scalable && (access & Access.PRIVILEGED) !== 0 && !context.supervisorRequests) {
      return FaultReason.SUPERVISOR_DISABLED;
    }
    if (context.scalable && pasid !== NO_PASID && (access & Access.EXECUTE) !== 0 && !context.executeRequests) {
      return FaultReason.EXECUTE_DISABLED;
    }
    if (context.kind !== ContextKind.PASS_THROUGH) return 0;
    // With a PASID the window is memory for tables, and nothing for pass-through (VT-d 3.15).
    return this.#hostAddressReason(context, hi, lo, pasid !== NO_PASID);
  }

  /** The address is the host's already. */
  #hostAddressReason(
    context: TranslationContext,
    hi: number,
    lo: number,
    isWindowRefused: boolean,
  ): FaultReasonCode | 0 {
    if (isWider(hi, lo, this.#capabilities.hostAddressWidth)) {
      return context.scalable ? FaultReason.ADDRESS_BEYOND_HOST_WIDTH : FaultReason.ADDRESS_BEYOND_WIDTH;
    }
    if (!isWindowRefused || !this.#window.contains(hi, lo)) return 0;
    return context.scalable ? FaultReason.SM_INTERRUPT_RANGE : FaultReason.INTERRUPT_RANGE;
  }

  /**
   * A walk was refused. A translation request gets the rights that are there (VT-d 4.2.3, 7.1.3): reading without writing, or writing
   * without reading.
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
    if ((access & Access.TRANSLATION_REQUEST) !== 0 && faultCondition(reason).translation === 'rights') {
      for (const less of [access & ~(Access.WRITE | Access.ATOMIC), access & ~(Access.READ | Access.EXECUTE)]) {
        if ((less & RIGHTS) !== 0 && this.#tables.walk(context, requester, hi, lo, less) === 0) return true;
      }
      return this.#withoutRights(hi, lo);
    }
    return this.#refuse(
      reason,
      context.faultProcessingDisabled,
      requester,
      pasid,
      hi,
      lo,
      access,
      this.#tables.failure,
    );
  }

  /** Devices that ask get as large a page as the unit has, as long as it has nothing of the interrupt window. */
  #passThrough(hi: number, lo: number): true {
    const { superpage1G, superpage2M } = this.#capabilities;
    const shift = superpage1G ? 30 : superpage2M ? 21 : PAGE_SHIFT;
    return answer(this.#translation, hi, lo, this.#window.touches(hi, lo, shift) ? PAGE_SHIFT : shift, RIGHTS);
  }

  #withoutRights(hi: number, lo: number): true {
    return answer(this.#translation, hi, lo & ~0xfff, PAGE_SHIFT, 0);
  }

  #pass(hi: number, lo: number, permissions: number): true {
    return answer(this.#translation, hi, lo, PAGE_SHIFT, permissions);
  }

  #refuse(
    reason: FaultReasonCode,
    suppress: boolean,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
    failure: WalkFailure = {},
  ): boolean {
    // A translation request does not fault where the device may ask again: it gets no rights (VT-d 7.1.3).
    const { translation } = faultCondition(reason);
    const isAnswered = (access & Access.TRANSLATION_REQUEST) !== 0 && translation !== 'fault';
    if (isAnswered && translation !== 'both') return this.#withoutRights(hi, lo);
    this.#report({
      code: reason,
      suppress,
      requesterId: requester,
      pasid,
      hi,
      lo,
      access,
      isPageRequest: false,
      failure,
    });
    return isAnswered && this.#withoutRights(hi, lo);
  }

  #report(request: RefusedRequest): void {
    this.#counters.faults++;
    const fault = refuseRequest(this.#faults, request);
    this.#translation.fault = fault;
    this.#watch.faulted(fault);
  }
}
