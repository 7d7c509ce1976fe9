import { CacheQuery, StructureCache, type TranslationCache, type UnitCounters } from '@ioasis/core';
import { PasidCacheGranularity, PasidIotlbGranularity } from '../layouts/descriptors.js';
import { Granularity } from '../layouts/invalidation-registers.js';
import type { VtdConfiguration } from '../options.js';
import type { Capabilities } from './capabilities.js';
import { PagingStructureCache, translationCache } from './paging-structure-cache.js';
import { ContextKind, type ScalableContext, type TranslationContext } from './translation-context.js';

/** Attributes of an IOTLB entry: which kind of translation it caches. */
export const IotlbKind = { SECOND_STAGE: 1, FIRST_STAGE: 2, NESTED: 3 } as const;
/** Attribute of an entry that says "not present" (caching mode only, VT-d 6.1). */
export const NEGATIVE = 4;
/** Attribute bit that first-stage and nested entries share. */
const HAS_FIRST_STAGE = 2;

/** Bits of the function number that each FM drops from the comparison of requester ids (VT-d 6.5.2.1). */
const FUNCTION_MASKS = [0, 4, 6, 7] as const;

/**
 * All caches of a unit and what each invalidation drops from them (VT-d 6.2, 6.5): nothing that the command does not name, unless
 * the specification says so.
 */
export class UnitCaches {
  readonly contexts: StructureCache<TranslationContext>;
  readonly scalableContexts: StructureCache<ScalableContext>;
  readonly pasids: StructureCache<TranslationContext>;
  readonly iotlb: TranslationCache;
  readonly secondStage: PagingStructureCache;
  readonly firstStage: PagingStructureCache;
  /** Changes with every change of the structure caches, and with the table mode: whoever keeps a context compares it. */
  version = 0;
  /** False while the IOTLB never held first-stage or nested entries: page-selective commands need not look for them. */
  mayHoldFirstStage = false;
  readonly #capabilities: Capabilities;
  readonly #counters: UnitCounters;
  readonly #query = new CacheQuery();

  constructor(configuration: VtdConfiguration, counters: UnitCounters) {
    const { caches, capabilities } = configuration;
    const { ways, seed, provenance } = caches;
    this.#capabilities = capabilities;
    this.#counters = counters;
    this.contexts = new StructureCache(caches.contextEntries, ways, seed);
    this.scalableContexts = new StructureCache(caches.contextEntries, ways, seed);
    this.pasids = new StructureCache(caches.pasidEntries, ways, seed);
    this.iotlb = translationCache({ entries: caches.iotlbEntries, ways, seed, provenance }, false);
    this.secondStage = new PagingStructureCache({ entries: caches.pagingEntries, ways, seed, provenance });
    this.firstStage = new PagingStructureCache({ entries: caches.pagingEntries, ways, seed, provenance });
  }

  /** Power-on: everything is empty and replacement starts over. */
  reset(): void {
    this.version++;
    this.contexts.clear();
    this.scalableContexts.clear();
    this.pasids.clear();
    this.iotlb.clear();
    this.secondStage.clear();
    this.firstStage.clear();
    this.mayHoldFirstStage = false;
  }

  /** Every cache, as SRTP does with CAP.ESRTPS (VT-d 6.6). */
  dropAll(): void {
    this.dropContexts(Granularity.GLOBAL, 0, 0, 0);
    this.dropPasids(PasidCacheGranularity.GLOBAL, 0, 0);
    this.dropTranslations(Granularity.GLOBAL, 0, 0, 0, 0, false);
  }

  /**
   * Context-cache invalidation. Scalable-mode entries have no domain id: domain-selective drops them all, device-selective ignores
   * the id (VT-d 6.5.2.1).
   */
  dropContexts(granularity: number, domain: number, requester: number, functionMask: number): void {
    const ignored = FUNCTION_MASKS[functionMask & 3]!;
    const isDevice = (other: number): boolean => ((other ^ requester) & ~ignored & 0xffff) === 0;
    const legacy = (entry: TranslationContext, other: number): boolean =>
      granularity === Granularity.GLOBAL ||
      (entry.domain === domain && (granularity === Granularity.DOMAIN || isDevice(other)));
    const scalable = (_: ScalableContext, other: number): boolean =>
      granularity !== Granularity.SELECTIVE || isDevice(other);
    this.version++;
    this.#count(this.contexts.drop(legacy) + this.scalableContexts.drop(scalable));
  }

  /** PASID-cache invalidation (VT-d 6.5.2.2). Entries that are not present have no domain: any domain drops them. */
  dropPasids(granularity: number, domain: number, pasid: number): void {
    this.version++;
    this.#count(
      this.pasids.drop(
        (entry, _, other) =>
          granularity === PasidCacheGranularity.GLOBAL ||
          ((entry.domain === domain || entry.kind === ContextKind.FAULT) &&
            (granularity === PasidCacheGranularity.DOMAIN || other === pasid)),
      ),
    );
  }

  /**
   * IOTLB invalidation (VT-d 6.5.2.3). Page-selective: second-stage entries whose page overlaps the range, and whatever the domain
   * has of first-stage and nested ones, because their addresses are not those of the second stage.
   * @returns the granularity that was done
   */
  dropTranslations(
    granularity: number,
    domain: number,
    addressHi: number,
    addressLo: number,
    addressMask: number,
    leafOnly: boolean,
  ): number {
    const query = this.#query;
    if (granularity === Granularity.GLOBAL) {
      query.all();
      this.#count(
        this.iotlb.invalidate(query) + this.secondStage.invalidate(query) + this.firstStage.invalidate(query),
      );
      return granularity;
    }
    // A mask above MAMV is undefined; without PSI there are no page-selective ones: dropping more is always allowed.
    const selective =
      granularity === Granularity.SELECTIVE &&
      this.#capabilities.pageSelective &&
      addressMask <= this.#capabilities.maxAddressMask;
    if (!selective) {
      query.all().withTagA(domain);
      this.#count(
        this.iotlb.invalidate(query) + this.secondStage.invalidate(query) + this.firstStage.invalidate(query),
      );
      return Granularity.DOMAIN;
    }
    if (this.mayHoldFirstStage) {
      query.all().withTagA(domain).withAttributes(HAS_FIRST_STAGE, HAS_FIRST_STAGE);
      this.#count(this.iotlb.invalidate(query));
      this.#count(this.firstStage.invalidate(query.withAttributes(0, 0)));
    }
    this.#selectPages(query.all().withTagA(domain), addressHi, addressLo, addressMask);
    if (!leafOnly) this.#count(this.secondStage.invalidate(query));
    this.#count(this.iotlb.invalidate(query.withAttributes(0, HAS_FIRST_STAGE)));
    return granularity;
  }

  /** PASID-based IOTLB invalidation (VT-d 6.5.2.4): first-stage and nested entries of one PASID. */
  dropPasidTranslations(
    granularity: number,
    domain: number,
    pasid: number,
    addressHi: number,
    addressLo: number,
    addressMask: number,
    leafOnly: boolean,
  ): void {
    const query = this.#query.all().withTagA(domain).withTagB(pasid);
    const selective = granularity === PasidIotlbGranularity.PAGES && addressMask <= this.#capabilities.maxAddressMask;
    if (selective) this.#selectPages(query, addressHi, addressLo, addressMask);
    if (!selective || !leafOnly) this.#count(this.firstStage.invalidate(query));
    this.#count(this.iotlb.invalidate(query));
  }

  /** 2^mask pages from an address, which is rounded down as hardware may. */
  #selectPages(query: CacheQuery, hi: number, lo: number, mask: number): void {
    const shift = 12 + mask;
    const spanLo = shift >= 32 ? -1 : (1 << shift) - 1;
    const spanHi = shift <= 32 ? 0 : shift >= 64 ? -1 : (1 << (shift - 32)) - 1;
    query.inRange(hi & ~spanHi, lo & ~spanLo, hi | spanHi, lo | spanLo);
  }

  #count(dropped: number): void {
    this.#counters.invalidatedEntries += dropped;
  }
}
