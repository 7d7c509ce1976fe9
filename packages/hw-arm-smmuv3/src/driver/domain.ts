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
import type { GranuleShift } from '../format/granule.js';
import { stage1Format } from '../format/stage1.js';
import { STAGE1_LEAF, STAGE1_TABLE } from '../layouts/descriptors.js';

/** What a domain asks of its driver. */
export interface DomainHost {
  /** Invalidates `[start, last]` of a domain and waits. `leafOnly`: no table was unlinked. */
  flushRange(domain: Stage1Domain, start: bigint, last: bigint, pageShift: number, leafOnly: boolean): void;
  /** Invalidates all of a domain and waits. */
  flushDomain(domain: Stage1Domain): void;
  /** Table memory was written: cache lines are written back where walks do not snoop. */
  flushLines(paHi: number, paLo: number, bytes: number): void;
  release(domain: Stage1Domain): void;
}

/** Shape of stage 1 tables: what granule, unit and kernel decide. */
export interface Stage1Shape {
  readonly granule: GranuleShift;
  /** Bits of an input address, 48 on Linux with 4K pages. */
  readonly inputBits: number;
  /** Bits of an output address. */
  readonly outputBits: number;
}

/** MAIR indexes that Linux uses: normal non-cacheable, normal write-back, device. */
const ATTRIBUTE = { NON_CACHEABLE: 0, WRITE_BACK: 1, DEVICE: 2 } as const;
/** SH: outer shareable, inner shareable. */
const OUTER = 2;
const INNER = 3;

/** Page sizes of a granule (Linux keeps to one granule: that of the kernel). */
const PAGE_SIZES: Readonly<Record<GranuleShift, bigint>> = {
  12: (1n << 12n) | (1n << 21n) | (1n << 30n),
  14: (1n << 14n) | (1n << 25n),
  16: (1n << 16n) | (1n << 29n),
};

/** Bits of a leaf. There is no "no read": a write-only mapping can be read. */
function leafBits(prot: number, isTracked: boolean): bigint | undefined {
  if ((prot & (Prot.READ | Prot.WRITE)) === 0) return undefined;
  const isWritable = (prot & Prot.WRITE) !== 0;
  const isCached = (prot & Prot.CACHE) !== 0 && (prot & Prot.MMIO) === 0;
  const isNoExec = (prot & Prot.NOEXEC) !== 0;
  return STAGE1_LEAF.encode({
    VALID: 1,
    NG: 1,
    AF: 1,
    SH: isCached ? INNER : OUTER,
    AP1: (prot & Prot.PRIV) === 0,
    AP2: !isWritable,
    DBM: isWritable && isTracked,
    ATTR: (prot & Prot.MMIO) !== 0 ? ATTRIBUTE.DEVICE : isCached ? ATTRIBUTE.WRITE_BACK : ATTRIBUTE.NON_CACHEABLE,
    UXN: isNoExec,
    PXN: isNoExec,
  });
}

/** A domain on stage 1 tables as Linux's driver keeps it. */
export class Stage1Domain implements IommuDomain {
  readonly asid: number;
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly dirty: DomainDirtyOps | undefined;
  readonly shape: Stage1Shape;
  readonly #host: DomainHost;
  readonly #table: RadixTable;
  readonly #mapGather = new IotlbGather();

  private constructor(
    asid: number,
    host: DomainHost,
    shape: Stage1Shape,
    isTracked: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ) {
    const { granule, inputBits } = shape;
    this.asid = asid;
    this.shape = shape;
    this.#host = host;
    this.pageSizes = PAGE_SIZES[granule];
    this.aperture = { start: 0n, last: (1n << BigInt(inputBits)) - 1n };
    this.dirty = isTracked ? this.#dirtyOps() : undefined;
    this.#table = new RadixTable({
      memory,
      frames,
      format: stage1Format({ granule, wide: false, hierarchyDisabled: false, singlePrivilege: false }),
      inputBits,
      leafBits: (prot) => leafBits(prot, isTracked),
      tableBits: STAGE1_TABLE.encode({ VALID: 1 }),
      overwrite: 'refuse',
      partialUnmap: 'split',
      unlink: 'page',
      observer: {
        written: (paHi, paLo, bytes) => host.flushLines(paHi, paLo, bytes),
        unlinked: (iovaHi, iovaLo, shift) => this.#flushWalk(join64(iovaHi, iovaLo), shift),
        rootChanged: () => undefined,
      },
    });
  }

  /** @returns the domain, or ENOMEM */
  static make(
    asid: number,
    host: DomainHost,
    shape: Stage1Shape,
    isTracked: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ): Stage1Domain | number {
    const domain = new Stage1Domain(asid, host, shape, isTracked, memory, frames);
    const { levels, rootHi, rootLo } = domain.#table;
    if (levels === 0) return Errno.ENOMEM;
    // Nothing is written to the root before its first entry, but it was zeroed.
    host.flushLines(rootHi, rootLo, 1 << shape.granule);
    return domain;
  }

  /** Root table, bytes. */
  get root(): bigint {
    return join64(this.#table.rootHi, this.#table.rootLo);
  }

  get mappedPages(): number {
    return this.#table.mappedPages;
  }

  /** No invalidation: the architecture never caches what is not there. */
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
    const errno = this.#table.mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot, gather);
    this.#table.releaseGathered(gather);
    return errno;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const bytes = this.#table.unmapPages(iovaHi, iovaLo, pageShift, count, gather);
    if (bytes === 0) return 0;
    const last = join64(iovaHi, iovaLo) + BigInt(bytes) - 1n;
    const lastHi = hi32(last);
    const lastLo = lo32(last);
    if (gather.mustSyncBefore(iovaHi, iovaLo, lastHi, lastLo, pageShift)) this.syncUnmap(gather);
    gather.add(iovaHi, iovaLo, lastHi, lastLo, pageShift);
    return bytes;
  }

  syncMap(): void {}

  syncUnmap(gather: IotlbGather): void {
    // Linux invalidates nothing when no page size was gathered, which is so after clean bits were written.
    if (!gather.empty && gather.pageShift !== 0) {
      const start = join64(gather.startHi, gather.startLo);
      this.#host.flushRange(this, start, join64(gather.lastHi, gather.lastLo), gather.pageShift, true);
    }
    this.#table.releaseGathered(gather);
    gather.reset();
  }

  flushAll(): void {
    this.#host.flushDomain(this);
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

  /** A domain that is allocated for a device is finished, so it is too late to make it a stage 2 (`arm_smmu_enable_nesting`). */
  enableNesting(): number {
    return Errno.EPERM;
  }

  /** Linux 6.12 does not know how on this unit. */
  enforceCacheCoherency(): boolean {
    return false;
  }

  free(): void {
    this.flushAll();
    this.#host.release(this);
    this.#table.free();
  }

  /** A table left: walks in flight must not come back to it, so this cannot wait for the end of the unmap. */
  #flushWalk(start: bigint, shift: number): void {
    this.#host.flushRange(this, start, start + (1n << BigInt(shift)) - 1n, this.shape.granule, false);
  }

  #dirtyOps(): DomainDirtyOps {
    return {
      // The hardware always tracks in such a domain; a snapshot starts with clean pages.
      setTracking: () => 0,
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
    const isCleaned = this.#table.readAndClearDirty(iovaHi, iovaLo, bytes, flags, sink);
    if (isCleaned && (flags & DIRTY_NO_CLEAR) === 0) gather.addBytes(iovaHi, iovaLo, bytes, 0);
    return 0;
  }
}
