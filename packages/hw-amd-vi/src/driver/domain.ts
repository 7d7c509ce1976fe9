import {
  hi32,
  lo32,
  DIRTY_NO_CLEAR,
  Errno,
  IotlbGather,
  join64,
  Prot,
  RadixTable,
  type DirtySink,
  type DomainDirtyOps,
  type FrameAllocator,
  type IommuDomain,
  type PhysicalMemory,
  type Range64,
} from '@ioasis/core';
import { HOST_FORMAT } from '../format/host-v1.js';
import { HOST_PDE, HOST_PTE } from '../layouts/page-table-entries.js';

/** What a domain asks of its driver. */
export interface DomainHost {
  /** Invalidates `[start, last]` of a domain on every device's unit and waits. */
  flushRange(domain: HostDomain, start: bigint, last: bigint): void;
  /** Rewrites the device table entries of all devices of the domain: its root, levels or dirty tracking changed. */
  updateDevices(domain: HostDomain): void;
  release(domain: HostDomain): void;
}

/** Every power of two from 4 KiB to 2^51 but 512 GiB, which an erratum forbids. */
const PAGE_SIZES = 0xf_ff7f_ffff_f000n;
/** New tables have three levels and grow. */
const START_LEVELS = 3;

/** Bits of a leaf: snooping is always forced; neither right means no mapping at all. */
function leafBits(prot: number): bigint | undefined {
  if ((prot & (Prot.READ | Prot.WRITE)) === 0) return undefined;
  return HOST_PTE.encode({ PR: 1, FC: 1, IR: (prot & Prot.READ) !== 0, IW: (prot & Prot.WRITE) !== 0 });
}

/** A domain on host (v1) tables as Linux's driver keeps it. */
export class HostDomain implements IommuDomain {
  readonly id: number;
  readonly pageSizes: bigint = PAGE_SIZES;
  readonly aperture: Range64 = { start: 0n, last: 0xffff_ffff_ffff_ffffn };
  readonly dirty: DomainDirtyOps | undefined;
  isTracking = false;
  readonly #host: DomainHost;
  readonly #table: RadixTable;
  /** NpCache: new mappings have to be invalidated too. */
  readonly #npCache: boolean;
  readonly #mapGather = new IotlbGather();

  private constructor(
    id: number,
    host: DomainHost,
    npCache: boolean,
    dirtyTracking: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ) {
    this.id = id;
    this.#host = host;
    this.#npCache = npCache;
    this.dirty = dirtyTracking ? this.#dirtyOps() : undefined;
    this.#table = new RadixTable({
      memory,
      frames,
      format: HOST_FORMAT,
      inputBits: 12 + 9 * START_LEVELS,
      levels: START_LEVELS,
      growingRoot: true,
      leafBits,
      tableBits: HOST_PDE.encode({ PR: 1, IR: 1, IW: 1 }),
      overwrite: 'replace',
      partialUnmap: 'whole',
      unlink: 'keep',
      observer: { written: () => undefined, unlinked: () => undefined, rootChanged: () => this.#rootChanged() },
    });
  }

  /** @returns the domain, or ENOMEM */
  static make(
    id: number,
    host: DomainHost,
    npCache: boolean,
    dirtyTracking: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ): HostDomain | number {
    const domain = new HostDomain(id, host, npCache, dirtyTracking, memory, frames);
    return domain.#table.levels === 0 ? Errno.ENOMEM : domain;
  }

  /** Root table and number of levels, for device table entries. */
  get root(): bigint {
    return join64(this.#table.rootHi, this.#table.rootLo);
  }

  get levels(): number {
    return this.#table.levels;
  }

  get mappedPages(): number {
    return this.#table.mappedPages;
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
    const table = this.#table;
    const errno = table.mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot, gather);
    if (table.replaced || gather.freelist.length > 0) {
      this.flushAll();
      table.releaseGathered(gather);
    }
    return errno;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const bytes = this.#table.unmapPages(iovaHi, iovaLo, pageShift, count, gather);
    if (bytes === 0) return 0;
    const last = join64(iovaHi, iovaLo) + BigInt(bytes) - 1n;
    const lastHi = hi32(last);
    const lastLo = lo32(last);
    // One large range costs as much as a small one, unless a hypervisor shadows the tables: it then walks all of the range.
    if (this.#npCache && gather.mustSyncBefore(iovaHi, iovaLo, lastHi, lastLo, gather.pageShift))
      this.syncUnmap(gather);
    gather.add(iovaHi, iovaLo, lastHi, lastLo, pageShift);
    return bytes;
  }

  syncMap(startHi: number, startLo: number, lastHi: number, lastLo: number): void {
    if (this.#npCache) this.#host.flushRange(this, join64(startHi, startLo), join64(lastHi, lastLo));
  }

  syncUnmap(gather: IotlbGather): void {
    if (!gather.empty) {
      this.#host.flushRange(this, join64(gather.startHi, gather.startLo), join64(gather.lastHi, gather.lastLo));
    }
    this.#table.releaseGathered(gather);
    gather.reset();
  }

  flushAll(): void {
    this.#host.flushRange(this, this.aperture.start, this.aperture.last);
  }

  iovaToPhys(iovaHi: number, iovaLo: number): boolean {
    return this.#table.iovaToPhys(iovaHi, iovaLo);
  }

  get foundPaHi(): number {
    return this.#table.foundPaHi;
  }

  get foundPaLo(): number {
    return this.#table.foundPaLo;
  }

  /** Leaves always have FC. */
  enforceCacheCoherency(): boolean {
    return true;
  }

  free(): void {
    this.#host.release(this);
    this.#table.free();
  }

  #rootChanged(): void {
    this.#host.updateDevices(this);
    this.flushAll();
  }

  #dirtyOps(): DomainDirtyOps {
    return {
      setTracking: (enabled) => {
        if (enabled !== this.isTracking) {
          this.isTracking = enabled;
          this.#host.updateDevices(this);
          this.flushAll();
        }
        return 0;
      },
      readAndClear: (iovaHi, iovaLo, bytes, flags, sink, gather) =>
        this.#readDirty(iovaHi, iovaLo, bytes, flags, sink, gather),
    };
  }

  #readDirty(
    iovaHi: number,
    iovaLo: number,
    bytes: number,
    flags: number,
    sink: DirtySink | null,
    gather: IotlbGather,
  ): number {
    if (!this.isTracking && sink !== null) return Errno.EINVAL;
    const isCleaned = this.#table.readAndClearDirty(iovaHi, iovaLo, bytes, flags, sink);
    if (isCleaned && (flags & DIRTY_NO_CLEAR) === 0) gather.addBytes(iovaHi, iovaLo, bytes, 12);
    return 0;
  }
}
