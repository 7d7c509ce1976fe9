import {
  Errno,
  IotlbGather,
  join64,
  Prot,
  RadixTable,
  TableDomain,
  type DomainDirtyOps,
  type FrameAllocator,
  type IommuDomain,
  type PhysicalMemory,
  type Range64,
} from '@ioasis/core';
import { firstStageFormat, inputBits, type StageLevels } from '../format/first-stage.js';
import { PTE } from '../layouts/page-table-entry.js';

/** What a domain asks of its driver. */
export interface DomainHost {
  /** Invalidates `[start, last]` of a domain and waits. */
  flushRange(domain: FirstStageDomain, start: bigint, last: bigint): void;
  /** Invalidates all of a domain and waits. */
  flushDomain(domain: FirstStageDomain): void;
  release(domain: FirstStageDomain): void;
}

const PAGE_SHIFTS = [12, 21, 30, 39, 48];

/**
 * Bits of a leaf. A page that can be written can be read: R clear with W set is no page. Where the unit does not set A and D, they are set
 * from the start.
 */
function leafBits(prot: number, isTracked: boolean): bigint | undefined {
  if ((prot & (Prot.READ | Prot.WRITE)) === 0) return undefined;
  const W = (prot & Prot.WRITE) !== 0;
  return PTE.encode({ V: 1, R: 1, W, U: 1, A: 1, D: W && !isTracked });
}

/** A domain on first-stage tables. */
export class FirstStageDomain extends TableDomain implements IommuDomain {
  readonly pscid: number;
  readonly levels: StageLevels;
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly dirty: DomainDirtyOps | undefined;
  readonly #host: DomainHost;
  protected readonly table: RadixTable;
  readonly #replaced = new IotlbGather();

  private constructor(
    pscid: number,
    host: DomainHost,
    levels: StageLevels,
    isTracked: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ) {
    super();
    this.pscid = pscid;
    this.levels = levels;
    this.#host = host;
    this.pageSizes = PAGE_SHIFTS.slice(0, levels).reduce((sizes, shift) => sizes | (1n << BigInt(shift)), 0n);
    // The highest bit repeats upwards: the lower half is what begins with 0.
    this.aperture = { start: 0n, last: (1n << BigInt(inputBits(levels) - 1)) - 1n };
    // The unit sets D in tables of such a domain at all times; tracking is whether somebody asks.
    this.dirty = isTracked ? this.switchedTracking(() => undefined) : undefined;
    this.table = new RadixTable({
      memory,
      frames,
      format: firstStageFormat(isTracked),
      inputBits: inputBits(levels),
      levels,
      leafBits: (prot) => leafBits(prot, isTracked),
      tableBits: PTE.encode({ V: 1 }),
      unlink: 'keep',
    });
  }

  /** @returns the domain, or ENOMEM */
  static make(
    pscid: number,
    host: DomainHost,
    levels: StageLevels,
    isTracked: boolean,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ): FirstStageDomain | number {
    const domain = new FirstStageDomain(pscid, host, levels, isTracked, memory, frames);
    return domain.table.levels === 0 ? Errno.ENOMEM : domain;
  }

  mapPages(hi: number, lo: number, paHi: number, paLo: number, pageShift: number, count: number, prot: number): number {
    const errno = this.table.mapPages(hi, lo, paHi, paLo, pageShift, count, prot, this.#replaced);
    if (this.#replaced.freelist.length > 0) {
      // A page took the place of an empty table: out of caches first, then free.
      this.flushAll();
      this.table.releaseGathered(this.#replaced);
    }
    return errno;
  }

  unmapPages(hi: number, lo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const bytes = this.table.unmapPages(hi, lo, pageShift, count, gather);
    if (bytes > 0) gather.addBytes(hi, lo, bytes, pageShift);
    return bytes;
  }

  /** Nothing: entries that are not valid are not cached. */
  syncMap(): void {}

  syncUnmap(gather: IotlbGather): void {
    if (!gather.empty) {
      this.#host.flushRange(this, join64(gather.startHi, gather.startLo), join64(gather.lastHi, gather.lastLo));
    }
    this.table.releaseGathered(gather);
    gather.reset();
  }

  flushAll(): void {
    this.#host.flushDomain(this);
  }

  enforceCacheCoherency(): boolean {
    return false;
  }

  free(): void {
    this.#host.release(this);
    this.table.free();
  }
}
