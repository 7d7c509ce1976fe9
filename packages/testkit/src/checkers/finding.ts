import type { CacheFill, Range64, TranslationWalk } from '@ioasis/core';
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

/** A report of dirty pages that is not what devices wrote. */
export interface DirtyFinding {
  readonly checker: 'dirty-oracle';
  /** `lost`: written and not reported, so that a migration copies old bytes. `spurious`: reported and not written. */
  readonly problem: 'lost' | 'spurious';
  readonly domain: number;
  readonly range: Range64;
  /** Step of the report. */
  readonly step: number;
  /** The last write of a lost page. */
  readonly dma: EventOf<'dma'> | undefined;
  /** What the program called for the report. */
  readonly call: Operation | undefined;
}

/** A table that is not as it must be when the driver returns. */
export interface LintFinding {
  readonly checker: 'table-lint';
  /**
   * `wrong-walk`: a page that was mapped is not found by a walk, with the fault (reserved bits, missing rights), or one that was unmapped is.
   * `unflushed`: a unit whose walks do not snoop does not see what the driver wrote. `freed-table`: a table's frame was given back while a cache
   * that nobody invalidated, or the tables themselves, lead to it. `torn`: between two stores of one call a structure led to an address that is
   * neither the old one nor the new one.
   */
  readonly problem: 'wrong-walk' | 'unflushed' | 'freed-table' | 'torn';
  /** Physical address of the table or the entry; undefined when a walk reads none. */
  readonly address: bigint | undefined;
  /** What is wrong, as a sentence with numbers. */
  readonly detail: string;
  readonly walk: TranslationWalk | undefined;
  /** The cached entry that leads to a freed table. */
  readonly entry: StaleEntry | undefined;
  readonly step: number;
  readonly call: Operation | undefined;
}

/** Something that is still held when all programs have ended. */
export interface LeakFinding {
  readonly checker: 'leaks';
  readonly held: 'user-frames' | 'pins' | 'locked-pages' | 'charged-bytes' | 'table-frames' | 'object';
  /** Frames, pins, pages, bytes; 1 for an object. */
  readonly count: number;
  /** Name of the object. */
  readonly name: string | undefined;
  /** The calls that made what is left, each once, oldest first; empty where that is not known. */
  readonly calls: readonly Operation[];
}

/** Any finding. */
export type Finding = StaleFinding | UseAfterUnmapFinding | DirtyFinding | LintFinding | LeakFinding;

/** Name of a checker. */
export type CheckerName = Finding['checker'];
