import type { Refusal } from '../errno/index.js';
import type { MemoryBudget } from '../memory/index.js';
import type { Process } from '../process/index.js';
import type { FilledRange } from './filled-range.js';
import type { HeldPages } from './held-pages.js';
import { IntervalTree } from './interval-tree.js';
import { refusals } from './refusals.js';

/** Who pays for pinned pages: the user (locked_vm of `user_struct`) or the process's memory (locked_vm of its mm). */
export type AccountMode = 'user' | 'mm';

/** Bytes charged to the memory budget for one page array: `struct iopt_pages` in its slab. */
const PAGES_BYTES = 192;

/** Where the frame of a page can be found. */
export type PageTier = 'access' | 'domain' | 'origin';

/**
 * The linear array of pages behind a map (Linux: `struct iopt_pages`). However many areas, copies, domains and accesses show a page,
 * it is pinned once and charged once.
 *
 * The frame of a page is looked for where a kernel access keeps it, then in the tables of the domain of an area that shows it, then at
 * the origin, which pins it.
 */
export class Pages {
  /** Areas whose domain holds the frames. */
  readonly filled: IntervalTree<FilledRange> = new IntervalTree();
  /** Frames kept for kernel accesses; null until the first one pins. */
  held: HeldPages | null = null;
  /** Pages pinned. */
  pinned = 0;
  /** Pages of {@link pinned} that are charged; they are equal whenever no call is running. */
  charged = 0;
  /** Result of {@link locate}: last index of the same kind, and the area for 'domain'. */
  runLast = 0;
  runArea: FilledRange | null = null;
  private references = 1;

  /**
   * @param process the process that mapped; its memory is the origin and its RLIMIT_MEMLOCK the limit
   * @param firstPage number of the first page (virtual address / page size)
   * @param count pages
   * @param account null: not limited (CAP_IPC_LOCK)
   */
  private constructor(
    readonly process: Process,
    readonly firstPage: number,
    readonly count: number,
    readonly writable: boolean,
    readonly account: AccountMode | null,
    private readonly budget: MemoryBudget,
  ) {}

  /** A new array with one reference, or null when the budget has no room for it. */
  static create(
    process: Process,
    firstPage: number,
    count: number,
    writable: boolean,
    mode: AccountMode,
    budget: MemoryBudget,
  ): Pages | null {
    if (!budget.charge(PAGES_BYTES)) return null;
    return new Pages(process, firstPage, count, writable, process.capable('ipc_lock') ? null : mode, budget);
  }

  /** An area or a copy uses the array as well. */
  hold(): void {
    this.references++;
  }

  /** Gives one use back; the last one ends the array. */
  drop(): void {
    if (--this.references > 0) return;
    if (this.pinned !== 0 || !this.filled.empty || (this.held !== null && !this.held.empty)) {
      throw new Error('a page array ends with pages in use');
    }
    this.budget.uncharge(PAGES_BYTES);
  }

  /** Uses of the array. */
  get uses(): number {
    return this.references;
  }

  /** Tells where the frame of page `index` is, and in {@link runLast} up to which index (at most `last`) that holds. */
  locate(index: number, last: number): PageTier {
    let end = last;
    const held = this.held;
    if (held !== null) {
      const access = held.accesses.firstIn(index, index);
      if (access !== null) {
        this.runLast = Math.min(end, access.lastIndex);
        return 'access';
      }
      end = Math.min(end, held.accesses.firstIndexAfter(index) - 1);
    }
    if (this.filled.empty) {
      this.runLast = end;
      return 'origin';
    }
    const area = this.filled.firstIn(index, index);
    if (area !== null) {
      this.runLast = Math.min(end, area.lastIndex);
      this.runArea = area;
      return 'domain';
    }
    this.runLast = Math.min(end, this.filled.firstIndexAfter(index) - 1);
    return 'origin';
  }

  /** Charges what is pinned and not charged yet, or gives the difference back. On refusal nothing is charged. */
  settle(): Refusal | null {
    const change = this.pinned - this.charged;
    if (change === 0) return null;
    const { addressSpace, limits } = this.process;
    if (this.account !== null) {
      const payer = this.account === 'user' ? addressSpace.user : addressSpace;
      if (change > 0) {
        const limit = Number(limits.memlock / BigInt(addressSpace.pageSize));
        if (payer.lockedPages + change > limit) {
          return refusals.refusal('MEMLOCK_EXCEEDED', {
            wantedPages: change,
            lockedPages: payer.lockedPages,
            limitPages: limit,
            account: this.account,
          });
        }
      }
      payer.lockedPages += change;
    }
    addressSpace.pinnedPages += change;
    this.charged = this.pinned;
    return null;
  }
}
