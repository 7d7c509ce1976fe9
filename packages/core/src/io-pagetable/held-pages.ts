import { IndexInterval, IntervalTree } from './interval-tree.js';

/** Pages `[firstIndex, lastIndex]` that accesses pinned by exactly this range, and how often. */
export class AccessRange extends IndexInterval {
  users = 1;

  constructor(
    readonly firstIndex: number,
    readonly lastIndex: number,
  ) {
    super();
  }
}

/** What kernel accesses keep of one page array: their ranges and, sparsely, the frames (Linux: `access_itree`, `pinned_pfns`). */
export class HeldPages {
  readonly accesses: IntervalTree<AccessRange> = new IntervalTree();
  /** First frame by page index; present exactly for the pages that some range covers. */
  readonly frames: Map<number, number> = new Map();

  get empty(): boolean {
    return this.accesses.empty && this.frames.size === 0;
  }
}
