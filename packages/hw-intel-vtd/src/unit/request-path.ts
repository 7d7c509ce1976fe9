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
import { FaultReason, type FaultReasonCode } from '../layouts/fault-reasons.js';
import type { VtdConfiguration } from '../options.js';
import type { Capabilities } from './capabilities.js';
import { ContextLookup } from './context-lookup.js';
import type { FaultSink } from './fault-log.js';
import { FirstStage } from './first-stage.js';
import { TRANSLATION_OFF, type GlobalCommand } from './global-command.js';
import { InterruptWindow } from './interrupt-window.js';
import { isProtected } from './protected-memory.js';
import { refuseRequest, type RefusedRequest } from './request-fault.js';
import { SecondStage } from './second-stage.js';
import { StructureReader } from './structure-reader.js';
import { answer, PAGE_SHIFT, RIGHTS, TableTranslation } from './table-translation.js';
import { ContextKind, type TranslationContext } from './translation-context.js';
import type { UnitCaches } from './unit-caches.js';
import type { UnitWatch } from './unit-watch.js';
import type { WalkFailure } from './walk-failure.js';

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
    this.#tables = new TableTranslation({ ...parts, secondStage, firstStage, window: this.#window });
  }

  translate(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    this.#watch.requester = requester;
    this.#watch.pasid = pasid;
    if (!this.#serve(requester, pasid, hi, lo, access)) return false;
    const { paHi, paLo, pageShift, permissions } = this.#translation;
    if ((access & Access.TRANSLATION_REQUEST) !== 0 && permissions !== 0) {
      this.#watch.devicePage(hi, lo, pageShift, paHi, paLo);
    }
    return true;
  }

  #serve(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const { mode } = this.#command;
    if (mode === TRANSLATION_OFF) return this.#untranslated(requester, pasid, hi, lo, access);
    // Requests without PASID to the interrupt window are no DMA (VT-d 3.14): writes are messages, all others are refused.
    if (pasid === NO_PASID && this.#window.contains(hi, lo)) {
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
      const context = this.#contexts.legacy(requester);
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
    this.#watch.requester = requester;
    this.#watch.pasid = pasid;
    if (mode !== TranslationTableMode.SCALABLE) reason = FaultReason.PAGE_REQUEST_IN_LEGACY_MODE;
    else {
      const scalable = this.#contexts.scalable(requester);
      suppress = scalable.faultProcessingDisabled;
      if (scalable.reason !== 0) reason = scalable.reason;
      else if (!scalable.pageRequests) reason = FaultReason.PAGE_REQUEST_DISABLED;
      else if (pasid !== NO_PASID && !scalable.pasidEnable) reason = FaultReason.PASID_DISABLED;
    }
    if (reason !== 0) {
      this.#report({
        code: reason,
        suppress,
        requesterId: requester,
        pasid,
        hi,
        lo,
        access,
        isPageRequest: true,
        failure: {},
      });
    }
    return reason;
  }

  /** A plain read or write with a known context, which the IOTLB did not answer: it has nothing, or too few rights (`found`). */
  missed(
    context: TranslationContext,
    requester: number,
    pasid: number,
    hi: number,
    lo: number,
    access: number,
    found: boolean,
  ): boolean {
    this.#watch.requester = requester;
    this.#watch.pasid = pasid;
    this.#tables.lookedUp(found);
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
    return this.#pass(hi, lo, RIGHTS);
  }

  #scalableRequest(requester: number, pasid: number, hi: number, lo: number, access: number): boolean {
    const scalable = this.#contexts.scalable(requester);
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
    // Translated requests carry a physical address already.
    if ((access & Access.TRANSLATED) !== 0) return this.#pass(hi, lo, RIGHTS);
    if (context.kind === ContextKind.PASS_THROUGH) return this.#pass(hi, lo, RIGHTS);
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
      return this.#window.contains(hi, lo) ? FaultReason.SM_INTERRUPT_RANGE : 0;
    }
    if (context.kind === ContextKind.SECOND_STAGE && isWider(hi, lo, this.#capabilities.guestAddressWidth)) {
      return context.scalable ? FaultReason.SS_ADDRESS_BEYOND_WIDTH : FaultReason.ADDRESS_BEYOND_WIDTH;
    }
    return 0;
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
      this.#refuse(reason, context.faultProcessingDisabled, requester, pasid, hi, lo, access, this.#tables.failure);
    if ((access & Access.TRANSLATION_REQUEST) === 0 || !isRecoverable(reason)) return refuse();
    if ((access & Access.WRITE) !== 0) {
      const reading = (access & ~(Access.WRITE | Access.ATOMIC)) | Access.READ;
      const again = this.#tables.walk(context, requester, hi, lo, reading);
      return again === 0 || this.#recover(context, again, requester, pasid, hi, lo, reading);
    }
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
  ): false {
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
    return false;
  }

  #report(request: RefusedRequest): void {
    this.#counters.faults++;
    const fault = refuseRequest(this.#faults, request);
    this.#translation.fault = fault;
    this.#watch.faulted(fault);
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
