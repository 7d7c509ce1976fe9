import {
  CacheQuery,
  PagingStructureCache,
  type RequestFront,
  StructureCache,
  TranslationCache,
  type CacheKind,
  type CacheTags,
  type TranslationCacheOptions,
  type UnitCounters,
} from '@ioasis/core';
import { PasidCacheGranularity, PasidIotlbGranularity } from '../layouts/descriptors.js';
import { Granularity } from '../layouts/invalidation-registers.js';
import type { VtdConfiguration } from '../options.js';
import type { Capabilities } from './capabilities.js';
import { InterruptWindow } from './interrupt-window.js';
import { ContextKind, type ScalableContext, type TranslationContext } from './translation-context.js';
import { StageTag, StructureTag, type UnitWatch } from './unit-watch.js';

/** Attributes of an IOTLB entry: which kind of translation it caches. */
export const IotlbKind = { SECOND_STAGE: 1, FIRST_STAGE: 2, NESTED: 3 } as const;
/** Attribute of an entry that says "not present" (caching mode only, VT-d 6.1). */
export const NEGATIVE = 4;
/** Attribute bit that first-stage and nested entries share. */
const HAS_FIRST_STAGE = 2;

/** Bits of the function number that each FM drops from the comparison of requester ids (VT-d 6.5.2.1). */
const FUNCTION_MASKS = [0, 4, 6, 7] as const;

const STRUCTURES: readonly CacheKind[] = ['structure'];
const TRANSLATIONS: readonly CacheKind[] = ['iotlb', 'paging-structure'];
const LEAVES: readonly CacheKind[] = ['iotlb'];
const LINKS: readonly CacheKind[] = ['paging-structure'];
const ALL: readonly CacheKind[] = ['structure', 'iotlb', 'paging-structure'];

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
  /** Remembers requesters while nothing of the structure caches and the table mode changes. */
  readonly front: RequestFront;
  /** False while the IOTLB never held first-stage or nested entries: page-selective commands need not look for them. */
  mayHoldFirstStage = false;
  readonly #capabilities: Capabilities;
  /** Bits of a domain id, and of the upper word of an address, that commands look at. */
  readonly #domainMask: number;
  readonly #guestMaskHi: number;
  readonly #counters: UnitCounters;
  readonly #watch: UnitWatch;
  readonly #query = new CacheQuery();

  constructor(configuration: VtdConfiguration, counters: UnitCounters, front: RequestFront, watch: UnitWatch) {
    const { caches, capabilities } = configuration;
    const { ways, seed, provenance } = caches;
    this.#capabilities = capabilities;
    this.#domainMask = 2 ** capabilities.domainIdBits - 1;
    this.#guestMaskHi = (2 ** Math.max(0, capabilities.guestAddressWidth - 32) - 1) | 0;
    this.#counters = counters;
    this.#watch = watch;
    this.contexts = new StructureCache(caches.contextEntries, ways, seed);
    this.scalableContexts = new StructureCache(caches.contextEntries, ways, seed);
    this.pasids = new StructureCache(caches.pasidEntries, ways, seed);
    const shape = (entries: number): TranslationCacheOptions => ({
      entries,
      ways: Math.min(ways, Math.max(1, entries)),
      replacement: seed === undefined ? 'round-robin' : { seed },
    });
    this.iotlb = new TranslationCache({ ...shape(caches.iotlbEntries), provenance });
    this.secondStage = new PagingStructureCache(shape(caches.pagingEntries));
    this.firstStage = new PagingStructureCache(shape(caches.pagingEntries));
    const window = new InterruptWindow(configuration.msiWindow);
    const structures = [this.contexts, this.scalableContexts, this.pasids];
    this.front = front;
    front.connect({ iotlb: this.iotlb, structures, window });
  }

  /** Power-on: everything is empty and replacement starts over. */
  reset(): void {
    this.contexts.clear();
    this.scalableContexts.clear();
    this.pasids.clear();
    const dropped = this.iotlb.clear() + this.secondStage.clear() + this.firstStage.clear();
    this.mayHoldFirstStage = false;
    this.#watch.invalidated('reset', ALL, {}, undefined, dropped);
  }

  /** Every cache: SRTP with CAP.ESRTPS (VT-d 6.6), switching translation off in a unit with scalable mode (VT-d 11.4.4.1). */
  dropAll(command: 'SRTP' | 'translation disable'): void {
    const query = this.#query.all();
    const everything = (): boolean => true;
    const structures =
      this.contexts.drop(everything) + this.scalableContexts.drop(everything) + this.pasids.drop(everything);
    this.#done(command, ALL, {}, query, structures + this.#dropTranslations(query));
  }

  /**
   * Context-cache invalidation. Scalable-mode entries have no domain id: domain-selective drops them all, device-selective ignores
   * the id (VT-d 6.5.2.1).
   */
  dropContexts(granularity: number, domain: number, requester: number, functionMask: number): void {
    const structure = StructureTag.CONTEXT;
    switch (granularity) {
      case Granularity.GLOBAL: {
        const dropped = this.contexts.drop(() => true) + this.scalableContexts.drop(() => true);
        return this.#done('context-cache global', STRUCTURES, { structure }, undefined, dropped);
      }
      case Granularity.DOMAIN: {
        const ofDomain = domain & this.#domainMask;
        const dropped =
          this.contexts.drop((entry) => entry.domain === ofDomain) + this.scalableContexts.drop(() => true);
        const tags = { structure, domain: ofDomain };
        return this.#done('context-cache domain-selective', STRUCTURES, tags, undefined, dropped);
      }
      default: {
        const ignored = FUNCTION_MASKS[functionMask & 3]!;
        for (let functions = 0; functions <= ignored; functions++) {
          if ((functions & ~ignored) === 0)
            this.#dropDevice(domain & this.#domainMask, (requester & ~ignored) | functions);
        }
      }
    }
  }

  #dropDevice(domain: number, requester: number): void {
    const dropped =
      this.contexts.drop((entry, other) => other === requester && entry.domain === domain) +
      this.scalableContexts.drop((_, other) => other === requester);
    const tags = { structure: StructureTag.CONTEXT, domain, requester };
    this.#done('context-cache device-selective', STRUCTURES, tags, undefined, dropped);
  }

  /** PASID-cache invalidation (VT-d 6.5.2.2). Entries that are not present have no domain: any domain drops them. */
  dropPasids(granularity: number, domain: number, pasid: number): void {
    const structure = StructureTag.PASID;
    const ofDomain = domain & this.#domainMask;
    const isOf = (entry: TranslationContext): boolean => entry.domain === ofDomain || entry.kind === ContextKind.FAULT;
    switch (granularity) {
      case PasidCacheGranularity.GLOBAL: {
        const dropped = this.pasids.drop(() => true);
        return this.#done('PASID-cache global', STRUCTURES, { structure }, undefined, dropped);
      }
      case PasidCacheGranularity.DOMAIN: {
        const dropped = this.pasids.drop(isOf);
        const tags = { structure, domain: ofDomain };
        return this.#done('PASID-cache domain-selective', STRUCTURES, tags, undefined, dropped);
      }
      default: {
        const dropped = this.pasids.drop((entry, _, other) => other === pasid && isOf(entry));
        const tags = { structure, domain: ofDomain, pasid };
        return this.#done('PASID-cache PASID-selective', STRUCTURES, tags, undefined, dropped);
      }
    }
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
    const query = this.#query.all();
    if (granularity === Granularity.GLOBAL) {
      this.#done('IOTLB global', TRANSLATIONS, {}, query, this.#dropTranslations(query));
      return granularity;
    }
    const ofDomain = domain & this.#domainMask;
    query.withTagA(ofDomain);
    // A mask above MAMV is undefined; without PSI there are no page-selective ones: dropping more is always allowed.
    const selective =
      granularity === Granularity.SELECTIVE &&
      this.#capabilities.pageSelective &&
      addressMask <= this.#capabilities.maxAddressMask;
    if (!selective) {
      this.#done('IOTLB domain-selective', TRANSLATIONS, { domain: ofDomain }, query, this.#dropTranslations(query));
      return Granularity.DOMAIN;
    }
    if (this.mayHoldFirstStage) {
      const links = this.firstStage.invalidate(query);
      const leaves = this.iotlb.invalidate(query.withAttributes(HAS_FIRST_STAGE, HAS_FIRST_STAGE));
      const tags = { stage: StageTag.FIRST, domain: ofDomain };
      this.#done('IOTLB page-selective', TRANSLATIONS, tags, query, links + leaves);
    }
    // Address bits at or above MGAW are ignored.
    selectPages(query.withAttributes(0, 0), addressHi & this.#guestMaskHi, addressLo, addressMask);
    const links = leafOnly ? 0 : this.secondStage.invalidate(query);
    const leaves = this.iotlb.invalidate(query.withAttributes(0, HAS_FIRST_STAGE));
    const tags = { stage: StageTag.SECOND, domain: ofDomain };
    this.#done('IOTLB page-selective', leafOnly ? LEAVES : TRANSLATIONS, tags, query, links + leaves);
    return granularity;
  }

  /**
   * PASID-based IOTLB invalidation (VT-d 6.5.2.4): of one PASID all pages and first-stage links, or what first-stage and nested
   * translations have of a range, whatever its size (MAMV limits second-stage ranges only).
   */
  dropPasidTranslations(
    granularity: number,
    domain: number,
    pasid: number,
    addressHi: number,
    addressLo: number,
    addressMask: number,
    leafOnly: boolean,
  ): void {
    const ofDomain = domain & this.#domainMask;
    const query = this.#query.all().withTagA(ofDomain).withTagB(pasid);
    const tags = { domain: ofDomain, pasid };
    const firstStageTags = { stage: StageTag.FIRST, domain: ofDomain, pasid };
    if (granularity !== PasidIotlbGranularity.PAGES) {
      const command = 'PASID-based-IOTLB PASID-selective';
      this.#done(command, LEAVES, tags, query, this.iotlb.invalidate(query));
      return this.#done(command, LINKS, firstStageTags, query, this.firstStage.invalidate(query));
    }
    selectPages(query, addressHi, addressLo, addressMask);
    const links = leafOnly ? 0 : this.firstStage.invalidate(query);
    const leaves = this.iotlb.invalidate(query.withAttributes(HAS_FIRST_STAGE, HAS_FIRST_STAGE));
    const caches = leafOnly ? LEAVES : TRANSLATIONS;
    this.#done('PASID-based-IOTLB page-selective', caches, firstStageTags, query, links + leaves);
  }

  #dropTranslations(query: CacheQuery): number {
    return this.iotlb.invalidate(query) + this.secondStage.invalidate(query) + this.firstStage.invalidate(query);
  }

  #done(
    command: string,
    caches: readonly CacheKind[],
    tags: CacheTags,
    query: CacheQuery | undefined,
    dropped: number,
  ): void {
    this.#counters.invalidatedEntries += dropped;
    this.#watch.invalidated(command, caches, tags, query, dropped);
  }
}

/** 2^mask pages from an address, which is rounded down as hardware may. */
function selectPages(query: CacheQuery, hi: number, lo: number, mask: number): void {
  const shift = 12 + mask;
  const spanLo = shift >= 32 ? -1 : (1 << shift) - 1;
  const spanHi = shift <= 32 ? 0 : shift >= 64 ? -1 : (1 << (shift - 32)) - 1;
  query.inRange(hi & ~spanHi, lo & ~spanLo, hi | spanHi, lo | spanLo);
}
