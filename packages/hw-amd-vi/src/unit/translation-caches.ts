import {
  CacheQuery,
  join64,
  NO_PASID,
  PagingStructureCache,
  StructureCache,
  TranslationCache,
  type CacheKind,
  type CacheTags,
  type CarefulWalker,
  type Range64,
  type TranslationCacheOptions,
} from '@ioasis/core';
import type { AmdViCacheConfiguration } from '../options.js';
import type { DeviceEntry } from './device-entry.js';
import { rangeOfBytes, type InvalidatedRange } from './invalidated-range.js';
import type { Request } from './request.js';
import type { Watch } from './watch.js';

/** Tag B of host translations; guest ones have their PASID. */
export const HOST_TAG: number = NO_PASID;

/** Attributes of IOTLB entries. */
export const EntryKind = {
  HOST: 1,
  GUEST: 2,
  /** Guest and host stage combined. */
  NESTED: 4,
  /** NpCache: the address has no translation. */
  NOT_PRESENT: 8,
} as const;

/**
 * What the unit remembers (48882 2.4, caches by DomainID and PASID): device table entries, pages, and the tables below the root that
 * walks went through. Nothing goes that a command does not name, unless the architecture says so.
 */
export class TranslationCaches {
  readonly devices: StructureCache<DeviceEntry>;
  readonly iotlb: TranslationCache;
  readonly directories: PagingStructureCache;
  /** DTE.SE: devices whose first page fault was logged since their entry was invalidated. */
  readonly faulted: Set<number> = new Set<number>();
  readonly #query: CacheQuery = new CacheQuery();
  readonly #watch: Watch;

  constructor(options: AmdViCacheConfiguration, watch: Watch) {
    const { ways, seed, provenance } = options;
    const shared: Omit<TranslationCacheOptions, 'entries'> =
      seed === undefined ? { ways } : { ways, replacement: { seed } };
    this.devices = new StructureCache(options.deviceEntries, ways, seed);
    this.iotlb = new TranslationCache(limitWays({ ...shared, entries: options.iotlbEntries, provenance }));
    this.directories = new PagingStructureCache(limitWays({ ...shared, entries: options.directoryEntries }));
    this.#watch = watch;
  }

  keepDevice(deviceId: number, entry: DeviceEntry): void {
    this.devices.insert(deviceId, 0, entry);
    if (this.#watch.observer !== null) this.#filled('structure', deviceId, NO_PASID, { requester: deviceId });
  }

  /** Keeps the page that answers a request. */
  keepPage(
    request: Request,
    kind: number,
    domainId: number,
    tag: number,
    pageShift: number,
    paHi: number,
    paLo: number,
    rights: number,
  ): void {
    const { iovaHi, iovaLo } = request;
    this.iotlb.insert(iovaHi, iovaLo, pageShift, domainId, tag, paHi, paLo, rights, kind, false);
    if (this.#watch.observer !== null) {
      const tags = { domain: domainId, pasid: tag, nested: kind === EntryKind.NESTED ? 1 : 0 };
      const range = pageOf(iovaHi, iovaLo, pageShift);
      this.#filled(
        'iotlb',
        request.deviceId,
        request.pasid,
        tags,
        range,
        join64(paHi, paLo) & ~(range.last - range.start),
      );
    }
  }

  /** Keeps the tables below the root that a watched walk went through. */
  keepTables(request: Request, walker: CarefulWalker, domainId: number, tag: number): void {
    const { iovaHi, iovaLo } = request;
    this.directories.keepPath(walker, iovaHi, iovaLo, domainId, tag, 0);
    if (this.#watch.observer === null) return;
    for (const [level, { shift, indexBits }] of walker.format.levels.entries()) {
      const frame = walker.pathTable[level]!;
      if (frame < 0) continue;
      const range = pageOf(iovaHi, iovaLo, shift + indexBits);
      const tags = { domain: domainId, pasid: tag };
      this.#filled('paging-structure', request.deviceId, request.pasid, tags, range, BigInt(frame) << 12n);
    }
  }

  /** INVALIDATE_DEVTAB_ENTRY. @returns entries dropped */
  dropDevice(deviceId: number): number {
    this.faulted.delete(deviceId);
    const dropped = this.devices.drop((_, requester) => requester === deviceId);
    this.#invalidated('INVALIDATE_DEVTAB_ENTRY', ['structure'], { requester: deviceId }, undefined, dropped);
    return dropped;
  }

  /**
   * INVALIDATE_IOMMU_PAGES. Host form: host entries in the range, and all nested ones of the domain, because their guest addresses say
   * nothing about host addresses.
   * @param pasid of the guest form, or `HOST_TAG`
   * @param directories PDE: page directories too
   * @returns entries dropped
   */
  dropPages(domainId: number, pasid: number, range: InvalidatedRange, directories: boolean): number {
    const { startHi, startLo, lastHi, lastLo } = range;
    const query = this.#query.all().withTagA(domainId).withTagB(pasid).inRange(startHi, startLo, lastHi, lastLo);
    const dropped = this.iotlb.invalidate(query) + (directories ? this.directories.invalidate(query) : 0);
    const command = directories ? 'INVALIDATE_IOMMU_PAGES with PDE' : 'INVALIDATE_IOMMU_PAGES';
    const kinds: CacheKind[] = directories ? ['iotlb', 'paging-structure'] : ['iotlb'];
    this.#invalidated(command, kinds, { domain: domainId, pasid }, rangeOfBytes(range), dropped);
    if (pasid !== HOST_TAG) return dropped;
    query.all().withTagA(domainId).withAttributes(EntryKind.NESTED, EntryKind.NESTED);
    const nested = this.iotlb.invalidate(query);
    if (nested > 0) this.#invalidated(command, ['iotlb'], { domain: domainId, nested: 1 }, undefined, nested);
    return dropped + nested;
  }

  /** INVALIDATE_INTERRUPT_TABLE: no interrupt remapping, nothing is cached. */
  dropInterrupts(deviceId: number): void {
    this.#invalidated('INVALIDATE_INTERRUPT_TABLE', [], { requester: deviceId }, undefined, 0);
  }

  /** INVALIDATE_IOMMU_ALL. @returns entries dropped */
  dropAll(): number {
    const dropped = this.devices.drop(() => true) + this.iotlb.clear() + this.directories.clear();
    this.faulted.clear();
    this.#invalidated('INVALIDATE_IOMMU_ALL', ['structure', 'iotlb', 'paging-structure'], {}, undefined, dropped);
    return dropped;
  }

  /** Power-on: everything is empty and replacement starts over. */
  reset(): void {
    this.devices.clear();
    this.iotlb.clear();
    this.directories.clear();
    this.faulted.clear();
  }

  /** A device was given a translation that it may keep (ATS). */
  deviceKeeps(request: Request, pageShift: number, paHi: number, paLo: number): void {
    if (this.#watch.observer === null) return;
    const { deviceId, pasid, iovaHi, iovaLo } = request;
    const range = pageOf(iovaHi, iovaLo, pageShift);
    const tags = { requester: deviceId, pasid };
    this.#filled('device-tlb', deviceId, pasid, tags, range, join64(paHi, paLo) & ~(range.last - range.start));
  }

  /** A device has answered INVALIDATE_IOTLB_PAGES. @param pasid or `NO_PASID` */
  deviceDropped(deviceId: number, pasid: number, range: InvalidatedRange, dropped: number): void {
    const tags = { requester: deviceId, pasid };
    this.#invalidated('INVALIDATE_IOTLB_PAGES', ['device-tlb'], tags, rangeOfBytes(range), dropped);
  }

  #filled(cache: CacheKind, requesterId: number, pasid: number, tags: CacheTags, range?: Range64, pa?: bigint): void {
    this.#watch.observer?.filled({ cache, requesterId, pasid, tags, range, pa });
  }

  #invalidated(
    command: string,
    caches: readonly CacheKind[],
    tags: CacheTags,
    range: Range64 | undefined,
    dropped: number,
  ): void {
    this.#watch.observer?.invalidated({ command, caches, tags, range, dropped });
  }
}

/** The naturally aligned page that holds an address. */
function pageOf(hi: number, lo: number, shift: number): Range64 {
  const offset = (1n << BigInt(shift)) - 1n;
  const at = join64(hi, lo);
  return { start: at & ~offset, last: at | offset };
}

/** A small cache has fewer ways than asked for. */
const limitWays = (options: TranslationCacheOptions): TranslationCacheOptions => ({
  ...options,
  ways: Math.min(options.ways ?? 4, Math.max(options.entries, 1)),
});
