import { MICRO_TLB_FOLD, MICRO_TLB_SHIFT, MicroTlb, type MicroTlbEntry } from './micro-tlb.js';
import { RequestStream } from './request-stream.js';
import { GLOBAL_PAGE, TranslationCache } from './translation-cache.js';
import { Access, NO_PASID, Translation, UnitCounters } from './translation-unit.js';

/* Constants of this module: V8 loads and checks an imported one at each use. */
const READ_WRITE = Access.READ | Access.WRITE;
const PAGE_SHIFT = 12;
const PAGE_OFFSET = 0xfff;
const MIB_SHIFT = 20;
const GLOBAL = GLOBAL_PAGE;
const FOLD = MICRO_TLB_FOLD;
const SLOT_SHIFT = MICRO_TLB_SHIFT;

const NOBODY = new RequestStream({ requesterId: NO_PASID, pasid: NO_PASID, tagA: 0, tagB: 0, plain: 0, rights: 0 });

/* What fields hold before the constructor sets them: V8 then knows their classes and does not ask at each use. */
const NO_CACHE = new TranslationCache({ entries: 0 });
const NO_TRANSLATION = new Translation();
const NO_COUNTERS = new UnitCounters();

/** Requesters remembered; more share. */
const STREAMS = 16;

/** What a front answers from. */
export interface RequestFrontParts {
  readonly iotlb: TranslationCache;
  /** Where the decoded structures of requesters are cached. */
  readonly structures: readonly {
    /** Set by the front: an entry was filled or dropped. */
    onChange: (() => void) | null;
  }[];
  /** Addresses below 4 GiB, in MiB and inclusive, that are no memory for a request or as an output; absent: there are none. */
  readonly window?: { readonly first: number; readonly last: number };
  /** High words of addresses, inclusive, that are no memory for a request; absent: there are none. */
  readonly highWindow?: { readonly first: number; readonly last: number };
}

/**
 * The straight way of a request through a unit: a requester that the unit remembers, a hit in the IOTLB, or a miss whose tables are as
 * usual. It answers true as the unit's own path would, with the same counts and the same cache entries; whatever is unusual it leaves to
 * that path, and has changed nothing then.
 *
 * A unit remembers a requester while the decoded structures that it comes from are cached. All are forgotten when one of those comes or goes,
 * and when the unit says so, because a register has changed.
 */
export class RequestFront {
  /** 1 while misses are the unit's own matter. A number, because V8 tests a boolean field like any value. */
  #watched = 0;
  #last: RequestStream = NOBODY;
  readonly #streams: RequestStream[] = [];
  #turn = 0;
  #iotlb: TranslationCache = NO_CACHE;
  readonly #translation: Translation = NO_TRANSLATION;
  readonly #counters: UnitCounters = NO_COUNTERS;
  readonly #microTlb: MicroTlb = new MicroTlb();
  /** Of the micro-TLB. */
  #answers: readonly MicroTlbEntry[] = this.#microTlb.entries;
  #windowFirst = 1;
  #windowLast = 0;
  #highFirst = 1;
  #highLast = 0;

  /** Knows nobody and answers nothing until it is {@link connect}ed. */
  constructor(translation: Translation, counters: UnitCounters) {
    this.#translation = translation;
    this.#counters = counters;
  }

  /** From now on it answers from these caches, as long as the unit lives. */
  connect(parts: RequestFrontParts): void {
    this.#iotlb = parts.iotlb;
    this.#iotlb.microTlb = this.#microTlb;
    this.isWatched = false;
    for (const cache of parts.structures) cache.onChange = () => this.forget();
    this.#windowFirst = parts.window?.first ?? 1;
    this.#windowLast = parts.window?.last ?? 0;
    this.#highFirst = parts.highWindow?.first ?? 1;
    this.#highLast = parts.highWindow?.last ?? 0;
  }

  /** True while somebody wants to see fills: misses are the unit's own matter then, as in a unit that keeps provenance. */
  set isWatched(watched: boolean) {
    this.#watched = watched || this.#iotlb.keepsProvenance ? 1 : 0;
  }

  /** Whether requests of this requester are answered here already: then what {@link remember} would be told is the same. */
  knows(requesterId: number, pasid: number): boolean {
    const { requesterId: last, pasid: lastPasid } = this.#last;
    return (last === requesterId && lastPasid === pasid) || this.#find(requesterId, pasid) !== NOBODY;
  }

  /** From now on, requests of this stream are answered here. */
  remember(stream: RequestStream): void {
    this.#last = stream;
    this.#microTlb.forgetAll();
    const { requesterId, pasid } = stream;
    const known = this.#streams.findIndex((other) => other.requesterId === requesterId && other.pasid === pasid);
    if (known >= 0) this.#streams[known] = stream;
    else if (this.#streams.length < STREAMS) this.#streams.push(stream);
    else {
      this.#streams[this.#turn] = stream;
      this.#turn = (this.#turn + 1) % STREAMS;
    }
  }

  /** Structures have changed or gone. */
  forget(): void {
    this.#last = NOBODY;
    this.#streams.length = 0;
    this.#microTlb.forgetAll();
  }

  /** False: nothing has changed, the unit has to look. */
  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const page = iovaLo >>> PAGE_SHIFT;
    const entry = this.#answers[Math.imul(page, FOLD) >>> SLOT_SHIFT] as MicroTlbEntry;
    if (
      entry.page !== page ||
      entry.iovaHi !== iovaHi ||
      entry.requesterId !== requesterId ||
      entry.pasid !== pasid ||
      (entry.refused & access) !== 0 ||
      (access & READ_WRITE) === 0
    ) {
      // Compared with true, because otherwise V8 tests the result as it would any value.
      return this.#longer(requesterId, pasid, iovaHi, iovaLo, access) === true;
    }
    this.#counters.repeatedHits++;
    const translation = this.#translation;
    translation.paHi = entry.paHi;
    translation.paLo = entry.paLo | (iovaLo & PAGE_OFFSET);
    translation.sizeAndRights = entry.sizeAndRights;
    return true;
  }

  #find(requesterId: number, pasid: number): RequestStream {
    for (const stream of this.#streams) {
      if (stream.requesterId !== requesterId || stream.pasid !== pasid) continue;
      this.#last = stream;
      return stream;
    }
    return NOBODY;
  }

  /** The IOTLB, then the tables. One function, too large to be inlined where a hit should be. */
  #longer(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const stream = this.#last;
    if (stream.requesterId !== requesterId || stream.pasid !== pasid) {
      return (
        this.#find(requesterId, pasid) !== NOBODY && this.#longer(requesterId, pasid, iovaHi, iovaLo, access) === true
      );
    }
    const needs = access & READ_WRITE;
    const requestMib = iovaLo >>> MIB_SHIFT;
    if (
      ((access & ~stream.plain) | (iovaHi & stream.excessHi)) !== 0 ||
      needs === 0 ||
      (iovaHi === 0 && requestMib >= this.#windowFirst && requestMib <= this.#windowLast) ||
      (iovaHi >= this.#highFirst && iovaHi <= this.#highLast)
    )
      return false;
    const iotlb = this.#iotlb;
    const { tagA, tagB, pages } = stream;
    if (!iotlb.lacks(iovaHi, iovaLo, tagA)) {
      if (iotlb.lookup(iovaHi, iovaLo, tagA, tagB)) return this.#hit(stream, iovaHi, iovaLo, needs);
      if (pages !== null && iotlb.sizeCount > pages.mostSizes) return false;
    }
    if (pages === null || this.#watched !== 0) return false;
    const { walker, tables } = pages;
    if (tables === null) {
      if (!walker.walkPage(pages.root, iovaHi, iovaLo)) return false;
    } else {
      // The unit's own path fills the paging-structure cache.
      const table = tables.find(iovaHi, iovaLo);
      if (table < 0) {
        // Once it has been asked for, the same goes the straight way.
        return tables.ask(iovaHi, iovaLo) && this.#longer(requesterId, pasid, iovaHi, iovaLo, access) === true;
      }
      if (!walker.resumePage(table, iovaLo)) return false;
    }
    const { paHi, paLo } = walker;
    const isExecutable = (walker.entryHi & pages.noExecuteHi) === 0;
    const permissions = pages.permissions | (isExecutable ? pages.executable : 0);
    const rights = (permissions >>> stream.shift) & stream.rights;
    const mib = paLo >>> MIB_SHIFT;
    if ((needs & ~rights) !== 0 || (mib >= this.#windowFirst && mib <= this.#windowLast && paHi === 0)) return false;
    const { notGlobal } = pages;
    const global = notGlobal !== 0 && (walker.entryLo & notGlobal) === 0 ? GLOBAL : 0;
    const counters = this.#counters;
    counters.translations++;
    counters.iotlbMisses++;
    counters.walkReads += pages.reads;
    const translation = this.#translation;
    translation.paHi = paHi;
    translation.paLo = paLo;
    translation.sizeAndRights = (PAGE_SHIFT << 8) | rights;
    // Last, because after a call V8 checks again what everything is.
    return iotlb.add(stream, translation, iovaHi, iovaLo, permissions, pages.attributes | global);
  }

  #hit(stream: RequestStream, iovaHi: number, iovaLo: number, needs: number): boolean {
    const { paHi, paLo, pageShift, permissions } = this.#iotlb;
    const rights = (permissions >>> stream.shift) & stream.rights;
    if ((needs & ~rights) !== 0) return false;
    this.#counters.translations++;
    this.#counters.iotlbHits++;
    this.#keep(stream, iovaHi, iovaLo, rights);
    const translation = this.#translation;
    translation.paHi = paHi;
    translation.paLo = paLo;
    translation.sizeAndRights = (pageShift << 8) | rights;
    return true;
  }

  /** The IOTLB has answered: it will do so again, without being asked. */
  #keep(stream: RequestStream, iovaHi: number, iovaLo: number, rights: number): void {
    const { paHi, paLo, pageShift } = this.#iotlb;
    // Numbers of requesters beyond int32 would make doubles of the fields.
    if (pageShift < PAGE_SHIFT || stream.requesterId !== (stream.requesterId | 0)) return;
    this.#iotlb.noteCopied();
    const page = iovaLo >>> PAGE_SHIFT;
    const entry = this.#microTlb.entryOf(page);
    this.#answers = this.#microTlb.entries;
    entry.page = page;
    entry.iovaHi = iovaHi | 0;
    entry.requesterId = stream.requesterId;
    entry.pasid = stream.pasid;
    entry.refused = ~((stream.plain & ~READ_WRITE) | (stream.plain & rights & READ_WRITE));
    entry.paHi = paHi;
    entry.paLo = paLo & ~PAGE_OFFSET;
    entry.sizeAndRights = (pageShift << 8) | rights;
  }
}
