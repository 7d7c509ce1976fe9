import type { Range64 } from '../bits/index.js';
import type { RunMapper } from '../domain/map-run.js';
import { FRAME_BYTES, type FailureSource, type MemoryBudget } from '../memory/index.js';
import { AreaTree } from './area-tree.js';
import type { Area } from './area.js';
import { AutomaticIova } from './automatic-iova.js';
import { KEY_BYTES } from './iova-key.js';
import { PageReader } from './page-reader.js';
import { ReservedRanges } from './reserved-ranges.js';
import { RunBatch } from './run-batch.js';

/** What an {@link IoPageTable} is made with. */
export interface IoPageTableOptions {
  /** PAGE_SIZE of the machine, bytes: 4096, 16384 or 65536. */
  readonly pageSize: number;
  /** Alignment up to which an automatic IOVA follows the memory's: HPAGE_SIZE with transparent huge pages, else PAGE_SIZE. Bytes. */
  readonly hugePageSize: number;
  /** Pays for areas and page arrays. */
  readonly budget: MemoryBudget;
  readonly failure: FailureSource | null;
  /** Temporary memory of one batch of frames, bytes; 64 KiB unless given. Batches decide how map calls are cut. */
  readonly tempMemory?: TempMemory;
}

/** Memory that a batch of frames may take. It is looked at whenever a batch begins, so that lowering it counts at once. */
export interface TempMemory {
  /** Bytes; at least one run of a batch (12). */
  limit: number;
}

/** A part of the kernel that reaches memory through the table without DMA. */
export interface TableAccess {
  /** Whether it pins pages; then IOVAs are page-aligned while it is attached. */
  readonly pinsPages: boolean;
  /** An area goes away: what is pinned in `[iova, iova + length)` must be unpinned before this returns. Bytes. */
  unmap(iova: bigint, length: bigint): void;
}

/** Bytes charged for one area: `struct iopt_area` in its slab. */
export const AREA_BYTES = 192;

/** Bytes charged for a reserved and for an allowed range: `struct iopt_reserved`, `struct iopt_allowed`, each in kmalloc-64. */
export const RANGE_BYTES = 64;

const TEMP_MEMORY_BYTES = 0x1_0000;

/** The data of one IO page table, shared by the files of this room; the calls that change it are theirs. */
export class TableState {
  readonly pageSize: number;
  readonly budget: MemoryBudget;
  readonly failure: FailureSource | null;
  private readonly tempMemory: TempMemory;
  readonly areas: AreaTree = new AreaTree();
  readonly reserved: ReservedRanges = new ReservedRanges();
  /** IOVAs that may not become reserved, and where automatic IOVAs come from; empty: everywhere. */
  allowed: readonly Range64[] = [];
  readonly automatic: AutomaticIova;
  /** Attached domains; the first one keeps the frames of new areas. */
  readonly mappers: RunMapper[] = [];
  /** Attached accesses by number; the lowest free number is given out. */
  readonly accesses: (TableAccess | undefined)[] = [];
  /** Bytes, a power of two: IOVA, length and offset in the page of every area are multiples. */
  alignment = 1;
  largePagesDisabled = false;
  readonly reader: PageReader;
  readonly unfillBatch: RunBatch;
  /** Broken rules of drivers and callers (what Linux would WARN about), one sentence each. */
  readonly warnings: string[] = [];
  /** What the current or last unmap took away: key pages, and bytes beside them. */
  private unmappedPages = 0;
  private unmappedRest = 0;

  constructor({
    pageSize,
    hugePageSize,
    budget,
    failure,
    tempMemory = { limit: TEMP_MEMORY_BYTES },
  }: IoPageTableOptions) {
    this.pageSize = pageSize;
    this.budget = budget;
    this.failure = failure;
    this.tempMemory = tempMemory;
    this.automatic = new AutomaticIova(this.areas, pageSize, hugePageSize);
    const framesPerPage = pageSize / FRAME_BYTES;
    this.reader = new PageReader(failure, framesPerPage);
    this.unfillBatch = new RunBatch(framesPerPage);
  }

  /** Bytes of memory for a batch that begins now. */
  get tempMemoryLimit(): number {
    return this.tempMemory.limit;
  }

  /** True when this allocation fails: the budget has no room, or a failure is injected. On false the bytes are charged. */
  lacksMemory(bytes: number): boolean {
    return (this.failure !== null && this.failure.fails('allocate')) || !this.budget.charge(bytes);
  }

  /** Takes an area out of the IOVA space and gives its memory back. */
  removeArea(area: Area): void {
    this.areas.remove(area);
    this.budget.uncharge(AREA_BYTES);
  }

  /** Bytes that the current or last unmap took away, modulo 2^64. */
  get unmappedBytes(): bigint {
    return BigInt.asUintN(64, BigInt(this.unmappedPages) * BigInt(KEY_BYTES) + BigInt(this.unmappedRest));
  }

  forgetUnmapped(): void {
    this.unmappedPages = 0;
    this.unmappedRest = 0;
  }

  countUnmapped(area: Area): void {
    this.unmappedPages += area.lastPage - area.startPage;
    this.unmappedRest += area.lastByte - area.startByte + 1;
  }

  warn(rule: string): void {
    this.warnings.push(rule);
  }
}
