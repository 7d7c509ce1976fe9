/** A page of memory that several processes may map: bytes of a file, named by the kernel's device and inode numbers. */
export interface SharedPage {
  readonly file: string;
  /** Bytes into the file. */
  readonly offset: number;
}

/** Pages of one process that frames can show. */
export interface PageHolder {
  /** Where this process maps a page outside `[first, last]`, pages; undefined: nowhere. */
  pageShowing(page: SharedPage, first: number, last: number): number | undefined;
  /** Lets a frame show a page. */
  show(frame: number, page: number): void;
  /** Lets a frame keep what a page holds now. */
  keepCopy(frame: number, page: number): void;
}

interface Showing {
  readonly holder: PageHolder;
  readonly page: number;
  readonly of: SharedPage;
}

/**
 * Frames of shared memory whose own process took the mapping away: they show the same memory where another mapping of the run has it, and keep a
 * copy when there is none left.
 */
export class SharedPages {
  readonly #holders = new Set<PageHolder>();
  readonly #showing = new Map<number, Showing>();

  add(holder: PageHolder): void {
    this.#holders.add(holder);
  }

  /** A process is gone. */
  remove(holder: PageHolder): void {
    this.#holders.delete(holder);
    this.withdraw(holder, 0, Number.MAX_SAFE_INTEGER);
  }

  /** Pages `[first, last]` of a process are about to go: frames that were lent to it move on. */
  withdraw(holder: PageHolder, first: number, last: number): void {
    for (const [frame, { holder: current, page, of }] of this.#showing) {
      if (current !== holder || page < first || page > last) continue;
      this.#showing.delete(frame);
      if (!this.moveOn(frame, of, holder, first, last)) holder.keepCopy(frame, page);
    }
  }

  /** A process has moved pages `[first, last]` by so many: frames that show them follow. */
  move(holder: PageHolder, first: number, last: number, distance: number): void {
    for (const [frame, showing] of this.#showing) {
      const { holder: current, page } = showing;
      if (current !== holder || page < first || page > last) continue;
      holder.show(frame, page + distance);
      this.#showing.set(frame, { ...showing, page: page + distance });
    }
  }

  /**
   * Lets a frame show a page wherever else it is mapped: not in pages `[first, last]` of `former`.
   * @returns false: nowhere
   */
  moveOn(frame: number, of: SharedPage, former: PageHolder, first: number, last: number): boolean {
    for (const holder of this.#holders) {
      const page = holder === former ? holder.pageShowing(of, first, last) : holder.pageShowing(of, 1, 0);
      if (page === undefined) continue;
      holder.show(frame, page);
      this.#showing.set(frame, { holder, page, of });
      return true;
    }
    return false;
  }

  /** Whether frames show pages of a process by {@link moveOn}. */
  isShowing(holder: PageHolder): boolean {
    for (const showing of this.#showing.values()) if (showing.holder === holder) return true;
    return false;
  }

  /** A frame is not pinned any more. @returns whether it showed memory by {@link moveOn} */
  release(frame: number): boolean {
    return this.#showing.delete(frame);
  }
}
