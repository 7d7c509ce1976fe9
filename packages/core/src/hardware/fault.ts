import type { Iova } from '../bits/index.js';

/** One step of a translation: which structure was read, where, what was there, and its fields by datasheet name. */
export interface WalkStep {
  /** `root entry`, `context entry`, `STE`, `SS-PTE level 3` ... in the vendor's terms. */
  readonly what: string;
  /** Physical address of the entry (for a nested walk: after the other stage), bytes. */
  readonly address: bigint;
  /** The entry's 64-bit words, lowest first. */
  readonly words: readonly bigint[];
  readonly fields: Readonly<Record<string, bigint>>;
}

/** What the requester wanted. */
export type AccessKind = 'read' | 'write' | 'atomic' | 'execute' | 'translation-request';

/**
 * A refused request, with the vendor's own code. Vendor packages narrow `vendor`, `code` and `name` to closed unions.
 */
export interface HardwareFault {
  readonly vendor: string;
  /** Fault reason (VT-d), event id (SMMUv3), event code (AMD). */
  readonly code: number;
  /** The vendor's name of the code. */
  readonly name: string;
  readonly requesterId: number;
  readonly pasid: number | undefined;
  readonly iova: Iova;
  readonly access: AccessKind;
  /** Whether the unit wrote a record, and if not, why: suppressed by an entry, log full, collapsed into another record. */
  readonly recorded: 'recorded' | 'suppressed' | 'overflow' | 'collapsed' | 'disabled';
  /** The record as the unit wrote it (64-bit words, lowest first); empty when there is none. */
  readonly record: readonly bigint[];
  /** Further vendor fields (stage, class, level, flags ...). */
  readonly details: Readonly<Record<string, bigint | number | string | boolean>>;
}

/** A whole translation, explained. Never on a hot path. */
export interface TranslationWalk {
  readonly steps: readonly WalkStep[];
  /** Where the address went; undefined when it faults. */
  readonly pa: bigint | undefined;
  /** Size of the page that was found, bytes. */
  readonly pageBytes: bigint | undefined;
  readonly readable: boolean;
  readonly writable: boolean;
  /** The code that a request would fault with. */
  readonly fault: { readonly code: number; readonly name: string } | undefined;
}
