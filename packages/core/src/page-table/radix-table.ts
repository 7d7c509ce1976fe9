import type { DirtySink } from '../domain/iommu-domain.js';
import type { IotlbGather } from '../domain/iotlb-gather.js';
import type { FrameAllocator, PhysicalMemory } from '../memory/index.js';
import type { PageTableFormat } from './format.js';

/** What a driver wants to know about writes to its tables. Not called on paths of a driver that has none. */
export interface TableWriteObserver {
  /** `[pa, pa + bytes)` was written: a driver of a non-coherent unit flushes these lines before it goes on. */
  written(paHi: number, paLo: number, bytes: number): void;
  /** A table that translated 2^shift bytes at `iova` was unlinked; its frames are in a gather. */
  unlinked(iovaHi: number, iovaLo: number, shift: number): void;
  /** The table has a new root and one level more: rewrite the structures that point to it. */
  rootChanged(): void;
}

/** Facts of one driver as data: what it writes besides addresses, and what it does in the cases where drivers differ. */
export interface RadixTableOptions {
  readonly memory: PhysicalMemory;
  /** Frames for tables; they must lie in the memory's arena. */
  readonly frames: FrameAllocator;
  readonly format: PageTableFormat;
  /** IOVA bits of a new table. */
  readonly inputBits: number;
  /** Levels of a new table. Default: as few as translate `inputBits`. */
  readonly levels?: number;
  /** Bits of a leaf besides address and kind, for each OR of `Prot` bits (0 to 63); undefined: map answers EINVAL. */
  readonly leafBits: (prot: number) => bigint | undefined;
  /** Bits of a link besides address and kind. */
  readonly tableBits: bigint;
  /** A leaf where a page is mapped: `refuse` answers EEXIST, `replace` overwrites it. Default `refuse`. */
  readonly overwrite?: 'refuse' | 'replace';
  /** An unmap that hits a larger leaf: takes all of it (`whole`), or replaces it by a table first (`split`). Default `whole`. */
  readonly partialUnmap?: 'whole' | 'split';
  /**
   * Which tables an unmap unlinks: `range` those that the whole call covers (VT-d), `page` those that one page of the call covers
   * (Arm), `keep` none (AMD). Their contents stay as they are. Default `range`.
   */
  readonly unlink?: 'range' | 'page' | 'keep';
  /** The root grows by a level when an IOVA does not fit (AMD). Default false. */
  readonly growingRoot?: boolean;
  readonly observer?: TableWriteObserver | null;
}

/**
 * The software side of a page table. Methods take (hi, lo) words and answer 0 or an errno number, as `IommuDomain` does; a domain
 * of a driver forwards to this and adds its invalidations. One hidden class for all vendors.
 */
export class RadixTable {
  /** Address of the root table; changes only when the root grows. */
  rootHi = 0;
  rootLo = 0;
  /** Levels in use. */
  levels = 0;
  /** Pages mapped by the last {@link mapPages}, exact also after an error. */
  mappedPages = 0;
  /** True when the last {@link mapPages} replaced a present entry: caches may hold it. */
  replaced = false;
  /** After {@link iovaToPhys} returned true. */
  foundPaHi = 0;
  foundPaLo = 0;
  foundShift = 0;

  /** Allocates the root; throws RangeError for a wrong format. When there is no frame, {@link levels} stays 0. */
  constructor(_options: RadixTableOptions) {
    throw new Error('not yet');
  }

  /**
   * Maps `count` pages of 2^pageShift bytes; addresses are multiples of the page size. Tables are filled before they are linked.
   * Tables that a page replaces go to `gather` with their frames.
   * @returns 0, ENOMEM, EEXIST or EINVAL (prot or page size that the driver does not write, address outside of the table)
   */
  mapPages(
    _iovaHi: number,
    _iovaLo: number,
    _paHi: number,
    _paLo: number,
    _pageShift: number,
    _count: number,
    _prot: number,
    _gather: IotlbGather,
  ): number {
    throw new Error('not yet');
  }

  /**
   * Unmaps up to `count` pages and stops at a hole. Frames of unlinked tables go to the gather's freelist; the gathered range is
   * the caller's to keep.
   * @returns bytes unmapped
   */
  unmapPages(_iovaHi: number, _iovaLo: number, _pageShift: number, _count: number, _gather: IotlbGather): number {
    throw new Error('not yet');
  }

  /** Frees the frames of a gather's freelist; the invalidation has completed. */
  releaseGathered(_gather: IotlbGather): void {
    throw new Error('not yet');
  }

  /** Looks an address up in the tables. */
  iovaToPhys(_iovaHi: number, _iovaLo: number): boolean {
    throw new Error('not yet');
  }

  /**
   * Reports dirty leaves in `[iova, iova + bytes)` in ascending order, neighbours merged, and cleans them unless `DIRTY_NO_CLEAR`.
   * @returns true when a leaf was cleaned: caches hold it as dirty
   */
  readAndClearDirty(_iovaHi: number, _iovaLo: number, _bytes: number, _flags: number, _sink: DirtySink | null): boolean {
    throw new Error('not yet');
  }

  /** Frees all tables, the root too. */
  free(): void {
    throw new Error('not yet');
  }
}
