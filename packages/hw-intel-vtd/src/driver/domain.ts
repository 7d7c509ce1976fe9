import {
  Errno,
  FRAME_BYTES,
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
import { secondStageFormat } from '../format/second-stage.js';
import { SS_LEAF_ENTRY, SS_TABLE_ENTRY } from '../layouts/page-table-entries.js';
import { CacheTags } from './cache-tags.js';
import type { LineFlush } from './structure-tables.js';

/** What a domain asks of its driver. */
export interface DomainHost {
  /** Table memory was written: cache lines are written back. Null: every unit's walks snoop. */
  readonly flushLines: LineFlush | null;
  /** Switches dirty tracking of everything that uses the domain, also of domains that are nested on it. */
  setTracking(domain: SecondStageDomain, enabled: boolean): void;
}

/** What the units that the domain is for can do. */
export interface SecondStageTraits {
  readonly levels: number;
  /** Bits of an IOVA: what the table translates, or less (MGAW). */
  readonly addressWidth: number;
  readonly hostAddressWidth: number;
  readonly superpage2M: boolean;
  readonly superpage1G: boolean;
  readonly snoopControl: boolean;
}

/** How a domain was asked for. */
export interface SecondStageUse {
  readonly isTracked: boolean;
  /** User domains are nested on it. */
  readonly isNestParent: boolean;
}

const SIZE_4K = 1n << 12n;
const SIZE_2M = 1n << 21n;
const SIZE_1G = 1n << 30n;
/** Where the engine's table of leaf bits keeps whether leaves are snooped: Linux's driver looks at no right but these two. */
const SNOOPED = Prot.CACHE;

/** A domain on second-stage tables as Linux's driver keeps it. */
export class SecondStageDomain extends TableDomain implements IommuDomain {
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly dirty: DomainDirtyOps | undefined;
  readonly traits: SecondStageTraits;
  readonly tags: CacheTags = new CacheTags(false);
  readonly isNestParent: boolean;
  /** Leaves have SNP: no-snoop requests are snooped. */
  isSnooped = false;
  readonly #host: DomainHost;
  protected readonly table: RadixTable;
  readonly #mapGather = new IotlbGather();
  #hasMappings = false;
  /** Bytes of each call that the current gather holds: Linux takes that for the page size. */
  #gatheredBytes = 0;

  private constructor(
    host: DomainHost,
    traits: SecondStageTraits,
    use: SecondStageUse,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ) {
    super();
    const { levels, addressWidth, superpage2M, superpage1G } = traits;
    this.#host = host;
    this.traits = traits;
    this.isNestParent = use.isNestParent;
    const { flushLines } = host;
    this.pageSizes = SIZE_4K | (superpage2M ? SIZE_2M : 0n) | (superpage1G ? SIZE_1G : 0n);
    this.aperture = { start: 0n, last: (1n << BigInt(addressWidth)) - 1n };
    this.dirty = use.isTracked ? this.switchedTracking((enabled) => this.#host.setTracking(this, enabled)) : undefined;
    this.table = new RadixTable({
      memory,
      frames,
      format: secondStageFormat({ ...traits, deviceTlb: false, execute: false }),
      inputBits: 12 + 9 * levels,
      levels,
      leafBits: (prot) => leafBits(prot, use.isNestParent),
      tableBits: SS_TABLE_ENTRY.encode({ R: 1, W: 1 }),
      overwrite: 'refuse',
      partialUnmap: 'whole',
      unlink: 'range',
      observer: flushLines === null ? null : { written: flushLines },
    });
    if (flushLines !== null && this.table.levels > 0) flushLines(this.table.rootHi, this.table.rootLo, FRAME_BYTES);
  }

  /** @returns the domain, or ENOMEM */
  static make(
    host: DomainHost,
    traits: SecondStageTraits,
    use: SecondStageUse,
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ): SecondStageDomain | number {
    const domain = new SecondStageDomain(host, traits, use, memory, frames);
    return domain.table.levels === 0 ? Errno.ENOMEM : domain;
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
    const used = (prot & (Prot.READ | Prot.WRITE)) | (this.isSnooped ? SNOOPED : 0);
    this.#hasMappings = true;
    const errno = this.table.mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, used, gather);
    if (gather.freelist.length > 0) {
      // A page took the place of a table: caches may hold the way through it.
      const start = join64(iovaHi, iovaLo);
      this.tags.flushRange(start, start + (BigInt(count) << BigInt(pageShift)) - 1n, false);
      this.table.releaseGathered(gather);
      gather.reset();
    }
    return errno;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const { freelist } = gather;
    const gathered = freelist.length;
    const bytes = this.table.unmapPages(iovaHi, iovaLo, pageShift, count, gather);
    if (bytes === 0) return 0;
    const isOther = !gather.empty && this.#gatheredBytes !== bytes;
    if (isOther || gather.mustSyncBeforeBytes(iovaHi, iovaLo, bytes, gather.pageShift)) {
      // Tables of this call are still in caches: they wait for the next invalidation, which covers them.
      const fresh = freelist.splice(gathered);
      this.syncUnmap(gather);
      freelist.push(...fresh);
    }
    this.#gatheredBytes = bytes;
    gather.addBytes(iovaHi, iovaLo, bytes, pageShift);
    return bytes;
  }

  syncMap(startHi: number, startLo: number, lastHi: number, lastLo: number): void {
    this.tags.flushMapped(join64(startHi, startLo), join64(lastHi, lastLo));
  }

  syncUnmap(gather: IotlbGather): void {
    if (!gather.empty && !this.tags.isEmpty) {
      const start = join64(gather.startHi, gather.startLo);
      this.tags.flushRange(start, join64(gather.lastHi, gather.lastLo), gather.freelist.length === 0);
    }
    this.table.releaseGathered(gather);
    gather.reset();
  }

  flushAll(): void {
    this.tags.flushAll();
  }

  /** SNP in every leaf from now on; too late when there are mappings. */
  enforceCacheCoherency(): boolean {
    if (!this.isSnooped && this.traits.snoopControl && !this.#hasMappings) this.isSnooped = true;
    return this.isSnooped;
  }

  free(): void {
    this.table.free();
  }
}

/**
 * Linux 6.12 sets bit 0 in every leaf, so a write-only mapping can be read as well. A read-only page below a nested domain would meet
 * erratum 772415 and is refused.
 */
function leafBits(prot: number, isNestParent: boolean): bigint | undefined {
  const W = (prot & Prot.WRITE) !== 0;
  if (!W && (isNestParent || (prot & Prot.READ) === 0)) return undefined;
  return SS_LEAF_ENTRY.encode({ R: 1, W, SNP: (prot & SNOOPED) !== 0 });
}
