/** An answer that is given again: one requester's to plain requests for one piece of 4 KiB. */
export class MicroTlbEntry {
  /** Low word of the address >> 12; -1: the entry is free. */
  page = -1;
  iovaHi = 0;
  requesterId = 0;
  /** Or `NO_PASID`. */
  pasid = 0;
  /** Bits of `Access` that a request may not have. */
  refused = -1;
  /** Physical address of the piece. */
  paHi = 0;
  paLo = 0;
  /** As in `Translation`. */
  pageShift = 0;
  permissions = 0;
  /** 1 while {@link MicroTlb.forgetAll} has to look here. */
  listed = 0;
}

/** Entries, a power of two: pages of 8 MiB. */
const ENTRIES = 2048;
/** Lowest bits of a key, and what they are for a page of 4 KiB: see page-key. */
const KEY_SIZE = 0x7f;
const KEY_4K = (12 << 1) | 1;

/**
 * The answers that an IOTLB gave last, direct-mapped by page, each in an object: V8 compares its fields without a bounds check and without
 * unpacking them. An answer is here only as long as a look-up in the IOTLB would find the same: the IOTLB says which of its entries come, go
 * or move, and the front when requesters change. Hardware has such a thing too, but there it may be seen.
 */
export class MicroTlb {
  /** By {@link slotMask} of the page number. */
  entries: MicroTlbEntry[];
  /** 0 until there is an answer. */
  slotMask = 0;
  /** Stands where nothing was ever kept. */
  readonly #none = new MicroTlbEntry();
  readonly #listed: MicroTlbEntry[] = [];
  #listedCount = 0;

  constructor() {
    this.entries = [this.#none];
  }

  /** The entry to be filled for a page. @param page low word of the address >> 12 */
  entryOf(page: number): MicroTlbEntry {
    if (this.slotMask === 0) {
      this.entries = Array.from({ length: ENTRIES }, () => this.#none);
      this.slotMask = ENTRIES - 1;
    }
    const slot = page & this.slotMask;
    let entry = this.entries[slot] as MicroTlbEntry;
    if (entry === this.#none) {
      entry = new MicroTlbEntry();
      this.entries[slot] = entry;
    }
    if (entry.listed === 0) {
      entry.listed = 1;
      this.#listed[this.#listedCount++] = entry;
    }
    return entry;
  }

  /** What look-ups of a page find has changed. @param page low word of the page's number @param key of the page, see page-key */
  forget(page: number, key: number): void {
    if ((key & KEY_SIZE) !== KEY_4K) this.forgetAll();
    else (this.entries[page & this.slotMask] as MicroTlbEntry).page = -1;
  }

  /** Requesters, or pages that are larger, have changed. */
  forgetAll(): void {
    for (let at = 0; at < this.#listedCount; at++) {
      const entry = this.#listed[at] as MicroTlbEntry;
      entry.page = -1;
      entry.listed = 0;
    }
    this.#listedCount = 0;
  }
}
