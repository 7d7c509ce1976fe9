import {
  CacheQuery,
  hi32,
  lo32,
  StructureCache,
  TranslationCache,
  type CacheTags,
  type Range64,
  type UnitCounters,
  type UnitObserver,
} from '@ioasis/core';
import type { RiscvIommuConfiguration } from '../options.js';
import type { DeviceContext } from './device-directory.js';

/** GSCID of translations without a second stage. */
export const HOST = 0;

/** What a command drops; undefined parts ask nothing. */
export interface Invalidation {
  readonly pscid: number | undefined;
  readonly range: Range64 | undefined;
}

/** The IOMMU's caches: device contexts and, in the IOATC, pages. Pages are tagged by PSCID. */
export class UnitCaches {
  readonly contexts: StructureCache<DeviceContext>;
  readonly iotlb: TranslationCache;
  readonly #counters: UnitCounters;
  readonly #query = new CacheQuery();

  constructor({ contextEntries, iotlbEntries }: RiscvIommuConfiguration, counters: UnitCounters) {
    this.contexts = new StructureCache(contextEntries, 4, undefined);
    this.iotlb = new TranslationCache({ entries: iotlbEntries, ways: Math.min(4, Math.max(1, iotlbEntries)) });
    this.#counters = counters;
  }

  /** IOTINVAL.VMA. A PSCID leaves global pages alone. */
  dropPages({ pscid, range }: Invalidation, observer: UnitObserver | null): void {
    const query = this.#query.all();
    if (pscid !== undefined) {
      query.withTagA(HOST).withTagB(pscid);
      query.global = 'keep';
    }
    if (range !== undefined) query.inRange(hi32(range.start), lo32(range.start), hi32(range.last), lo32(range.last));
    const dropped = this.iotlb.invalidate(query);
    this.#counters.invalidatedEntries += dropped;
    const tags: CacheTags = pscid === undefined ? {} : { pscid };
    observer?.invalidated({ command: 'IOTINVAL.VMA', caches: ['iotlb'], tags, range, dropped });
  }

  /** IODIR.INVAL_DDT: one device, or all. */
  dropContexts(deviceId: number | undefined, observer: UnitObserver | null): void {
    const dropped = this.contexts.drop((_context, requester) => deviceId === undefined || requester === deviceId);
    this.#counters.invalidatedEntries += dropped;
    const tags: CacheTags = deviceId === undefined ? {} : { requester: deviceId };
    observer?.invalidated({ command: 'IODIR.INVAL_DDT', caches: ['structure'], tags, range: undefined, dropped });
  }

  clear(): void {
    this.contexts.clear();
    this.iotlb.clear();
  }
}
