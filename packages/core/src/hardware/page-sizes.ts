/** Bit 0 of a key is set in every entry, see page-key. */
const NO_KEY = 2;

/** The page sizes that occur in a cache, as log2 bytes, and how often each. */
export class PageSizes {
  /** The sizes, ascending; the first {@link count} are meant. */
  readonly shifts: Int32Array = new Int32Array(64);
  count = 0;
  /** The smallest size if it is below 2^32, lowest bits of its keys and its offset mask; a key that no entry has while there is none. */
  shift = 31;
  key: number = NO_KEY;
  offset = 0;
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
    this.#choose();
  }

  /** One entry less. */
  remove(shift: number): void {
    const uses = (this.#uses[shift] as number) - 1;
    this.#uses[shift] = uses;
    if (uses > 0) return;
    const gone = this.shifts.indexOf(shift);
    this.shifts.copyWithin(gone, gone + 1, this.count);
    this.count--;
    this.#choose();
  }

  clear(): void {
    this.#uses.fill(0);
    this.count = 0;
    this.#choose();
  }

  #choose(): void {
    const shift = this.count > 0 ? (this.shifts[0] as number) : 32;
    const isShort = shift < 32;
    this.shift = isShort ? shift : 31;
    this.key = isShort ? (shift << 1) | 1 : NO_KEY;
    this.offset = isShort ? (1 << shift) - 1 : 0;
  }
}
