/** Granularity of the oracle, bytes: everything that a test asks for is a multiple. */
export const CELL = 512;
const CELLS_PER_PAGE = 4096 / CELL;
const HUGE_CELLS = 0x20_0000 / CELL;

/** A mapping: IOVA cells `[first, first + cells)` show memory from cell `memory` on. */
export interface FlatArea {
  readonly first: number;
  readonly cells: number;
  readonly memory: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Whether the memory was mapped for writing at first; copies inherit it. */
  readonly pagesWritable: boolean;
}

/** What may be done through a mapping. */
export type Rights = Pick<FlatArea, 'readable' | 'writable'>;
/** errno, or null for success. */
export type Verdict = string | null;

/** What attached devices demand of an IOAS. Numbers are cells. */
export interface DeviceDemands {
  readonly alignment: number;
  /** Ranges that nothing may be mapped in, inclusive. */
  readonly reserved: readonly (readonly [first: number, last: number])[];
}

/**
 * The plainest IOAS there is: a map from each cell of IOVA to the mapping that covers it. It knows no pages, no trees, no domains; whether a call
 * succeeds is decided by looking at cells.
 */
export class FlatIoas {
  readonly cells: Map<number, FlatArea> = new Map();
  allowed: readonly (readonly [first: number, last: number])[] = [];
  /** Devices attached, and kernel accesses that pin. */
  devices = 0;
  pinning = 0;
  readonly #demands: DeviceDemands;

  constructor(demands: DeviceDemands) {
    this.#demands = demands;
  }

  /** Mappings by IOVA. */
  get areas(): readonly FlatArea[] {
    return [...new Set(this.cells.values())].toSorted((a, b) => a.first - b.first);
  }

  get #alignment(): number {
    if (this.pinning > 0) return CELLS_PER_PAGE;
    return this.devices > 0 ? this.#demands.alignment : 1;
  }

  /** Whether a mapping at exactly this place is possible. */
  placeable(first: number, cells: number): Verdict {
    if (cells % this.#alignment !== 0 || first % this.#alignment !== 0) return 'EINVAL';
    if (this.devices > 0 && this.#meets(this.#demands.reserved, first, first + cells - 1)) return 'EINVAL';
    for (let cell = first; cell < first + cells; cell++) if (this.cells.has(cell)) return 'EEXIST';
    return null;
  }

  /** Whether the kernel may have chosen this place. */
  mayChoose(first: number, cells: number): boolean {
    const inside = this.allowed.some(([low, high]) => low <= first && first + cells - 1 <= high);
    return this.placeable(first, cells) === null && (this.allowed.length === 0 || inside);
  }

  /** Why a mapping that leaves its place to the kernel cannot be made; ENOSPC is not foreseen. */
  automatic(memory: number, cells: number): Verdict {
    if (cells % this.#alignment !== 0) return 'EINVAL';
    let alignment = HUGE_CELLS;
    while (alignment / 2 >= cells || memory % alignment !== 0) alignment /= 2;
    return alignment < this.#alignment ? 'EINVAL' : null;
  }

  /** Whether memory can stand behind a mapping that is placed: its offset in the page, the right to write. */
  backed({ memory, pagesWritable }: Pick<FlatArea, 'memory' | 'pagesWritable'>, { writable }: Rights): Verdict {
    if (writable && !pagesWritable) return 'EPERM';
    return (memory % CELLS_PER_PAGE) % this.#alignment === 0 ? null : 'EINVAL';
  }

  /** Whether what a copy is made of can be mapped from `first` on: domains want every piece aligned. */
  fillable(first: number, pieces: readonly FlatArea[]): Verdict {
    if (this.devices === 0) return null;
    const { alignment } = this.#demands;
    let at = first;
    for (const { cells } of pieces) {
      if (at % alignment !== 0 || cells % alignment !== 0) return 'EINVAL';
      at += cells;
    }
    return null;
  }

  add(area: FlatArea): void {
    for (let cell = area.first; cell < area.first + area.cells; cell++) this.cells.set(cell, area);
  }

  /** Removes the mappings of a range; one that sticks out ends it. @returns cells removed, and the verdict */
  remove(first: number, cells: number): { readonly removed: number; readonly verdict: Verdict } {
    let removed = 0;
    for (const area of this.areas) {
      if (area.first + area.cells <= first || area.first >= first + cells) continue;
      if (area.first < first || area.first + area.cells > first + cells) return { removed, verdict: 'ENOENT' };
      for (let cell = area.first; cell < area.first + area.cells; cell++) this.cells.delete(cell);
      removed += area.cells;
    }
    return { removed, verdict: removed === 0 ? 'ENOENT' : null };
  }

  /** What a range shows, piece by piece; undefined when it has a hole. */
  pieces(first: number, cells: number): readonly FlatArea[] | undefined {
    const found: FlatArea[] = [];
    for (let at = first; at < first + cells;) {
      const area = this.cells.get(at);
      if (area === undefined) return undefined;
      const end = Math.min(area.first + area.cells, first + cells);
      found.push({ ...area, first: at, cells: end - at, memory: area.memory + at - area.first });
      at = end;
    }
    return found;
  }

  /** Whether a device may be attached. */
  attachable(): Verdict {
    const { alignment, reserved } = this.#demands;
    const blocked = this.allowed.some(([low, high]) => this.#meets(reserved, low, high));
    const unfit = this.areas.some(({ first, cells }) => this.#meets(reserved, first, first + cells - 1));
    return blocked || unfit || !this.#allAligned(alignment) ? 'EADDRINUSE' : null;
  }

  /** Whether an access that pins may be attached. */
  pinnable(): Verdict {
    return this.#allAligned(CELLS_PER_PAGE) ? null : 'EADDRINUSE';
  }

  /** Whether these ranges may become the allowed ones. */
  allowable(ranges: FlatIoas['allowed']): Verdict {
    if (this.devices === 0) return null;
    return ranges.some(([low, high]) => this.#meets(this.#demands.reserved, low, high)) ? 'EADDRINUSE' : null;
  }

  #allAligned(alignment: number): boolean {
    return this.areas.every(
      ({ first, cells, memory }) =>
        first % alignment === 0 && cells % alignment === 0 && (memory % CELLS_PER_PAGE) % alignment === 0,
    );
  }

  #meets(ranges: DeviceDemands['reserved'], first: number, last: number): boolean {
    return ranges.some(([low, high]) => first <= high && last >= low);
  }
}
