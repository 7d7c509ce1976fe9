import { CacheQuery, StructureCache, TranslationCache, type TranslationCacheOptions } from '@ioasis/core';
import type { AmdViCacheConfiguration } from '../options.js';
import type { DeviceEntry } from './device-entry.js';

/** Tag B of host translations; guest ones have their PASID. */
export const HOST_TAG = -1;

/** Attributes of IOTLB entries. */
export const EntryKind = {
  HOST: 1,
  GUEST: 2,
  /** Guest and host stage combined. */
  NESTED: 4,
  /** NpCache: the address has no translation. */
  NOT_PRESENT: 8,
} as const;

/** Size and place that an INVALIDATE command names, inclusive. */
export interface InvalidatedRange {
  readonly startHi: number;
  readonly startLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
}

/**
 * What the unit remembers (48882 2.4, caches by DomainID and PASID): device table entries, pages, and page directories of the last
 * level above 4 KiB pages, so that most misses read one entry.
 */
export class TranslationCaches {
  readonly devices: StructureCache<DeviceEntry>;
  readonly iotlb: TranslationCache;
  readonly directories: TranslationCache;
  readonly #query: CacheQuery = new CacheQuery();

  constructor(options: AmdViCacheConfiguration) {
    const { ways, seed, provenance } = options;
    const shared: Omit<TranslationCacheOptions, 'entries'> =
      seed === undefined ? { ways } : { ways, replacement: { seed } };
    this.devices = new StructureCache(options.deviceEntries, ways, seed);
    this.iotlb = new TranslationCache(limitWays({ ...shared, entries: options.iotlbEntries, provenance }));
    this.directories = new TranslationCache(
      limitWays({ ...shared, entries: options.directoryEntries, provenance, payload: true }),
    );
  }

  /** Drops the entry of one device. @returns how many */
  dropDevice(deviceId: number): number {
    return this.devices.drop((_, requester) => requester === deviceId);
  }

  /**
   * INVALIDATE_IOMMU_PAGES. Host form: host entries in the range, and all nested ones of the domain that may derive from it, because
   * their guest addresses say nothing about host addresses.
   * @param pasid of the guest form, or `HOST_TAG`
   * @param directories PDE: page directories too
   * @returns entries dropped
   */
  dropPages(domainId: number, pasid: number, range: InvalidatedRange, directories: boolean): number {
    const { startHi, startLo, lastHi, lastLo } = range;
    const query = this.#query;
    const inRange = (): CacheQuery =>
      query.all().withTagA(domainId).withTagB(pasid).inRange(startHi, startLo, lastHi, lastLo);
    let dropped = this.iotlb.invalidate(inRange());
    if (directories) dropped += this.directories.invalidate(inRange());
    if (pasid !== HOST_TAG) return dropped;
    dropped += this.iotlb.invalidate(query.all().withTagA(domainId).withAttributes(EntryKind.NESTED, EntryKind.NESTED));
    return (
      dropped +
      this.directories.invalidate(query.all().withTagA(domainId).withAttributes(EntryKind.NESTED, EntryKind.NESTED))
    );
  }

  /** INVALIDATE_IOMMU_ALL and reset. @returns entries dropped */
  clear(): number {
    const dropped = this.devices.drop(() => true) + this.iotlb.clear() + this.directories.clear();
    this.devices.clear();
    return dropped;
  }
}

/** A small cache has fewer ways than asked for. */
const limitWays = (options: TranslationCacheOptions): TranslationCacheOptions => ({
  ...options,
  ways: Math.min(options.ways ?? 4, Math.max(options.entries, 1)),
});
