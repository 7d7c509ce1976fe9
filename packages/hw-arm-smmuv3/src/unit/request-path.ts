import {
  Access,
  NO_PASID,
  WalkStop,
  type PhysicalMemory,
  type RegisterFile,
  type Translation,
  type UnitCounters,
} from '@ioasis/core';
import { EventClass } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { CR0, CR2, GBPA } from '../layouts/registers.js';
import { Eats } from '../layouts/stream-table.js';
import type { SmmuV3Configuration } from '../options.js';
import { CachingWalks } from './caching-walks.js';
import { ContextDecoder, type Context } from './context.js';
import { ContextTable, STAGE1_BYPASS } from './context-table.js';
import type { EventRecorder } from './event-recorder.js';
import type { SmmuV3Fault } from './fault.js';
import type { Observation } from './observation.js';
import type { Request } from './request.js';
import { PRIVILEGED_SHIFT, stage1Rights } from './stage1-rights.js';
import type { Stage2 } from './stage2.js';
import type { StageWalkers } from './stage-walkers.js';
import type { StalledTransactions } from './stalled-transactions.js';
import { isBeyond, StreamAction, StreamEntryDecoder, type StreamEntry } from './stream-entry.js';
import { StreamTable } from './stream-table.js';
import type { StructureReader } from './structure-reader.js';
import { TranslationFaults } from './translation-faults.js';
import { EntryKind, granuleAttribute, STAGE2_TAG, WRITABLE_CLEAN, type UnitCaches } from './unit-caches.js';

/** How the last request was let through. */
export type Passage = 'translated' | 'bypass' | 'disabled';

/** What a request path works with: the unit's own parts, or those of an explanation. */
export interface RequestPathParts {
  readonly memory: PhysicalMemory;
  readonly configuration: SmmuV3Configuration;
  readonly registers: RegisterFile;
  readonly caches: UnitCaches;
  readonly counters: UnitCounters;
  readonly translation: Translation;
  readonly request: Request;
  readonly recorder: EventRecorder;
  readonly stalled: StalledTransactions;
  readonly reader: StructureReader;
  readonly walkers: StageWalkers;
  readonly observation: Observation;
}

const ATSCHK = Number(CR0.mask('ATSCHK'));
const E2H = Number(CR2.mask('E2H'));
const GBPA_ABORT = Number(GBPA.mask('ABORT'));
const RIGHTS = Access.READ | Access.WRITE | Access.EXECUTE;

/** From a request to an address or a fault: stream table entry, context descriptor, stage 1, stage 2 (IHI 0070 3.3, 3.4). */
export class RequestPath {
  readonly caches: UnitCaches;
  readonly counters: UnitCounters;
  readonly translation: Translation;
  /** How the last request that was not refused passed. */
  passage: Passage = 'disabled';
  /** SMMUEN. */
  enabled = false;
  readonly #busBits: number;
  /** Bits of physical and of intermediate addresses: OAS, and IAS, which is the same without AArch32 tables. */
  readonly #outputBits: number;
  readonly #hasAts: boolean;
  readonly #registers: RegisterFile;
  readonly #request: Request;
  readonly #recorder: EventRecorder;
  readonly #faults: TranslationFaults;
  readonly #walks: CachingWalks;
  readonly #streams: StreamTable;
  readonly #contexts: ContextTable;
  readonly #observation: Observation;

  constructor(parts: RequestPathParts) {
    const { capabilities, busBits } = parts.configuration;
    this.caches = parts.caches;
    this.counters = parts.counters;
    this.translation = parts.translation;
    this.#busBits = busBits;
    this.#outputBits = capabilities.outputBits;
    this.#hasAts = capabilities.ats;
    this.#registers = parts.registers;
    this.#request = parts.request;
    this.#recorder = parts.recorder;
    this.#faults = new TranslationFaults(parts.request, parts.recorder, parts.stalled);
    this.#walks = new CachingWalks(parts.caches, parts.observation, capabilities.reportsConflicts);
    this.#observation = parts.observation;
    const isHosted = (): boolean => (parts.registers.get(Register.CR2) & E2H) !== 0;
    const streamDecoder = new StreamEntryDecoder(capabilities, parts.walkers, isHosted);
    this.#streams = new StreamTable(parts.registers, parts.reader, streamDecoder, parts.recorder, capabilities);
    const contextDecoder = new ContextDecoder(capabilities, parts.walkers);
    this.#contexts = new ContextTable(parts.reader, contextDecoder, parts.recorder, this.#faults, this.#outputBits);
  }

  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    this.counters.translations++;
    const isAllowed = this.#translateSlowly(requesterId, pasid, iovaHi, iovaLo, access);
    if (isAllowed && (access & Access.TRANSLATION_REQUEST) !== 0) {
      const { pageShift, paHi, paLo } = this.translation;
      this.#observation.answerKept(pageShift, paHi, paLo);
    }
    return isAllowed;
  }

  /** @param shift where the rights of the request's privilege stand */
  #hit(shift: number): true {
    const { tlb } = this.caches;
    const { translation } = this;
    this.counters.iotlbHits++;
    this.passage = 'translated';
    translation.paHi = tlb.paHi;
    translation.paLo = tlb.paLo;
    translation.pageShift = tlb.pageShift;
    translation.permissions = (tlb.permissions >>> shift) & RIGHTS;
    return true;
  }

  #answer(paHi: number, paLo: number, pageShift: number, rights: number, passage: Passage): true {
    const { translation } = this;
    this.passage = passage;
    translation.paHi = paHi;
    translation.paLo = paLo;
    translation.pageShift = pageShift;
    translation.permissions = rights;
    return true;
  }

  #refuse(fault: SmmuV3Fault): false {
    this.counters.faults++;
    this.translation.fault = fault;
    this.#observation.faulted(fault);
    return false;
  }

  #translateSlowly(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const request = this.#request;
    request.streamId = requesterId;
    request.substreamId = pasid;
    request.iovaHi = iovaHi;
    request.iovaLo = iovaLo;
    request.access = access;
    const busBits = this.#busBits;
    if (busBits < 64 && iovaHi >>> (busBits - 32) !== 0) return this.#refuse(this.#recorder.silent('NO_TRANSLATION'));

    // 1. SMMUEN = 0: what GBPA says (IHI 0070 3.11).
    const isAts = (access & (Access.TRANSLATION_REQUEST | Access.TRANSLATED)) !== 0;
    if (!this.enabled) {
      if (isAts) return this.#refuse(this.#forbidden());
      if ((this.#registers.get(Register.GBPA) & GBPA_ABORT) !== 0) return this.#refuse(this.#recorder.silent('ABORT'));
      return this.#pass(iovaHi, iovaLo, 'disabled');
    }

    // 2. The stream table entry. Without ATSCHK nobody asks it about translated requests (IHI 0070 3.9.1.2).
    if ((access & Access.TRANSLATED) !== 0 && this.#passesTranslated()) return this.#pass(iovaHi, iovaLo, 'bypass');
    const stream = this.#streamOf(requesterId);
    if ('vendor' in stream) return this.#refuse(stream);
    if (stream.action === StreamAction.ABORT) return this.#refuse(this.#recorder.silent('ABORT'));

    // 3. ATS: translation requests and translated requests (IHI 0070 3.9.1). A split stage leaves stage 2 for the latter.
    if (isAts) {
      const isTranslated = (access & Access.TRANSLATED) !== 0;
      // Split stage is off without ATSCHK: the device's addresses would reach memory untranslated.
      const isSplitOff = stream.ats === Eats.SPLIT_STAGE && this.#passesTranslated();
      if (stream.ats === Eats.NONE || isSplitOff) {
        return this.#refuse(this.#forbidden());
      }
      if (isTranslated && stream.ats === Eats.SPLIT_STAGE && stream.stage2 !== null) {
        return this.#bypassStage1(stream, 'translated');
      }
      if (isTranslated) return this.#pass(iovaHi, iovaLo, 'bypass');
    }

    // 4. Bypass: a substream needs stage 1.
    const hasStage1 = stream.action === StreamAction.STAGE1 || stream.action === StreamAction.NESTED;
    if (pasid !== NO_PASID && !hasStage1) return this.#refuse(this.#recorder.configuration('C_BAD_SUBSTREAMID'));
    if (!hasStage1) return this.#bypassStage1(stream, stream.stage2 === null ? 'bypass' : 'translated');

    // 5. The context descriptor.
    const context = this.#contextOf(stream, requesterId, pasid);
    if (context === STAGE1_BYPASS) return this.#bypassStage1(stream, 'bypass');
    if ('vendor' in context) return this.#refuse(context);
    return this.#translateStage1(stream, context);
  }

  /** Past all checks but one: wider addresses than the unit's abort in silence (IHI 0070 3.4, 3.9.1.1). */
  #pass(hi: number, lo: number, passage: Passage): boolean {
    if (isBeyond(hi, this.#outputBits)) return this.#refuse(this.#recorder.silent('ABORT'));
    return this.#answer(hi, lo, 12, RIGHTS, passage);
  }

  /** Without stage 1 the address must be one of the unit's all the same; stage 1 reports it then (IHI 0070 3.4). */
  #bypassStage1({ vmidTag, stage2, ats }: StreamEntry, passage: Passage): boolean {
    const { iovaHi, iovaLo, access } = this.#request;
    if (isBeyond(iovaHi, this.#outputBits)) {
      return this.#refuse(this.#recorder.translation('F_ADDR_SIZE', { class: EventClass.IN }));
    }
    if (stage2 === null) return this.#answer(iovaHi, iovaLo, 12, RIGHTS, passage);
    if (!this.#translateStage2(vmidTag, stage2, iovaHi, iovaLo, passage)) return false;
    // A split stage answers with the IPA, the request's own address, and with the rights of stage 2 (IHI 0070 13.6.5).
    if (ats === Eats.SPLIT_STAGE && (access & Access.TRANSLATION_REQUEST) !== 0) {
      this.translation.paHi = iovaHi;
      this.translation.paLo = iovaLo;
    }
    return true;
  }

  #streamOf(requesterId: number): StreamEntry | SmmuV3Fault {
    const cached = this.caches.streams.find(requesterId | 0, 0);
    if (cached !== null) return cached;
    const entry = this.#streams.lookup(requesterId);
    this.counters.walkReads += this.#streams.reads;
    // What is in error is not cached.
    if (!('vendor' in entry) && this.caches.streams.isOn) {
      this.caches.streams.insert(requesterId | 0, 0, entry);
      this.#observation.streamKept();
    }
    return entry;
  }

  #contextOf(stream: StreamEntry, requesterId: number, pasid: number): ReturnType<ContextTable['lookup']> {
    const cached = this.caches.contexts.find(requesterId | 0, pasid);
    if (cached !== null) return cached;
    const context = this.#contexts.lookup(stream, pasid);
    this.counters.walkReads += this.#contexts.reads;
    if (context !== STAGE1_BYPASS && !('vendor' in context) && this.caches.contexts.isOn) {
      this.caches.contexts.insert(requesterId | 0, pasid, context);
      this.#observation.contextKept();
    }
    return context;
  }

  #translateStage1(stream: StreamEntry, context: Context): boolean {
    const { tlb } = this.caches;
    const { access, iovaHi: requestedHi, iovaLo } = this.#request;
    const isPrivileged = stream.singlePrivilege || (access & Access.PRIVILEGED) !== 0;
    const shift = isPrivileged ? PRIVILEGED_SHIFT : 0;
    const wanted = rightsOf(access);
    // A translation request is told which rights there are; it faults for none (IHI 0070 3.9.1.1).
    const isRequest = (access & Access.TRANSLATION_REQUEST) !== 0;
    const { stage2 } = stream;
    // A split stage answers with the IPA, and with the rights of both stages (IHI 0070 13.6.3).
    const isSplit = isRequest && stream.ats === Eats.SPLIT_STAGE && stage2 !== null;
    const isCached = !isSplit;

    // 1. Which region: bit 63, or bit 55 where the top byte is ignored (DDI 0487 D8.8).
    const isHigh = isHighHalf(context, requestedHi);
    const isTagged = isHigh ? context.highTopByteIgnored : context.lowTopByteIgnored;
    const iovaHi = isTagged ? (requestedHi << 8) >> 8 : requestedHi;

    // 2. The TLB, by VMID and ASID. An entry without the right faults as it is: software that grants rights invalidates. A combined
    // entry does not say which stage refuses, and a clean one is to become dirty: these walk.
    if (isCached && tlb.lookup(iovaHi, iovaLo, stream.vmidTag, context.asid)) {
      const missing = wanted & ~(tlb.permissions >>> shift);
      if (missing === 0) return this.#hit(shift);
      if ((tlb.attributes & (EntryKind.COMBINED | WRITABLE_CLEAN)) === 0) {
        if (isRequest && missing !== wanted) return this.#hit(shift);
        this.counters.iotlbHits++;
        return this.#refuse(this.#faults.ofStage1(context, 'F_PERMISSION'));
      }
    }

    // 3. The tables.
    this.counters.iotlbMisses++;
    const region = isHigh ? context.high : context.low;
    if (region === null) return this.#refuse(this.#faults.ofStage1(context, 'F_TRANSLATION'));
    const walk = wanted | (isPrivileged ? Access.PRIVILEGED : 0);
    const { walker } = region;
    const isAllowed =
      this.#walks.walk(region, stream, context, iovaHi, iovaLo, walk) ||
      (isRequest &&
        walker.stop === WalkStop.PERMISSION &&
        this.#walks.walk(region, stream, context, iovaHi, iovaLo, walk & ~Access.WRITE));
    this.counters.walkReads += walker.reads;
    if (!isAllowed) return this.#refuse(this.#faults.ofWalk(walker, stream.stage2, context));
    const allowed = stage1Rights(context, walker.permissions(false), walker.permissions(true));
    let unprivileged = allowed & RIGHTS;
    let privileged = allowed >>> PRIVILEGED_SHIFT;
    const missing = wanted & ~(isPrivileged ? privileged : unprivileged);
    if (isRequest ? missing === wanted : missing !== 0)
      return this.#refuse(this.#faults.ofStage1(context, 'F_PERMISSION'));

    // 4. Stage 2 of the page's own address.
    let { paHi, paLo, pageShift } = walker;
    const isGlobal = (walker.entryLo & 0x800) === 0;
    const level = 3 - walker.level;
    const isClean = isCleanLeaf(walker.entryHi, walker.entryLo);
    const place = level | granuleAttribute(walker.format.granuleShift) | (isClean ? WRITABLE_CLEAN : 0);
    let kind = EntryKind.STAGE1 | place;
    if (stage2 !== null) {
      const isPassed =
        stage2.walk(paHi, paLo, wanted & ~(isRequest ? missing : 0)) || this.#answersLess(stage2, paHi, paLo);
      if (!isPassed) return this.#refuse(this.#faults.ofStage2(stage2, EventClass.IN, paHi, paLo));
      this.counters.walkReads += stage2.walker.reads;
      if (!isSplit) {
        paHi = stage2.walker.paHi;
        paLo = stage2.walker.paLo;
      }
      pageShift = Math.min(pageShift, stage2.walker.pageShift);
      const rights = stage2.walker.permissions(false);
      unprivileged &= rights;
      privileged &= rights;
      kind = EntryKind.COMBINED | place;
    }
    const rights = unprivileged | (privileged << PRIVILEGED_SHIFT);
    if (
      isCached &&
      !this.#walks.keep(iovaHi, iovaLo, pageShift, stream.vmidTag, context.asid, paHi, paLo, rights, kind, isGlobal)
    ) {
      return this.#refuse(this.#recorder.translation('F_TLB_CONFLICT', { class: EventClass.IN }));
    }
    return this.#answer(paHi, paLo, pageShift, isPrivileged ? privileged : unprivileged, 'translated');
  }

  /** There is no ATS for the request. */
  #forbidden(): SmmuV3Fault {
    const isTranslated = (this.#request.access & Access.TRANSLATED) !== 0;
    return this.#recorder.translation(isTranslated ? 'F_TRANSL_FORBIDDEN' : 'F_BAD_ATS_TREQ');
  }

  #passesTranslated(): boolean {
    return this.#hasAts && (this.#registers.get(Register.CR0) & ATSCHK) === 0;
  }

  /** After stage 2 refused a translation request the right to write: whether it may read. */
  #answersLess(stage2: Stage2, hi: number, lo: number): boolean {
    if (!this.#faults.isAnswer() || stage2.walker.stop !== WalkStop.PERMISSION) return false;
    return stage2.walk(hi, lo, Access.READ);
  }

  #translateStage2(vmidTag: number, stage2: Stage2, hi: number, lo: number, passage: Passage): boolean {
    const { tlb } = this.caches;
    const wanted = rightsOf(this.#request.access);
    if (tlb.lookup(hi, lo, vmidTag, STAGE2_TAG) && (wanted & ~tlb.permissions) === 0) {
      this.#hit(0);
      this.passage = passage;
      return true;
    }
    this.counters.iotlbMisses++;
    const isAllowed = stage2.walk(hi, lo, wanted) || this.#answersLess(stage2, hi, lo);
    const { walker } = stage2;
    this.counters.walkReads += walker.reads;
    if (!isAllowed) return this.#refuse(this.#faults.ofStage2(stage2, EventClass.IN, hi, lo));
    const rights = walker.permissions(false);
    const kind = EntryKind.STAGE2 | (3 - walker.level) | granuleAttribute(walker.format.granuleShift);
    const { paHi, paLo, pageShift } = walker;
    if (!this.#walks.keep(hi, lo, pageShift, vmidTag, STAGE2_TAG, paHi, paLo, rights, kind, false)) {
      return this.#refuse(this.#recorder.translation('F_TLB_CONFLICT', { stage2: true, class: EventClass.IN }));
    }
    return this.#answer(paHi, paLo, pageShift, rights, passage);
  }
}

/** Rights that a request needs: an instruction fetch only that to execute. In a translation request Execute implies Read (IHI 0070 13.7). */
function rightsOf(access: number): number {
  const isFetch = (access & (Access.EXECUTE | Access.WRITE | Access.TRANSLATION_REQUEST)) === Access.EXECUTE;
  return isFetch ? Access.EXECUTE : access & RIGHTS;
}

function isHighHalf(context: Context, hi: number): boolean {
  const isTopSet = hi < 0;
  const isBit55Set = (hi & 0x80_0000) !== 0;
  // Both regions look at bit 55 when they ignore the top byte.
  return (isBit55Set ? context.highTopByteIgnored : context.lowTopByteIgnored) ? isBit55Set : isTopSet;
}

/** DBM and AP[2] set: writable, not written yet. */
const isCleanLeaf = (hi: number, lo: number): boolean => (hi & 0x8_0000) !== 0 && (lo & 0x80) !== 0;
