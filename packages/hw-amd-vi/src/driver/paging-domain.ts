import {
  Errno,
  IotlbGather,
  join64,
  RadixTable,
  TableDomain,
  type DomainDirtyOps,
  type FrameAllocator,
  type IommuDomain,
  type PhysicalMemory,
  type Range64,
} from '@ioasis/core';
import type { TableTraits } from './table-traits.js';

/** What a domain asks of its driver. */
export interface DomainHost {
  /** Invalidates `[start, last]` of a domain, for all devices on it, and waits. */
  flushRange(domain: PagingDomain, start: bigint, last: bigint): void;
  /** Rewrites the device table entries of all devices of the domain: its root and levels changed. */
  rootChanged(domain: PagingDomain): void;
  /** Sets or clears DTE.HAD of all devices of the domain. */
  setTracking(domain: PagingDomain, enabled: boolean): void;
  release(domain: PagingDomain): void;
}

/** How a domain is to be made. */
export interface DomainSetup {
  /** DomainID. */
  readonly id: number;
  readonly host: DomainHost;
  readonly traits: TableTraits;
  /** NpCache: new mappings have to be invalidated too. */
  readonly npCache: boolean;
  readonly isTracked: boolean;
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
}

const EVERYTHING: Range64 = { start: 0n, last: 0xffff_ffff_ffff_ffffn };

/** A domain with its tables as Linux's driver keeps it. */
export class PagingDomain extends TableDomain implements IommuDomain {
  readonly id: number;
  readonly traits: TableTraits;
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly dirty: DomainDirtyOps | undefined;
  readonly #host: DomainHost;
  protected readonly table: RadixTable;
  readonly #npCache: boolean;
  readonly #mapGather = new IotlbGather();

  private constructor(setup: DomainSetup) {
    super();
    const { traits, memory, frames } = setup;
    const { format, levels, growing, leafBits, tableBits } = traits;
    this.id = setup.id;
    this.traits = traits;
    this.pageSizes = traits.pageSizes;
    this.aperture = traits.aperture;
    this.#host = setup.host;
    this.#npCache = setup.npCache;
    this.dirty = setup.isTracked
      ? this.switchedTracking((enabled) => this.#host.setTracking(this, enabled))
      : undefined;
    this.table = new RadixTable({
      memory,
      frames,
      format,
      inputBits: 12 + 9 * levels,
      levels,
      growingRoot: growing,
      leafBits,
      tableBits,
      overwrite: 'replace',
      partialUnmap: 'whole',
      unlink: 'keep',
      observer: { rootChanged: () => this.#host.rootChanged(this) },
    });
  }

  /** @returns the domain, or ENOMEM */
  static make(setup: DomainSetup): PagingDomain | number {
    const domain = new PagingDomain(setup);
    return domain.table.levels === 0 ? Errno.ENOMEM : domain;
  }

  get levels(): number {
    return this.table.levels;
  }

  mapPages(
    iovaHi: number,
    iovaLo: number,
    paHi: number,
    paLo: number,
    pageShift: number,
    count: number,
    prot: number,
  ): number {
    const gather = this.#mapGather;
    const table = this.table;
    const errno = table.mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot, gather);
    if (table.replaced || gather.freelist.length > 0) {
      // A page took the place of another page or of a table: caches may hold it.
      const start = join64(iovaHi, iovaLo);
      this.#host.flushRange(this, start, start + (BigInt(count) << BigInt(pageShift)) - 1n);
      table.releaseGathered(gather);
      gather.reset();
    }
    return errno;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const bytes = this.table.unmapPages(iovaHi, iovaLo, pageShift, count, gather);
    if (bytes === 0) return 0;
    // One large range costs as much as a small one, unless a hypervisor shadows the tables: it then walks all of the range.
    if (this.#npCache && gather.mustSyncBeforeBytes(iovaHi, iovaLo, bytes, gather.pageShift)) this.syncUnmap(gather);
    gather.addBytes(iovaHi, iovaLo, bytes, pageShift);
    return bytes;
  }

  syncMap(startHi: number, startLo: number, lastHi: number, lastLo: number): void {
    if (this.#npCache) this.#host.flushRange(this, join64(startHi, startLo), join64(lastHi, lastLo));
  }

  syncUnmap(gather: IotlbGather): void {
    if (!gather.empty) {
      this.#host.flushRange(this, join64(gather.startHi, gather.startLo), join64(gather.lastHi, gather.lastLo));
    }
    this.table.releaseGathered(gather);
    gather.reset();
  }

  flushAll(): void {
    this.#host.flushRange(this, EVERYTHING.start, EVERYTHING.last);
  }

  /** Host leaves always have FC; Linux promises the same for guest tables. */
  enforceCacheCoherency(): boolean {
    return true;
  }

  free(): void {
    this.#host.release(this);
    this.table.free();
  }
}
