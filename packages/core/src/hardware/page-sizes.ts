/** The page sizes that occur in a cache, as log2 bytes, and how often each. */
export class PageSizes {
  /** The sizes, ascending; the first {@link count} are meant. */
  readonly shifts: Int32Array = new Int32Array(64);
  count = 0;
  readonly #uses: Int32Array = new Int32Array(64);

  /** One entry more of this size. @returns whether it is the first */
  add(shift: number): boolean {
    const uses = this.#uses[shift] as number;
    this.#uses[shift] = uses + 1;
    if (uses > 0) return false;
    const { shifts } = this;
    let at = this.count++;
    for (; at > 0 && (shifts[at - 1] as number) > shift; at--) shifts[at] = shifts[at - 1] as number;
    shifts[at] = shift;
    return true;
  }

  /** One entry less. @returns whether it was the last */
  remove(shift: number): boolean {
    const uses = (this.#uses[shift] as number) - 1;
    this.#uses[shift] = uses;
    if (uses > 0) return false;
    const gone = this.shifts.indexOf(shift);
    this.shifts.copyWithin(gone, gone + 1, this.count);
    this.count--;
    return true;
  }

  clear(): void {
    this.#uses.fill(0);
    this.count = 0;
  }
}
