const PAGE_SHIFT = 12;

/** The page sizes that occur in a cache, as log2 bytes, and how often each. */
export class PageSizes {
  /** The sizes, ascending; the first {@link count} are meant. */
  readonly shifts: Int32Array = new Int32Array(64);
  count = 0;
  /** How many of them are not 4 KiB. */
  others = 0;
  readonly #uses: Int32Array = new Int32Array(64);

  /** One entry more of this size. */
  add(shift: number): void {
    const uses = this.#uses[shift] as number;
    this.#uses[shift] = uses + 1;
    if (uses > 0) return;
    const { shifts } = this;
    let at = this.count++;
    for (; at > 0 && (shifts[at - 1] as number) > shift; at--) shifts[at] = shifts[at - 1] as number;
    shifts[at] = shift;
    if (shift !== PAGE_SHIFT) this.others++;
  }

  /** One entry less. */
  remove(shift: number): void {
    const uses = (this.#uses[shift] as number) - 1;
    this.#uses[shift] = uses;
    if (uses > 0) return;
    const gone = this.shifts.indexOf(shift);
    this.shifts.copyWithin(gone, gone + 1, this.count);
    this.count--;
    if (shift !== PAGE_SHIFT) this.others--;
  }

  clear(): void {
    this.#uses.fill(0);
    this.count = 0;
    this.others = 0;
  }
}
