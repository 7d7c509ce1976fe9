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
import type { GranuleShift } from '../format/granule.js';
import { stage1Format } from '../format/stage1.js';
import { stage2Format } from '../format/stage2.js';
import { STAGE1_TABLE } from '../layouts/descriptors.js';
import type { DomainShape } from './domain-shape.js';
import { stage1LeafBits, stage2LeafBits } from './leaf-bits.js';

/** What a domain asks of its driver. */
export interface DomainHost {
  /** Invalidates `[start, last]` of a domain and waits. `leafOnly`: no table was unlinked. */
  flushRange(domain: SmmuDomain, start: bigint, last: bigint, pageShift: number, leafOnly: boolean): void;
  /** Invalidates all of a domain and waits. */
  flushDomain(domain: SmmuDomain): void;
  /** Walks snoop the caches of processors (IDR0.COHACC). */
  readonly isCoherent: boolean;
  /** Table memory was written: cache lines are written back where walks do not snoop. */
  flushLines(paHi: number, paLo: number, bytes: number): void;
  release(domain: SmmuDomain): void;
}

/** Page sizes of a granule (Linux keeps to one granule: that of the kernel). */
const PAGE_SIZES: Readonly<Record<GranuleShift, bigint>> = {
  12: (1n << 12n) | (1n << 21n) | (1n << 30n),
  14: (1n << 14n) | (1n << 25n),
  16: (1n << 16n) | (1n << 29n),
};

/** Linux gathers cleaned pages without a size. */
const NO_PAGE_SIZE = 0;

/** Blocks of level 1, which 64K tables have with 52 bits. */
const WIDE_BLOCK = 1n << 42n;

/** A domain as Linux's driver keeps it, on stage 1 or stage 2 tables. */
export class SmmuDomain extends TableDomain implements IommuDomain {
  /** ASID of stage 1, VMID of stage 2. */
  readonly id: number;
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly dirty: DomainDirtyOps | undefined;
  readonly shape: DomainShape;
  readonly #host: DomainHost;
  protected readonly table: RadixTable;
  readonly #mapGather = new IotlbGather();

  private constructor(
    id: number,
    host: DomainHost,
    shape: DomainShape,
    isTracked: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ) {
    super();
    const { granule, inputBits } = shape;
    this.id = id;
    this.shape = shape;
    this.#host = host;
    const wide = shape.outputBits === 52;
    this.pageSizes = PAGE_SIZES[granule] | (wide ? WIDE_BLOCK : 0n);
    this.aperture = { start: 0n, last: (1n << BigInt(inputBits)) - 1n };
    this.dirty = isTracked ? this.#dirtyOps() : undefined;
    this.table = new RadixTable({
      memory,
      frames,
      format:
        shape.stage === 1
          ? stage1Format({ granule, wide, hierarchyDisabled: false, singlePrivilege: false })
          : stage2Format({ granule, wide }),
      inputBits,
      levels: shape.levels,
      leafBits: (prot) => (shape.stage === 1 ? stage1LeafBits(prot, isTracked) : stage2LeafBits(prot)),
      tableBits: STAGE1_TABLE.encode({ VALID: 1 }),
      overwrite: 'refuse',
      partialUnmap: 'split',
      unlink: 'page',
      observer: {
        ...(!host.isCoherent && { written: (paHi, paLo, bytes) => host.flushLines(paHi, paLo, bytes) }),
        unlinked: (iovaHi, iovaLo, shift) => this.#flushWalk(join64(iovaHi, iovaLo), shift),
      },
    });
  }

  /** @returns the domain, or ENOMEM */
  static make(
    id: number,
    host: DomainHost,
    shape: DomainShape,
    isTracked: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ): SmmuDomain | number {
    const domain = new SmmuDomain(id, host, shape, isTracked, memory, frames);
    const { levels, rootHi, rootLo } = domain.table;
    if (levels === 0) return Errno.ENOMEM;
    // Nothing is written to the root before its first entry, but it was zeroed.
    const rootBits = shape.inputBits - shape.granule - (levels - 1) * (shape.granule - 3) + 3;
    host.flushLines(rootHi, rootLo, 2 ** Math.max(rootBits, shape.granule));
    return domain;
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
    const errno = this.table.mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot, gather);
    this.table.releaseGathered(gather);
    return errno;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const bytes = this.table.unmapPages(iovaHi, iovaLo, pageShift, count, gather);
    if (bytes === 0) return 0;
    if (gather.mustSyncBeforeBytes(iovaHi, iovaLo, bytes, pageShift)) this.syncUnmap(gather);
    gather.addBytes(iovaHi, iovaLo, bytes, pageShift);
    return bytes;
  }

  syncMap(): void {}

  syncUnmap(gather: IotlbGather): void {
    // Linux invalidates nothing when no page size was gathered, which is so after clean bits were written.
    if (!gather.empty && gather.pageShift !== 0) {
      const start = join64(gather.startHi, gather.startLo);
      this.#host.flushRange(this, start, join64(gather.lastHi, gather.lastLo), gather.pageShift, true);
    }
    this.table.releaseGathered(gather);
    gather.reset();
  }

  flushAll(): void {
    this.#host.flushDomain(this);
  }

  /** A domain that is allocated for a device is finished, so it is too late to change its stage (`arm_smmu_enable_nesting`). */
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
    this.table.free();
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
        this.readDirty(iovaHi, iovaLo, bytes, flags, sink, gather, NO_PAGE_SIZE),
    };
  }
}
