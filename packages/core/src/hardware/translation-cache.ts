import type { CacheQuery } from './cache-query.js';

/** Size and behaviour of a {@link TranslationCache}. */
export interface TranslationCacheOptions {
  /** Number of entries, a power of two; 0: the cache is off and every look-up misses. */
  readonly entries: number;
  /** Entries of a set, a power of two. Default 4, at most `entries`. */
  readonly ways?: number;
  /** Which way of a full set goes: round robin by set (default), or pseudo-random from a seed. Both are deterministic. */
  readonly replacement?: 'round-robin' | { readonly seed: number };
  /** Room for 64 bits more per entry, see {@link TranslationCache.setPayload}. Default false. */
  readonly payload?: boolean;
  /** Keep when and from what each entry was filled, for checkers. Default false. */
  readonly provenance?: boolean;
}

/** Where an entry came from; kept only when the cache was made with `provenance`. */
export interface EntryProvenance {
  /** Number of the insertion, counted from 1 over the life of the cache. */
  readonly sequence: number;
  /** Time of the unit's clock. */
  readonly time: number;
  /** What the unit noted: requester, access ... */
  readonly cause: string;
  /** 64-bit table words from which it was filled, top level first. */
  readonly words: readonly bigint[];
}

/** What the entries are before the constructor makes them: V8 then knows that the field is an Int32Array. */
const NO_WORDS = new Int32Array(0);

/* Words of an entry. */
/** Low word of the page number (IOVA >> page shift). */
const PAGE = 0;
/** The rest of the page number, the page shift and a bit that makes it non-zero: 0 marks a free entry. */
const KEY = 1;
const TAG_A = 2;
const TAG_B = 3;
/** Bits of tag B that count: none in a global entry. */
const TAG_B_MASK = 4;
const PA_LO = 5;
const PA_HI = 6;
/** Permissions [7:0], attributes [23:8]. */
const META = 7;
const STRIDE = 8;
const STRIDE_LOG2 = 3;
/** log2 words of a set of four ways. */
const SET_LOG2 = 5;
const FOUR_WAYS = 4;
/** Bit of a key at which the page number goes on. */
const KEY_PAGE = 7;
/** Bit 0 of a key is set in every entry. */
const NO_KEY = 2;

/**
 * A set-associative cache of translations on typed arrays: IOTLB, paging-structure cache, device TLB. One hidden class for all
 * vendors and uses.
 *
 * Two tag words say whose an entry is; what they hold is the vendor's matter (tag A: domain id, VMID; tag B: PASID, ASID). A global
 * entry matches any tag B. Look-ups try the page sizes that are in the cache, smallest first.
 */
export class TranslationCache {
  /** After a hit: address of the byte, and log2 of its page. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  /** Index of the entry that hit, for {@link provenanceOf}. */
  index = -1;
  /** Entries in use. */
  used = 0;

  #meta = 0;
  /** The smallest page size of below 2^32 that occurs, its key and offset mask; a key that no entry has while there is none. */
  #shift = 31;
  #key = NO_KEY;
  #offset = 0;
  #shortMask = 0;

  readonly #entries: Int32Array = NO_WORDS;
  readonly #setMask: number = 0;
  /** Words of a set. */
  readonly #setStride: number = 0;
  /** By set: the way that goes next. */
  readonly #turn: Uint8Array;
  readonly #seed: number = 0;
  #random = 0;
  /** Page shifts that occur, ascending, and how often each. */
  readonly #shifts: Int32Array = new Int32Array(64);
  #shiftCount = 0;
  readonly #uses: Int32Array = new Int32Array(64);
  readonly #payload: Int32Array;
  readonly #provenance: (EntryProvenance | undefined)[] | null;

  /** @throws RangeError when `entries` or `ways` is no power of two, or there are more than 256 ways */
  constructor(options: TranslationCacheOptions) {
    const { entries, ways = Math.min(4, Math.max(1, entries)), replacement = 'round-robin' } = options;
    if (entries !== 0 && !isPowerOfTwo(entries)) throw new RangeError(`${entries} cache entries are no power of two`);
    if (!isPowerOfTwo(ways) || ways > Math.min(256, Math.max(1, entries)))
      throw new RangeError(`${ways} ways of ${entries} entries`);
    // At least one set of four, so that the short look-up never reads beyond.
    this.#entries = new Int32Array(Math.max(entries, FOUR_WAYS) * STRIDE);
    this.#setMask = Math.max(1, entries / ways) - 1;
    this.#setStride = entries === 0 ? 0 : ways * STRIDE;
    this.#turn = new Uint8Array(this.#setMask + 1);
    this.#seed = replacement === 'round-robin' ? 0 : replacement.seed | 0 || 1;
    this.#random = this.#seed;
    this.#payload = new Int32Array(options.payload === true ? entries * 2 : 0);
    this.#provenance = options.provenance === true ? [] : null;
  }

  /** Looks for a page that holds the address. After true the fields describe it. */
  lookup(iovaHi: number, iovaLo: number, tagA: number, tagB: number): boolean {
    // Short enough to be inlined into a unit's translate: the smallest page size, four ways. Which way hits is not predictable, so it
    // is computed without a branch and looked at once. A wrong guess (a stale page number, another tag) takes the longer way.
    const entries = this.#entries;
    const shift = this.#shift;
    const page = (iovaLo >>> shift) | (iovaHi << (32 - shift));
    const start = ((page ^ tagA) & this.#shortMask) << SET_LOG2;
    const at =
      start +
      ((isZero((entries[start + STRIDE] as number) ^ page) << STRIDE_LOG2) |
        (isZero((entries[start + 2 * STRIDE] as number) ^ page) << (STRIDE_LOG2 + 1)) |
        (isZero((entries[start + 3 * STRIDE] as number) ^ page) * (3 * STRIDE)));
    const differs =
      ((entries[at + PAGE] as number) ^ page) |
      ((entries[at + KEY] as number) ^ (((iovaHi >>> shift) << KEY_PAGE) | this.#key)) |
      ((entries[at + TAG_A] as number) ^ tagA) |
      (((entries[at + TAG_B] as number) ^ tagB) & (entries[at + TAG_B_MASK] as number));
    if (differs !== 0) return this.#lookupLonger(iovaHi, iovaLo, tagA, tagB);
    const offset = this.#offset;
    this.paHi = entries[at + PA_HI] as number;
    this.paLo = ((entries[at + PA_LO] as number) & ~offset) | (iovaLo & offset);
    this.#meta = entries[at + META] as number;
    this.pageShift = shift;
    this.index = at >>> STRIDE_LOG2;
    return true;
  }

  /** Every page size that occurs, smallest first, and any number of ways. */
  #lookupLonger(iovaHi: number, iovaLo: number, tagA: number, tagB: number): boolean {
    const entries = this.#entries;
    const stride = this.#setStride;
    for (let size = 0; size < this.#shiftCount; size++) {
      const shift = this.#shifts[size] as number;
      const page = pageLow(iovaHi, iovaLo, shift);
      const key = keyOf(iovaHi, shift);
      const start = ((page ^ tagA) & this.#setMask) * stride;
      for (let at = start; at < start + stride; at += STRIDE) {
        if (entries[at + PAGE] !== page) continue;
        const differs =
          ((entries[at + KEY] as number) ^ key) |
          ((entries[at + TAG_A] as number) ^ tagA) |
          (((entries[at + TAG_B] as number) ^ tagB) & (entries[at + TAG_B_MASK] as number));
        if (differs !== 0) continue;
        const offsetLo = shift >= 32 ? -1 : (1 << shift) - 1;
        const offsetHi = shift <= 32 ? 0 : (1 << (shift - 32)) - 1;
        this.paHi = ((entries[at + PA_HI] as number) & ~offsetHi) | (iovaHi & offsetHi);
        this.paLo = ((entries[at + PA_LO] as number) & ~offsetLo) | (iovaLo & offsetLo);
        this.#meta = entries[at + META] as number;
        this.pageShift = shift;
        this.index = at >>> STRIDE_LOG2;
        return true;
      }
    }
    return false;
  }

  /** After a hit: what was inserted. */
  get permissions(): number {
    return this.#meta & 0xff;
  }

  get attributes(): number {
    return this.#meta >>> 8;
  }

  /**
   * Inserts a page, replacing the entry with the same page, size and tags if there is one.
   * @param iovaHi any address of the page
   * @param paHi any address of the page's target. A paging-structure cache gives the table's address and reads it back with
   *   {@link targetHi} and {@link targetLo}
   * @param permissions 8 bits, given back by look-ups
   * @param attributes 16 bits, given back by look-ups and tested by invalidations (kind of entry, level, memory type)
   * @param global matches any tag B
   * @returns index of the entry, -1 when the cache is off
   */
  insert(
    iovaHi: number,
    iovaLo: number,
    pageShift: number,
    tagA: number,
    tagB: number,
    paHi: number,
    paLo: number,
    permissions: number,
    attributes: number,
    global: boolean,
  ): number {
    const entries = this.#entries;
    if (this.#setStride === 0) return -1;
    const page = pageLow(iovaHi, iovaLo, pageShift);
    const key = keyOf(iovaHi, pageShift);
    const tagBMask = global ? 0 : -1;
    const at = this.#place(page, key, tagA, tagB, tagBMask);
    if (entries[at + KEY] !== key) {
      if (entries[at + KEY] !== 0) this.#drop(at);
      this.used++;
      this.#count(pageShift);
    }
    entries[at + PAGE] = page;
    entries[at + KEY] = key;
    entries[at + TAG_A] = tagA;
    entries[at + TAG_B] = tagB;
    entries[at + TAG_B_MASK] = tagBMask;
    entries[at + PA_LO] = paLo;
    entries[at + PA_HI] = paHi;
    entries[at + META] = permissions | (attributes << 8);
    const index = at / STRIDE;
    if (this.#provenance !== null) this.#provenance[index] = undefined;
    return index;
  }

  /** Where a page goes: its old entry, a free one, or the one whose turn it is. */
  #place(page: number, key: number, tagA: number, tagB: number, tagBMask: number): number {
    const entries = this.#entries;
    const set = (page ^ tagA) & this.#setMask;
    const start = set * this.#setStride;
    let free = -1;
    for (let at = start + this.#setStride - STRIDE; at >= start; at -= STRIDE) {
      if (entries[at + KEY] === 0) free = at;
      else if (
        entries[at + PAGE] === page &&
        entries[at + KEY] === key &&
        entries[at + TAG_A] === tagA &&
        entries[at + TAG_B_MASK] === tagBMask &&
        (((entries[at + TAG_B] as number) ^ tagB) & tagBMask) === 0
      ) {
        return at;
      }
    }
    return free >= 0 ? free : start + this.#victim(set) * STRIDE;
  }

  #victim(set: number): number {
    const ways = this.#setStride / STRIDE;
    if (this.#seed === 0) {
      const way = this.#turn[set] as number;
      this.#turn[set] = (way + 1) & (ways - 1);
      return way;
    }
    // xorshift32
    let random = this.#random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.#random = random;
    return random & (ways - 1);
  }

  /** Words given as `paHi`, `paLo` to {@link insert}, with all their bits. */
  targetHi(index: number): number {
    return this.#entries[index * STRIDE + PA_HI] as number;
  }

  targetLo(index: number): number {
    return this.#entries[index * STRIDE + PA_LO] as number;
  }

  /** Keeps 64 bits more with an entry, in a cache made with `payload` (paging-structure caches: allow bits of the tables above). */
  setPayload(index: number, hi: number, lo: number): void {
    if (index < 0) return;
    this.#payload[index * 2] = lo;
    this.#payload[index * 2 + 1] = hi;
  }

  payloadHi(index: number): number {
    return this.#payload[index * 2 + 1] as number;
  }

  payloadLo(index: number): number {
    return this.#payload[index * 2] as number;
  }

  /** Notes where the entry at `index` came from; does nothing without `provenance`. */
  note(index: number, provenance: EntryProvenance): void {
    if (this.#provenance !== null && index >= 0) this.#provenance[index] = provenance;
  }

  /** What {@link note} kept; undefined without `provenance` or for an entry that is gone. */
  provenanceOf(index: number): EntryProvenance | undefined {
    return this.#provenance?.[index];
  }

  /** Drops what the query matches. @returns how many entries */
  invalidate(query: CacheQuery): number {
    if (this.used === 0) return 0;
    if (!query.ranged || query.tagAMask !== -1) return this.#invalidateIn(query, 0, this.#entries.length);
    let dropped = 0;
    for (let size = this.#shiftCount - 1; size >= 0; size--) {
      const shift = this.#shifts[size] as number;
      // With tag A known, a page lies in one set: a short range needs no look at the others.
      const first = pageLow(query.startHi, query.startLo, shift);
      const pages = pageCount(query, shift);
      if (pages > this.#setMask) return dropped + this.#invalidateIn(query, 0, this.#entries.length);
      for (let page = 0; page < pages; page++) {
        const set = ((first + page) ^ query.tagA) & this.#setMask;
        dropped += this.#invalidateIn(query, set * this.#setStride, (set + 1) * this.#setStride);
      }
    }
    return dropped;
  }

  #invalidateIn(query: CacheQuery, start: number, end: number): number {
    let dropped = 0;
    for (let at = start; at < end; at += STRIDE) {
      if (this.#entries[at + KEY] === 0 || !this.#matches(at, query)) continue;
      this.#drop(at);
      dropped++;
    }
    return dropped;
  }

  #matches(at: number, query: CacheQuery): boolean {
    const entries = this.#entries;
    if ((((entries[at + TAG_A] as number) ^ query.tagA) & query.tagAMask) !== 0) return false;
    const isGlobal = entries[at + TAG_B_MASK] === 0;
    if (isGlobal && query.global === 'keep') return false;
    if (!isGlobal || query.global === 'plain') {
      if ((((entries[at + TAG_B] as number) ^ query.tagB) & query.tagBMask) !== 0) return false;
    }
    if ((((entries[at + META] as number) >>> 8) ^ query.attributes) & query.attributesMask) return false;
    return !query.ranged || this.#overlaps(at, query);
  }

  /** Page numbers of the entry's own size compare without carries: they fit a double. */
  #overlaps(at: number, query: CacheQuery): boolean {
    const key = this.#entries[at + KEY] as number;
    const shift = (key >>> 1) & 0x3f;
    const page = (key >>> KEY_PAGE) * 0x1_0000_0000 + ((this.#entries[at + PAGE] as number) >>> 0);
    return (
      pageNumber(query.startHi, query.startLo, shift) <= page && page <= pageNumber(query.lastHi, query.lastLo, shift)
    );
  }

  #drop(at: number): void {
    const shift = ((this.#entries[at + KEY] as number) >>> 1) & 0x3f;
    this.#entries[at + KEY] = 0;
    if (this.#provenance !== null) this.#provenance[at / STRIDE] = undefined;
    this.used--;
    const uses = (this.#uses[shift] as number) - 1;
    this.#uses[shift] = uses;
    if (uses === 0) {
      const gone = this.#shifts.indexOf(shift);
      this.#shifts.copyWithin(gone, gone + 1, this.#shiftCount);
      this.#shiftCount--;
      this.#chooseShift();
    }
  }

  #count(shift: number): void {
    const uses = this.#uses[shift] as number;
    this.#uses[shift] = uses + 1;
    if (uses > 0) return;
    let at = this.#shiftCount++;
    for (; at > 0 && (this.#shifts[at - 1] as number) > shift; at--) this.#shifts[at] = this.#shifts[at - 1] as number;
    this.#shifts[at] = shift;
    this.#chooseShift();
  }

  #chooseShift(): void {
    const shift = this.#shiftCount > 0 ? (this.#shifts[0] as number) : 32;
    const isShort = shift < 32 && this.#setStride === FOUR_WAYS * STRIDE;
    this.#shift = isShort ? shift : 31;
    this.#key = isShort ? (shift << 1) | 1 : NO_KEY;
    this.#offset = isShort ? (1 << shift) - 1 : 0;
    this.#shortMask = isShort ? this.#setMask : 0;
  }

  /** Drops everything and restarts replacement. @returns how many entries */
  clear(): number {
    const dropped = this.used;
    this.#entries.fill(0);
    this.#turn.fill(0);
    this.#random = this.#seed;
    this.#uses.fill(0);
    this.#shiftCount = 0;
    this.#chooseShift();
    if (this.#provenance !== null) this.#provenance.length = 0;
    this.used = 0;
    return dropped;
  }
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(value) && value > 0 && (value & (value - 1)) === 0;

/** 1 for 0, else 0. */
const isZero = (word: number): number => ((word | -word) >>> 31) ^ 1;

/** Low word of IOVA >> shift, for shifts of 1 to 63. */
const pageLow = (iovaHi: number, iovaLo: number, shift: number): number =>
  shift >= 32 ? (iovaHi >>> (shift - 32)) | 0 : (iovaLo >>> shift) | (iovaHi << (32 - shift));

/** Shifts of 11 and more leave 21 bits for the high part of the page number. */
const keyOf = (iovaHi: number, shift: number): number =>
  ((shift >= 32 ? 0 : iovaHi >>> shift) << KEY_PAGE) | (shift << 1) | 1;

const pageNumber = (hi: number, lo: number, shift: number): number =>
  shift >= 32 ? hi >>> (shift - 32) : (hi >>> shift) * 0x1_0000_0000 + (((lo >>> shift) | (hi << (32 - shift))) >>> 0);

const pageCount = (query: CacheQuery, shift: number): number =>
  pageNumber(query.lastHi, query.lastLo, shift) - pageNumber(query.startHi, query.startLo, shift) + 1;
