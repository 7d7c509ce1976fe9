import type { FrameAllocator, PhysicalMemory } from '../memory/index.js';
import type { PageTableFormat } from './format.js';

/** What a driver wants to know about writes to its tables; each is absent where it needs nothing of it. */
export interface TableWriteObserver {
  /**
   * `[pa, pa + bytes)` was written: a driver of a non-coherent unit flushes these lines before it goes on. Absent, pages are mapped and unmapped
   * by a shorter way.
   */
  written?(paHi: number, paLo: number, bytes: number): void;
  /** The table that translated 2^shift bytes at `iova` was unlinked; its frames are in the gather. */
  unlinked?(iovaHi: number, iovaLo: number, shift: number): void;
  /** The table has a new root and one level more: rewrite the structures that point to it. */
  rootChanged?(): void;
}

/** Facts of one driver as data: what it writes besides addresses, and what it does in the cases where drivers differ. */
export interface RadixTableOptions {
  readonly memory: PhysicalMemory;
  /** Frames for tables; they must lie in the memory's arena. */
  readonly frames: FrameAllocator;
  readonly format: PageTableFormat;
  /** IOVA bits of a new table; the engine's driver side maps the low half only (`region: 'low'`). */
  readonly inputBits: number;
  /** Levels of a new table. Default: as few as translate `inputBits`. */
  readonly levels?: number;
  /** Bits of a leaf besides address and kind, for each OR of `Prot` bits (0 to 63); undefined: map answers EINVAL. */
  readonly leafBits: (prot: number) => bigint | undefined;
  /** Bits of a link besides address and kind. */
  readonly tableBits: bigint;
  /** A leaf where a page is mapped: `refuse` answers EEXIST, `replace` overwrites it. Default `refuse`. */
  readonly overwrite?: 'refuse' | 'replace';
  /**
   * An unmap that hits a larger leaf: takes all of it (`whole`), or replaces it by a table without the hole (`split`, which
   * allocates). Default `whole`.
   */
  readonly partialUnmap?: 'whole' | 'split';
  /**
   * Which tables an unmap unlinks: `range` those that the whole call covers (VT-d), `page` those that one page of the call covers
   * (Arm), `keep` none (AMD). Their contents stay as they are. Default `range`.
   */
  readonly unlink?: 'range' | 'page' | 'keep';
  /** The root grows by a level when an IOVA or a page does not fit (AMD). Default false. */
  readonly growingRoot?: boolean;
  readonly observer?: TableWriteObserver | null;
}
