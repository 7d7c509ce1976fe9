import { CacheQuery, PagingStructureCache, StructureCache, TranslationCache } from '@ioasis/core';
import type { SmmuV3CacheConfiguration } from '../options.js';
import type { Context } from './context.js';
import type { StreamEntry } from './stream-entry.js';

/** Tag B of translations of stage 2 alone. */
export const STAGE2_TAG = -1;

/** Attributes of TLB and walk cache entries. Bits [3:0]: architectural level of the leaf. */
export const EntryKind = { STAGE1: 0x10, STAGE2: 0x20, COMBINED: 0x40 } as const;
/** The leaf is writable but clean: a write has to walk, to make it dirty. */
export const WRITABLE_CLEAN = 0x80;
/** Bits of {@link EntryKind}. */
export const KIND_MASK = 0x70;
/** Bits [9:8]: granule, coded as in TLBI.TG (1: 4K, 2: 16K, 3: 64K). */
export const granuleAttribute = (granuleShift: number): number => ((granuleShift - 10) / 2) << 8;
/** Bits of an entry's attributes that hold the level of its leaf. */
export const LEVEL_BITS = 0xf;
/** Bits of level and granule. */
export const LEVEL_MASK = 0x30f;

/**
 * What the unit remembers: STEs by StreamID, CDs by StreamID and SubstreamID, translations by VMID and ASID (IHI 0070 3.17, 3.21).
 */
export class UnitCaches {
  readonly streams: StructureCache<StreamEntry>;
  readonly contexts: StructureCache<Context>;
  readonly tlb: TranslationCache;
  readonly walks: PagingStructureCache;
  /** Reused by every invalidation. */
  readonly query: CacheQuery = new CacheQuery();

  constructor(options: SmmuV3CacheConfiguration) {
    const { ways, seed } = options;
    const shape = (
      entries: number,
    ): { entries: number; ways: number; replacement: 'round-robin' | { seed: number } } => ({
      entries,
      ways: Math.min(ways, Math.max(entries, 1)),
      replacement: seed === undefined ? 'round-robin' : { seed },
    });
    this.streams = new StructureCache(options.streamEntries, ways, seed);
    this.contexts = new StructureCache(options.contextEntries, ways, seed);
    this.tlb = new TranslationCache({ ...shape(options.tlbEntries), provenance: options.provenance });
    this.walks = new PagingStructureCache(shape(options.walkEntries));
  }

  /** CFGI_STE, CFGI_STE_RANGE, CFGI_ALL: the STEs of an inclusive range, and all their CDs. @returns how many */
  dropStreams(first: number, last: number): number {
    const inside = (_: unknown, streamId: number): boolean => streamId >>> 0 >= first && streamId >>> 0 <= last;
    return this.streams.drop(inside) + this.contexts.drop(inside);
  }

  /** CFGI_CD, CFGI_CD_ALL. @param substreamId null: all of the stream; 0 is also what requests without substream use */
  dropContexts(streamId: number, substreamId: number | null): number {
    return this.contexts.drop(
      (_, stream, substream) =>
        stream === (streamId | 0) && (substreamId === null || Math.max(substream, 0) === substreamId),
    );
  }

  /** Translations and tables that the query matches. */
  dropTranslations(query: CacheQuery, walks: boolean): number {
    return this.tlb.invalidate(query) + (walks ? this.walks.invalidate(query) : 0);
  }

  /** Everything: reset. */
  clear(): void {
    this.streams.clear();
    this.contexts.clear();
    this.tlb.clear();
    this.walks.clear();
  }
}
