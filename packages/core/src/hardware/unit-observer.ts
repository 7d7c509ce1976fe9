import type { Range64 } from '../bits/index.js';
import type { HardwareFault } from './fault.js';

/**
 * Which of a unit's caches: translations, links to lower tables, decoded structures (context entries, PASID entries, STEs, CDs, DTEs), or the
 * translations that a device keeps (ATS).
 */
export type CacheKind = 'iotlb' | 'paging-structure' | 'structure' | 'device-tlb';

/**
 * Whose an entry is, in the vendor's terms: `{ domain: 3, pasid: 0 }`, `{ vmid: 0, asid: 5 }`, `{ requester: 8 }`. An invalidation names only what
 * it asks for; an entry names all it is tagged with, and leaves out what any value matches (a global entry has no `asid`).
 */
export type CacheTags = Readonly<Record<string, number>>;

/** An entry that a unit put into one of its caches. */
export interface CacheFill {
  readonly cache: CacheKind;
  readonly requesterId: number;
  /** `NO_PASID` for a request without one. */
  readonly pasid: number;
  readonly tags: CacheTags;
  /** IOVAs that the entry answers for, inclusive; undefined for a structure, which answers for all. */
  readonly range: Range64 | undefined;
  /** First byte of the page or of the lower table; undefined for a structure. */
  readonly pa: bigint | undefined;
}

/** An invalidation that a unit carried out, command by command. */
export interface UnitInvalidation {
  /** The datasheet's name with its granularity: `IOTLB page-selective`, `TLBI_NH_VA`, `INVALIDATE_IOMMU_PAGES`. */
  readonly command: string;
  readonly caches: readonly CacheKind[];
  /** What an entry must be tagged with to go. */
  readonly tags: CacheTags;
  /** IOVAs that an entry must overlap to go, inclusive; undefined: all. */
  readonly range: Range64 | undefined;
  /** Entries that went, over all named caches. */
  readonly dropped: number;
}

/** Stands beside a unit and is told what the unit does, for checkers and traces. It must not touch the unit from within a call. */
export interface UnitObserver {
  /** After a miss was answered and kept. */
  filled(fill: CacheFill): void;
  /** After the entries have gone. */
  invalidated(invalidation: UnitInvalidation): void;
  /** A command or descriptor was taken from the queue, before it acts. @param words its 32-bit words, lowest first; valid during the call */
  executing(command: string, words: ArrayLike<number>): void;
  /** A request was refused, after the unit recorded it or chose not to. */
  faulted(fault: HardwareFault): void;
}
