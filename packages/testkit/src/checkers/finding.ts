import type { CacheFill, TranslationWalk } from '@ioasis/core';
import type { ChangedWord, EventOf, Operation } from '../log/index.js';
import type { Mismatch } from './coverage.js';

/** An entry of a cache that is no longer true. */
export interface StaleEntry {
  readonly fill: CacheFill;
  /** Step at which it was filled. */
  readonly filledAt: number;
  /** The access that filled it. */
  readonly filledBy: EventOf<'dma'>;
}

/** A write that made an entry stale: which entry of which table changed. */
export interface StalingWrite {
  readonly event: EventOf<'write'>;
  readonly word: ChangedWord;
  /** The table entry by its datasheet name. */
  readonly what: string;
}

/** An invalidation since an entry was filled, and why it did not drop it. */
export interface JudgedInvalidation {
  readonly event: EventOf<'invalidation'>;
  /** Empty: it names the entry, but came too early or too late. */
  readonly mismatches: readonly Mismatch[];
}

/**
 * What was wrong with the invalidation of a stale entry. `missing`: there was none. `before-write`: it came before the tables changed, and the
 * entry may have been filled again in between. `late`: it was carried out after the driver had gone on: nobody waited for it. `other-cache`: the
 * kind of cache is not the entry's (a leaf hint with changed tables, the IOTLB for a device TLB). `other-tag`: another domain, ASID, PASID or
 * requester. `other-range`: other addresses. `reused-tag`: the entry is true of tables that had the same tags before. `unknown`: the unit
 * answered from something that it told nobody of. `pending`: the driver is not done, and may still do it.
 */
export type StaleCause =
  | 'missing'
  | 'before-write'
  | 'late'
  | 'other-cache'
  | 'other-tag'
  | 'other-range'
  | 'reused-tag'
  | 'unknown'
  | 'pending';

/** A translation that is no longer what the tables say. */
export interface StaleFinding {
  readonly checker: 'stale-translation';
  /**
   * `used`: a device was served from it after the driver had said that it is gone. `left`: the driver has said so, but no invalidation that
   * names it has completed: hardware may still use it. `window`: used before the driver said so, which is legal.
   */
  readonly severity: 'used' | 'left' | 'window';
  readonly cause: StaleCause;
  readonly unit: number;
  readonly entry: StaleEntry | undefined;
  readonly write: StalingWrite | undefined;
  /** Invalidations of the unit since the entry was filled, oldest first. */
  readonly invalidations: readonly JudgedInvalidation[];
  /** Accesses that were served from it. */
  readonly uses: readonly EventOf<'dma'>[];
  /** What the tables said at the first use, or when the driver was done. */
  readonly now: TranslationWalk;
  /** Further entries that the same call left behind for the same cause. */
  readonly others: number;
}

/** DMA to an IOVA that was unmapped. */
export interface UseAfterUnmapFinding {
  readonly checker: 'use-after-unmap';
  readonly dma: EventOf<'dma'>;
  readonly unmap: EventOf<'unmap'>;
  /** What the program called: the ioctl with its place. */
  readonly call: Operation | undefined;
  /** What mapped it before; undefined when that was not seen. */
  readonly map: EventOf<'map'> | undefined;
  /** Further accesses to what the same call had unmapped. */
  readonly more: number;
}

/** Any finding. */
export type Finding = StaleFinding | UseAfterUnmapFinding;

/** Name of a checker. */
export type CheckerName = Finding['checker'];
