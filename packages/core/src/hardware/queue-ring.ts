/** How a ring tells full from empty: one entry stays unused, or the indices carry one bit above the highest entry number. */
export type RingFullness = 'gap' | 'wrap-bit';

/**
 * Indices of a ring in memory that a unit and its driver share. Entry numbers only: where the indices live (which register, shifted
 * by how much, with which flags beside them) is the vendor's matter.
 *
 * `head` is where the consumer reads next, `tail` where the producer writes next. With `wrap-bit` both run to twice the size.
 */
export class QueueRing {
  /** log2 of the number of entries. */
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

  constructor(entryBytes: number, fullness: RingFullness) {
    this.entryBytes = entryBytes;
    this.#fullness = fullness;
  }

  /** New place and size; the indices stay as they are. */
  configure(baseHi: number, baseLo: number, sizeLog2: number): void {
    this.baseHi = baseHi;
    this.baseLo = baseLo;
    this.sizeLog2 = sizeLog2;
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** No room for one more entry. */
  get isFull(): boolean {
    const size = 2 ** this.sizeLog2;
    return this.#fullness === 'gap'
      ? (this.tail + 1) % size === this.head % size
      : this.tail !== this.head && this.tail % size === this.head % size;
  }

  /** Entries between head and tail. */
  get pending(): number {
    const span = this.#span();
    return (this.tail - this.head + span) % span;
  }

  /** True when `index` is one that this ring's registers may hold. */
  accepts(index: number): boolean {
    return index >= 0 && index < this.#span();
  }

  /** Puts the address of the entry with this index (its wrap bit aside) into {@link entryHi} and {@link entryLo}. */
  locate(index: number): void {
    const bytes = (index % 2 ** this.sizeLog2) * this.entryBytes;
    const low = (this.baseLo >>> 0) + bytes;
    this.entryLo = low | 0;
    this.entryHi = (this.baseHi + (low >= 0x1_0000_0000 ? 1 : 0)) | 0;
  }

  advanceHead(): void {
    this.head = (this.head + 1) % this.#span();
  }

  advanceTail(): void {
    this.tail = (this.tail + 1) % this.#span();
  }

  #span(): number {
    return 2 ** (this.#fullness === 'gap' ? this.sizeLog2 : this.sizeLog2 + 1);
  }
}
