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
  sizeAndRights = 0;
  /** 1 while {@link MicroTlb.forgetAll} has to look here. */
  listed = 0;
}

/**
 * A page's slot is `Math.imul(page & PAGE_BITS, MICRO_TLB_FOLD) >>> MICRO_TLB_SHIFT`: its number's bits from 11 on added to those below, so
 * that pages of 64 KiB and 2 MiB spread like those of 4 KiB. As a product it costs what a mask would.
 */
export const MICRO_TLB_FOLD = 0x20_0400;
export const MICRO_TLB_SHIFT = 21;
const ENTRIES = 2048;
/** Bits of a page number that come from the low word of the address. */
const PAGE_BITS = 0xf_ffff;
/** Lowest bits of a key, and what they are for a page of 4 KiB: see page-key. */
const KEY_SIZE = 0x7f;
const KEY_4K = (12 << 1) | 1;

/** Stands where nothing was ever kept. */
const NONE = new MicroTlbEntry();
/** Of all that have kept nothing yet. */
const NOTHING: MicroTlbEntry[] = Array.from({ length: ENTRIES }, () => NONE);

/**
 * The answers that an IOTLB gave last, direct-mapped by page, each in an object: V8 compares its fields without a bounds check and without
 * unpacking them. An answer is here only as long as a look-up in the IOTLB would find the same: the IOTLB says which of its entries come or
 * go, and the front when requesters change. Hardware has such a thing too, but there it may be seen.
 */
export class MicroTlb {
  /** By slot. Another array once there is an answer. */
  entries: MicroTlbEntry[] = NOTHING;
  readonly #listed: MicroTlbEntry[] = [];
  #listedCount = 0;

  /** The entry to be filled for a page. @param page low word of the address >> 12 */
  entryOf(page: number): MicroTlbEntry {
    const slot = slotOf(page);
    let entry = this.entries[slot] as MicroTlbEntry;
    if (entry === NONE) {
      entry = new MicroTlbEntry();
      if (this.entries === NOTHING) this.entries = [...NOTHING];
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
    else (this.entries[slotOf(page)] as MicroTlbEntry).page = -1;
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

const slotOf = (page: number): number => Math.imul(page & PAGE_BITS, MICRO_TLB_FOLD) >>> MICRO_TLB_SHIFT;
