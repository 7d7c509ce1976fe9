/** How a ring tells full from empty: one entry stays unused, or the indices carry one bit above the highest entry number. */
export type RingFullness = 'gap' | 'wrap-bit';

/**
 * Indices of a ring in memory that a unit and its driver share. Entry numbers only: where the indices live (which register, shifted
 * by how much, with which flags beside them) is the vendor's matter.
 *
 * `head` is where the consumer reads next, `tail` where the producer writes next. With `wrap-bit` both run to twice the size.
 */
export class QueueRing {
  /** log2 of the number of entries, at most 30; {@link configure} sets it. */
  sizeLog2 = 0;
  head = 0;
  tail = 0;
  /** Physical address of entry 0, int32 words. */
  baseHi = 0;
  baseLo = 0;
  /** Result of {@link locate}. */
  entryHi = 0;
  entryLo = 0;
  /** Bytes of one entry. */
  entryBytes: number;
  readonly #fullness: RingFullness;
  /** Bits of an entry number, and of an index with its wrap bit if there is one. */
  #entryMask = 0;
  #indexMask = 0;

  constructor(entryBytes: number, fullness: RingFullness) {
    this.entryBytes = entryBytes;
    this.#fullness = fullness;
    this.configure(0, 0, 0);
  }

  /** New place and size; the indices stay as they are. */
  configure(baseHi: number, baseLo: number, sizeLog2: number): void {
    this.baseHi = baseHi;
    this.baseLo = baseLo;
    this.sizeLog2 = sizeLog2;
    this.#entryMask = (1 << sizeLog2) - 1;
    this.#indexMask = this.#fullness === 'gap' ? this.#entryMask : (this.#entryMask << 1) | 1;
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** No room for one more entry. */
  get isFull(): boolean {
    return this.#fullness === 'gap'
      ? ((this.tail + 1) & this.#entryMask) === (this.head & this.#entryMask)
      : this.tail !== this.head && ((this.tail ^ this.head) & this.#entryMask) === 0;
  }

  /** Entries between head and tail. */
  get pending(): number {
    return (this.tail - this.head) & this.#indexMask;
  }

  /** True when `index` is one that this ring's registers may hold. */
  accepts(index: number): boolean {
    return (index & ~this.#indexMask) === 0;
  }

  /** Puts the address of the entry with this index (its wrap bit aside) into {@link entryHi} and {@link entryLo}. */
  locate(index: number): void {
    const bytes = (index & this.#entryMask) * this.entryBytes;
    const low = (this.baseLo >>> 0) + bytes;
    this.entryLo = low | 0;
    this.entryHi = (this.baseHi + (low >= 0x1_0000_0000 ? 1 : 0)) | 0;
  }

  /** The consumer has taken an entry. */
  advanceHead(): void {
    this.head = (this.head + 1) & this.#indexMask;
  }

  /** The producer has put an entry. */
  advanceTail(): void {
    this.tail = (this.tail + 1) & this.#indexMask;
  }
}
