import type { CacheKind, TranslationWalk } from '@ioasis/core';
import { outermost, type EventOf } from '../log/index.js';
import type { CachedEntry } from './cached-entry.js';
import { mismatches } from './coverage.js';
import type { JudgedInvalidation, StaleCause, StaleFinding, StalingWrite } from './finding.js';

/** What is known of a stale entry when it is noticed. */
export interface Staleness {
  readonly unit: number;
  readonly entry: CachedEntry | undefined;
  readonly write: StalingWrite | undefined;
  /** All of the unit so far. */
  readonly invalidations: readonly EventOf<'invalidation'>[];
  readonly now: TranslationWalk;
}

/** A finding that grows: later uses and a late invalidation belong to it. */
export class StaleReport {
  /** Further entries of the same kind. */
  others = 0;
  readonly #staleness: Staleness;
  readonly #judged: JudgedInvalidation[];
  readonly #uses: EventOf<'dma'>[] = [];
  readonly #cause: StaleCause;
  severity: StaleFinding['severity'];
  #isLate = false;

  constructor(staleness: Staleness, use: EventOf<'dma'> | undefined, isKept: boolean) {
    this.#staleness = staleness;
    const { entry, write, invalidations } = staleness;
    const filled = entry?.droppedBy?.step ?? entry?.filledAt ?? 0;
    const since = Math.min(filled, outermost(write?.event.during)?.step ?? filled);
    this.#judged = invalidations
      .filter(({ step }) => entry !== undefined && step >= since)
      .map((event) => ({ event, mismatches: entry === undefined ? [] : mismatches(entry.fill, event.invalidation) }));
    this.#cause = this.#judge();
    if (use !== undefined) this.#uses.push(use);
    this.severity = use === undefined ? 'left' : isKept ? 'used' : 'window';
  }

  get finding(): StaleFinding {
    const { unit, entry, write, now } = this.#staleness;
    return {
      checker: 'stale-translation',
      severity: this.severity,
      cause: this.severity === 'window' ? 'pending' : this.#isLate ? 'late' : this.#cause,
      unit,
      entry: entry && { fill: entry.fill, filledAt: entry.filledAt, filledBy: entry.filledBy },
      write,
      invalidations: this.#judged,
      uses: this.#uses,
      now,
      others: this.others,
    };
  }

  /** Whether the same call left an entry of the same kind of cache behind for the same cause. */
  isLike(other: StaleReport): boolean {
    const [a, b] = [this.#staleness, other.#staleness];
    return (
      a.unit === b.unit &&
      this.#cause === other.#cause &&
      a.entry?.fill.cache === b.entry?.fill.cache &&
      outermost(a.write?.event.during) === outermost(b.write?.event.during)
    );
  }

  used(dma: EventOf<'dma'>, isKept: boolean): void {
    this.#uses.push(dma);
    if (isKept) this.severity = 'used';
  }

  /** The entry was dropped after all. */
  comesLate(event: EventOf<'invalidation'>): void {
    if (this.severity === 'window') return;
    this.#isLate = this.#cause === 'missing';
    this.#judged.push({ event, mismatches: [] });
  }

  #judge(): StaleCause {
    const { entry, write } = this.#staleness;
    if (entry === undefined) return 'unknown';
    if (write === undefined) return 'reused-tag';
    const nearest = this.#judged
      .filter(({ event }) => event.step > write.event.step)
      .toReversed()
      .flatMap((judged) => (judged.mismatches.length === 1 ? judged.mismatches : []))
      .filter(
        (mismatch) => mismatch.what !== 'cache' || mismatch.asked.some((cache) => isAkin(cache, entry.fill.cache)),
      )
      .toSorted((a, b) => Number(a.what === 'cache') - Number(b.what === 'cache'))[0];
    if (nearest !== undefined) return `other-${nearest.what}`;
    const from = outermost(write.event.during)?.step ?? entry.droppedBy?.step ?? Number.POSITIVE_INFINITY;
    const isEarly = this.#judged.some(
      ({ event, mismatches: none }) => none.length === 0 && event.step >= from && event.step < write.event.step,
    );
    return isEarly ? 'before-write' : 'missing';
  }
}

/** Whether one command may be expected to drop both: leaves and the tables above them. */
const isAkin = (a: CacheKind, b: CacheKind): boolean => {
  const ofTables: readonly CacheKind[] = ['iotlb', 'paging-structure'];
  return ofTables.includes(a) && ofTables.includes(b);
};
