import type { CacheQuery } from './cache-query.js';
import { EntryPayload } from './entry-payload.js';
import type { MicroTlb } from './micro-tlb.js';
import { isInRange, keyShift, pageCount } from './page-key.js';
import { PageSizes } from './page-sizes.js';
import { Replacement } from './replacement.js';
import { cacheShape, type EntryProvenance, type TranslationCacheOptions } from './translation-cache-options.js';

/** What the entries are before the constructor makes them: V8 then knows that the field is an Int32Array. */
const NO_WORDS = new Int32Array(0);

/* Words of an entry. */
/* Word 0: the low word of the page number. */
/** The key of the page, see page-key; 0 marks a free entry. */
const KEY = 1;
const TAG_A = 2;
const TAG_B = 3;
/** The target; its lowest eight bits are the permissions. */
const PA_LO = 4;
const PA_HI = 5;
/** Attributes [15:0], {@link GLOBAL} and {@link COPIED}. */
const META = 6;
const STRIDE_LOG2 = 3;
const STRIDE = 1 << STRIDE_LOG2;
const GLOBAL = 0x1_0000;
/** The micro-TLB has answers from this entry. */
const COPIED = 0x2_0000;
const ATTRIBUTES = 0xffff;
const PERMISSIONS = 0xff;
/** Bit of a key at which the page number goes on; here, because an imported constant is loaded and checked at each use. */
const KEY_PAGE = 7;
const KEY_SHIFT = 0x7e;
/** Lowest bits of the key of a page of 4 KiB. */
const KEY_4K = (12 << 1) | 1;

/**
 * A set-associative cache of translations on typed arrays: IOTLB, paging-structure cache, device TLB. One hidden class for all
 * vendors and uses.
 *
 * Two tag words say whose an entry is; what they hold is the vendor's matter (tag A: domain id, VMID; tag B: PASID, ASID). A global
 * entry matches any tag B. Look-ups try the page sizes that are in the cache, smallest first.
 *
 * A new entry takes the slot that it would have in a direct-mapped cache of the same size; what was there moves to another way of the set.
 * So most look-ups compare one entry.
 */
export class TranslationCache {
  /** After a hit: address of the byte, log2 of its page, and the permissions that were inserted. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  permissions = 0;
  /** Entries in use. */
  used = 0;
  /** Of a cache made with `payload`. */
  readonly payload: EntryPayload | null;
  /** Told which pages' entries come, go and move; null: nobody is. */
  microTlb: MicroTlb | null = null;

  /** Index of the first word of the entry that hit. */
  #hit = 0;

  readonly #entries: Int32Array = NO_WORDS;
  readonly #slotMask: number = 0;
  readonly #setMask: number = 0;
  /** Words from one way of a set to the next, and where the last one ends. */
  readonly #wayStride: number = 0;
  readonly #end: number = 0;
  readonly #replacement: Replacement;
  readonly #sizes = new PageSizes();
  readonly #provenance: (EntryProvenance | undefined)[] | null;

  /** @throws RangeError when `entries` or `ways` is no power of two, or there are more than 256 ways */
  constructor(options: TranslationCacheOptions) {
    const { entries, ways } = cacheShape(options);
    const sets = Math.max(1, entries / ways);
    // A cache that is off has one entry, which stays free.
    this.#entries = new Int32Array(Math.max(1, entries) << STRIDE_LOG2);
    this.#slotMask = Math.max(1, entries) - 1;
    this.#setMask = sets - 1;
    this.#wayStride = sets << STRIDE_LOG2;
    this.#end = entries << STRIDE_LOG2;
    this.#replacement = new Replacement(sets, ways, options.replacement ?? 'round-robin');
    this.payload = options.payload === true ? new EntryPayload(entries) : null;
    this.#provenance = options.provenance === true ? [] : null;
  }

  /** Looks for a page that holds the address. After true the fields describe it. */
  lookup(iovaHi: number, iovaLo: number, tagA: number, tagB: number): boolean {
    return this.lookupSlot(iovaHi, iovaLo, tagA, tagB) || this.lookupRest(iovaHi, iovaLo, tagA, tagB);
  }

  /** The same, but only for the smallest page size that occurs and in the slot where such a page goes first: short enough to be inlined. */
  lookupSlot(iovaHi: number, iovaLo: number, tagA: number, tagB: number): boolean {
    const entries = this.#entries;
    const sizes = this.#sizes;
    const { shift } = sizes;
    const page = (iovaLo >>> shift) | (iovaHi << (32 - shift));
    const at = ((page ^ (tagA & this.#setMask)) & this.#slotMask) << STRIDE_LOG2;
    const differs =
      ((entries[at] as number) ^ page) |
      ((entries[at | KEY] as number) ^ (((iovaHi >>> shift) << KEY_PAGE) | sizes.key)) |
      ((entries[at | TAG_A] as number) ^ tagA) |
      ((entries[at | TAG_B] as number) ^ tagB);
    if (differs !== 0) return false;
    const { offset } = sizes;
    const lo = entries[at | PA_LO] as number;
    this.paHi = entries[at | PA_HI] as number;
    this.paLo = (lo & ~offset) | (iovaLo & offset);
    this.permissions = lo & PERMISSIONS;
    this.pageShift = shift;
    this.#hit = at;
    return true;
  }

  /** What {@link lookupSlot} leaves out: every page size that occurs, smallest first, and all ways. */
  lookupRest(iovaHi: number, iovaLo: number, tagA: number, tagB: number): boolean {
    const entries = this.#entries;
    const sizes = this.#sizes;
    const end = this.#end;
    const stride = this.#wayStride;
    const setMask = this.#setMask;
    for (let size = 0; size < sizes.count; size++) {
      const shift = sizes.shifts[size] as number;
      const page = pageLow(iovaHi, iovaLo, shift);
      for (let at = ((page ^ tagA) & setMask) << STRIDE_LOG2; at < end; at += stride) {
        if ((entries[at] as number) !== page) continue;
        if (entries[at | KEY] !== keyOf(iovaHi, shift) || entries[at | TAG_A] !== tagA) continue;
        if (entries[at | TAG_B] !== tagB && ((entries[at | META] as number) & GLOBAL) === 0) continue;
        this.#take(at, shift, iovaHi, iovaLo);
        return true;
      }
    }
    return false;
  }

  #take(at: number, shift: number, iovaHi: number, iovaLo: number): void {
    const entries = this.#entries;
    const offsetLo = shift >= 32 ? -1 : (1 << shift) - 1;
    const offsetHi = shift <= 32 ? 0 : (1 << (shift - 32)) - 1;
    const lo = entries[at | PA_LO] as number;
    this.paHi = ((entries[at | PA_HI] as number) & ~offsetHi) | (iovaHi & offsetHi);
    this.paLo = (lo & ~offsetLo) | (iovaLo & offsetLo);
    this.permissions = lo & PERMISSIONS;
    this.pageShift = shift;
    this.#hit = at;
  }

  get keepsProvenance(): boolean {
    return this.#provenance !== null;
  }

  /** How many page sizes there are among the entries. */
  get sizeCount(): number {
    return this.#sizes.count;
  }

  /** After a hit: the attributes that were inserted. */
  get attributes(): number {
    return (this.#entries[this.#hit | META] as number) & ATTRIBUTES;
  }

  /** After a hit: index of the entry, for {@link provenanceOf}. */
  get index(): number {
    return this.#hit >>> STRIDE_LOG2;
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
    if (this.#end === 0) return -1;
    const page = pageLow(iovaHi, iovaLo, pageShift);
    const key = keyOf(iovaHi, pageShift);
    // Copies of a larger page, or of the requesters' own that this one is global to, stand behind it from now on.
    this.microTlb?.forget(page, key);
    const old = this.#find(page, key, tagA, tagB, global);
    const at = old >= 0 ? old : this.#room(page, tagA);
    this.#write(at, page, key, tagA, tagB, paHi, paLo, permissions, attributes, global);
    return at >>> STRIDE_LOG2;
  }

  /** The same for a page of 4 KiB that a look-up has just not found. */
  add(
    iovaHi: number,
    iovaLo: number,
    tagA: number,
    tagB: number,
    paHi: number,
    paLo: number,
    permissions: number,
    attributes: number,
    global: boolean,
  ): void {
    if (this.#end === 0) return;
    const page = (iovaLo >>> 12) | (iovaHi << 20);
    const key = ((iovaHi >>> 12) << KEY_PAGE) | KEY_4K;
    if (global) this.microTlb?.forget(page, key);
    this.#write(this.#room(page, tagA), page, key, tagA, tagB, paHi, paLo, permissions, attributes, global);
  }

  #write(
    at: number,
    page: number,
    key: number,
    tagA: number,
    tagB: number,
    paHi: number,
    paLo: number,
    permissions: number,
    attributes: number,
    global: boolean,
  ): void {
    const entries = this.#entries;
    this.#count(at, key);
    entries[at] = page;
    entries[at | KEY] = key;
    entries[at | TAG_A] = tagA;
    entries[at | TAG_B] = tagB;
    entries[at | PA_LO] = (paLo & ~PERMISSIONS) | permissions;
    entries[at | PA_HI] = paHi;
    entries[at | META] = attributes | (global ? GLOBAL : 0);
    if (this.#provenance !== null) this.#provenance[at >>> STRIDE_LOG2] = undefined;
  }

  /** Where a page is, or -1. */
  #find(page: number, key: number, tagA: number, tagB: number, global: boolean): number {
    const entries = this.#entries;
    for (let at = ((page ^ tagA) & this.#setMask) << STRIDE_LOG2; at < this.#end; at += this.#wayStride) {
      if (entries[at] !== page || entries[at | KEY] !== key || entries[at | TAG_A] !== tagA) continue;
      if (((entries[at | META] as number) & GLOBAL) !== (global ? GLOBAL : 0)) continue;
      if (global || entries[at | TAG_B] === tagB) return at;
    }
    return -1;
  }

  /** The slot of a new page. What is there goes to a free way, or to the one whose turn it is. */
  #room(page: number, tagA: number): number {
    const entries = this.#entries;
    const set = (page ^ tagA) & this.#setMask;
    const own = ((page ^ (tagA & this.#setMask)) & this.#slotMask) << STRIDE_LOG2;
    if (entries[own | KEY] === 0) return own;
    let away = -1;
    if (this.used << STRIDE_LOG2 < this.#end) {
      for (let at = set << STRIDE_LOG2; at < this.#end && away < 0; at += this.#wayStride) {
        if (entries[at | KEY] === 0) away = at;
      }
    }
    if (away < 0) away = (set << STRIDE_LOG2) + this.#replacement.victim(set) * this.#wayStride;
    if (away !== own) this.#move(own, away);
    return own;
  }

  /** Moves an entry to another way of its set; what is there goes. The old one stays, copies and all: it is overwritten next. */
  #move(from: number, to: number): void {
    const entries = this.#entries;
    const key = entries[from | KEY] as number;
    this.#count(to, key);
    entries[to] = entries[from] as number;
    entries[to | KEY] = key;
    entries[to | TAG_A] = entries[from | TAG_A] as number;
    entries[to | TAG_B] = entries[from | TAG_B] as number;
    entries[to | PA_LO] = entries[from | PA_LO] as number;
    entries[to | PA_HI] = entries[from | PA_HI] as number;
    entries[to | META] = (entries[from | META] as number) & ~COPIED;
    const [old, index] = [from >>> STRIDE_LOG2, to >>> STRIDE_LOG2];
    if (this.#provenance !== null) this.#provenance[index] = this.#provenance[old];
    this.payload?.set(index, this.payload.hi(old), this.payload.lo(old));
  }

  /** An entry with this key is about to be written: how many there are, and of which sizes. */
  #count(at: number, key: number): void {
    const old = this.#entries[at | KEY] as number;
    if (old !== 0 && ((old ^ key) & KEY_SHIFT) === 0) {
      // One page of a size for another: counts stay.
      this.#forgetCopies(at);
      return;
    }
    if (old !== 0) this.#drop(at);
    this.used++;
    this.#sizes.add(keyShift(key));
  }

  /** After a hit: the micro-TLB keeps what was found. */
  noteCopied(): void {
    const meta = this.#hit | META;
    this.#entries[meta] = (this.#entries[meta] as number) | COPIED;
  }

  /** An entry goes. */
  #forgetCopies(at: number): void {
    const entries = this.#entries;
    if (((entries[at | META] as number) & COPIED) === 0) return;
    this.microTlb?.forget(entries[at] as number, entries[at | KEY] as number);
  }

  /** Words given as `paHi`, `paLo` to {@link insert}; without the lowest eight bits. */
  targetHi(index: number): number {
    return this.#entries[(index << STRIDE_LOG2) | PA_HI] as number;
  }

  /** Low word of the address that entry `index` translates to. */
  targetLo(index: number): number {
    return (this.#entries[(index << STRIDE_LOG2) | PA_LO] as number) & ~PERMISSIONS;
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
    if (!query.ranged || query.tagAMask !== -1) return this.#invalidateIn(query, 0, STRIDE);
    let dropped = 0;
    for (let size = this.#sizes.count - 1; size >= 0; size--) {
      const shift = this.#sizes.shifts[size] as number;
      // With tag A known, a page lies in one set: a short range needs no look at the others.
      const first = pageLow(query.startHi, query.startLo, shift);
      const pages = pageCount(query, shift);
      if (pages > this.#setMask) return dropped + this.#invalidateIn(query, 0, STRIDE);
      for (let page = 0; page < pages; page++) {
        const set = ((first + page) ^ query.tagA) & this.#setMask;
        dropped += this.#invalidateIn(query, set << STRIDE_LOG2, this.#wayStride);
      }
    }
    return dropped;
  }

  #invalidateIn(query: CacheQuery, start: number, step: number): number {
    let dropped = 0;
    for (let at = start; at < this.#end; at += step) {
      if (this.#entries[at | KEY] === 0 || !this.#matches(at, query)) continue;
      this.#drop(at);
      dropped++;
    }
    return dropped;
  }

  #matches(at: number, query: CacheQuery): boolean {
    const entries = this.#entries;
    const meta = entries[at | META]!;
    if (!query.matches(entries[at | TAG_A]!, entries[at | TAG_B]!, (meta & GLOBAL) !== 0, meta & ATTRIBUTES))
      return false;
    return !query.ranged || isInRange(query, entries[at]!, entries[at | KEY]!);
  }

  #drop(at: number): void {
    const shift = keyShift(this.#entries[at | KEY] as number);
    this.#forgetCopies(at);
    this.#entries[at | KEY] = 0;
    if (this.#provenance !== null) this.#provenance[at >>> STRIDE_LOG2] = undefined;
    this.used--;
    this.#sizes.remove(shift);
  }

  /** Drops everything and restarts replacement. @returns how many entries */
  clear(): number {
    const dropped = this.used;
    this.#entries.fill(0);
    this.microTlb?.forgetAll();
    this.#replacement.clear();
    this.#sizes.clear();
    if (this.#provenance !== null) this.#provenance.length = 0;
    this.used = 0;
    return dropped;
  }
}

/** Low word of IOVA >> shift. A function of this module, as V8 loads and checks an imported one at each use. */
const pageLow = (iovaHi: number, iovaLo: number, shift: number): number =>
  shift >= 32 ? (iovaHi >>> (shift - 32)) | 0 : (iovaLo >>> shift) | (iovaHi << (32 - shift));

/** Shifts of 11 and more leave 21 bits for the high part of the page number. */
const keyOf = (iovaHi: number, shift: number): number =>
  ((shift >= 32 ? 0 : iovaHi >>> shift) << KEY_PAGE) | (shift << 1) | 1;
