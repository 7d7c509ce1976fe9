import { Access, type PhysicalMemory, type Range64, type TranslationUnit, type TranslationWalk } from '@ioasis/core';
import type { EventOf, LogEvent } from '../log/index.js';
import { CachedEntry, changedWords } from './cached-entry.js';
import { EntryStore } from './entry-store.js';
import type { StaleFinding } from './finding.js';
import type { Promises } from './promises.js';
import { StaleReport, type Staleness } from './stale-report.js';

/** What the checker knows of one unit. */
class WatchedUnit {
  readonly number: number;
  readonly unit: TranslationUnit;
  readonly store = new EntryStore();
  /** Fills of the request that is being served. */
  fills: EventOf<'fill'>[] = [];
  /** Invalidations, oldest first. */
  readonly invalidations: EventOf<'invalidation'>[] = [];
  /** Requests whose answer was compared since the last change of tables and registers. */
  readonly verified = new Set<string>();

  constructor(number: number, unit: TranslationUnit) {
    this.number = number;
    this.unit = unit;
  }
}

/**
 * Compares each answer of a unit with a walk of the tables as they are, and each promise of the driver with the entries that hardware may
 * still hold. A device's own cache is seen where its `DeviceTlb` is watched.
 */
export class StaleChecker {
  readonly #memory: PhysicalMemory;
  readonly #promises: Promises;
  /** Told of each step of a walk: writes there matter from now on. */
  readonly #follow: (address: bigint) => void;
  readonly #units: WatchedUnit[] = [];
  readonly #lastWrites = new Map<bigint, EventOf<'write'>>();
  readonly #reports: StaleReport[] = [];
  readonly #reportOf = new Map<CachedEntry, StaleReport>();

  constructor(memory: PhysicalMemory, promises: Promises, follow: (address: bigint) => void) {
    this.#memory = memory;
    this.#promises = promises;
    this.#follow = follow;
  }

  get findings(): readonly StaleFinding[] {
    return this.#reports.map((report) => report.finding);
  }

  /** Forgets the findings, not what the caches hold. */
  clear(): void {
    this.#reports.length = 0;
    this.#reportOf.clear();
  }

  /** @param number as in the events of the stream */
  addUnit(number: number, unit: TranslationUnit): void {
    this.#units[number] = new WatchedUnit(number, unit);
  }

  event(event: LogEvent): void {
    switch (event.kind) {
      case 'fill':
        this.#units[event.unit]?.fills.push(event);
        break;
      case 'write':
        if (event.by === 'software') this.#written(event);
        break;
      case 'register':
        this.#units[event.unit]?.verified.clear();
        break;
      case 'invalidation':
        this.#invalidated(event);
        break;
      case 'return':
        for (const watched of this.#units) if (watched !== undefined) this.#audit(watched);
    }
  }

  /** A request was answered, and the unit may be asked. */
  translated(dma: EventOf<'dma'>): void {
    const watched = this.#units[dma.unit];
    if (watched === undefined || (dma.access & Access.TRANSLATED) !== 0) return;
    const { requesterId, pasid, iova, access } = dma;
    const key = `${dma.from} ${requesterId} ${pasid} ${iova >> 12n} ${access}`;
    const { fills } = watched;
    if (fills.length === 0 && watched.verified.has(key)) return;
    const now = watched.unit.explain(requesterId, pasid, iova, access);
    for (const { address } of now.steps) this.#follow(address);
    watched.fills = [];
    const fresh = fills.map((fill) => new CachedEntry(fill, dma, now));
    if (now.pa === dma.pa) watched.verified.add(key);
    else this.#differs(watched, dma, now);
    for (const entry of fresh) watched.store.add(entry);
  }

  /** Accesses that filled a structure from one of these words, each with its answer then and its unit. */
  *structuresFrom(words: EventOf<'write'>['words']): Generator<readonly [entry: CachedEntry, unit: TranslationUnit]> {
    for (const watched of this.#units) {
      for (const entry of watched?.store.madeFrom(words) ?? []) {
        if (watched !== undefined && entry.fill.cache === 'structure') yield [entry, watched.unit];
      }
    }
  }

  /** A cached entry that a unit may follow into a table, and what the tables say of it. */
  leadingTo(table: Range64): { readonly entry: CachedEntry; readonly walk: TranslationWalk } | undefined {
    for (const watched of this.#units) {
      for (const entry of watched?.store.entries ?? []) {
        if (watched === undefined || !entry.leadsInto(table)) continue;
        const { requesterId, pasid, iova } = entry.filledBy;
        const walk = watched.unit.explain(requesterId, pasid, iova, entry.fullAccess);
        if (entry.isReachable(walk)) return { entry, walk };
      }
    }
    return undefined;
  }

  #written(event: EventOf<'write'>): void {
    for (const { address } of event.words) this.#lastWrites.set(address, event);
    for (const watched of this.#units) {
      if (!isCleaning(event)) watched?.store.written(event);
      watched?.verified.clear();
    }
  }

  #invalidated(event: EventOf<'invalidation'>): void {
    const watched = this.#units[event.unit];
    if (watched === undefined) return;
    watched.invalidations.push(event);
    for (const entry of watched.store.invalidated(event)) this.#reportOf.get(entry)?.comesLate(event);
  }

  /** A call returned: what it promised and did not keep is a finding. */
  #audit(watched: WatchedUnit): void {
    const { suspects } = watched.store;
    for (const entry of suspects) {
      const { changedBy } = entry;
      const isReported = (this.#reportOf.get(entry)?.severity ?? 'window') !== 'window';
      if (changedBy === undefined || isReported || !this.#promises.isKept(changedBy)) continue;
      const { requesterId, pasid, iova } = entry.filledBy;
      const now = watched.unit.explain(requesterId, pasid, iova, entry.fullAccess);
      if (entry.isTrueOf(now)) {
        entry.changedBy = undefined;
        suspects.delete(entry);
      } else if (entry.isReachable(now)) this.#report(watched, this.#staleness(watched, entry, now));
      else if (entry.droppedBy !== undefined) watched.store.remove(entry);
    }
  }

  #differs(watched: WatchedUnit, dma: EventOf<'dma'>, now: TranslationWalk): void {
    const entry = this.#culprit(watched, dma);
    const staleness = this.#staleness(watched, entry, now);
    const event = staleness.write?.event;
    if (event !== undefined && isCleaning(event)) return;
    const isKept = event === undefined || this.#promises.isKept(event);
    const known = entry && this.#reportOf.get(entry);
    if (known === undefined) this.#report(watched, staleness, dma, isKept);
    else known.used(dma, isKept);
  }

  /** The entry that the answer came from: one whose own words changed, nearest to the answer first. */
  #culprit(watched: WatchedUnit, dma: EventOf<'dma'>): CachedEntry | undefined {
    const { requesterId, pasid, iova, from } = dma;
    const isOurs = ({ fill }: CachedEntry): boolean => fill.requesterId === requesterId && fill.pasid === pasid;
    const candidates = [...watched.store.entries].filter((entry) => entry.answers(iova)).toReversed();
    const changed = (entry: CachedEntry): boolean => changedWords(entry.steps, this.#memory).length > 0;
    const leaves = candidates.filter(
      (entry) => entry.fill.cache === (from === 'device-tlb' ? from : 'iotlb') && entry.target(iova) === dma.pa,
    );
    const leaf = from === 'walk' && dma.pa !== undefined ? undefined : leaves.find(changed);
    return (
      leaf ??
      candidates.find((entry) => entry.fill.cache === 'paging-structure' && from === 'walk' && changed(entry)) ??
      candidates.find((entry) => entry.fill.cache === 'structure' && isOurs(entry) && changed(entry)) ??
      leaves.find(isOurs) ??
      leaves[0]
    );
  }

  #staleness(watched: WatchedUnit, entry: CachedEntry | undefined, now: TranslationWalk): Staleness {
    const lost = entry === undefined ? [] : changedWords(entry.steps, this.#memory);
    const first = lost.find(({ address }) => this.#lastWrites.has(address));
    const event = entry?.changedBy ?? (first && this.#lastWrites.get(first.address));
    const word = event?.words.find(({ address }) => lost.some((each) => each.address === address)) ?? event?.words[0];
    const what = lost.find(({ address }) => address === word?.address)?.step.what ?? 'entry';
    return {
      unit: watched.number,
      entry,
      write: event === undefined || word === undefined ? undefined : { event, word, what },
      invalidations: watched.invalidations,
      now,
    };
  }

  #report(watched: WatchedUnit, staleness: Staleness, use?: EventOf<'dma'>, isKept = true): void {
    const { entry } = staleness;
    const report = new StaleReport(staleness, use, isKept);
    const leader = use === undefined ? this.#reports.find((other) => other.isLike(report)) : undefined;
    if (leader === undefined) this.#reports.push(report);
    else leader.others++;
    if (entry !== undefined) this.#reportOf.set(entry, leader ?? report);
    watched.verified.clear();
  }
}

/** Dirty bits were cleared: pages are where they were. Whether a write is lost because of it is the dirty oracle's question. */
const isCleaning = ({ during }: EventOf<'write'>): boolean => during?.name === 'readAndClear';
