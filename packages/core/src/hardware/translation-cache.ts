import type { CacheQuery } from './cache-query.js';
import { EntryPayload } from './entry-payload.js';
import type { MicroTlb } from './micro-tlb.js';
import { isInRange, keyShift, pageCount } from './page-key.js';
import { PageSizes } from './page-sizes.js';
import { Replacement } from './replacement.js';
import { cacheShape, type EntryProvenance, type TranslationCacheOptions } from './translation-cache-options.js';

/* What fields hold before the constructor sets them: V8 then knows their classes and does not ask at each use. */
const NO_WORDS = new Int32Array(0);
const NO_MARKS = new Uint8Array(0);
const NO_REPLACEMENT = new Replacement(1, 1, 'round-robin');

/* Words of an entry. Word 0: the low word of the page number. */
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
/** Or'ed to the attributes of an entry that matches any tag B. */
export const GLOBAL_PAGE = 0x1_0000;
const GLOBAL = GLOBAL_PAGE;
/** The micro-TLB has answers from this entry. */
const COPIED = 0x2_0000;
const ATTRIBUTES = 0xffff;
const PERMISSIONS = 0xff;
/** Bit of a key at which the page number goes on; here, because an imported constant is loaded and checked at each use. */
const KEY_PAGE = 7;
const KEY_SHIFT = 0x7e;
/** Lowest bits of the key of a page of 4 KiB. */
const KEY_4K = (12 << 1) | 1;
const EVERY_BYTE = 0x0101_0101;
const TOP_BITS = 0x8080_8080 | 0;

/**
 * A set-associative cache of translations on typed arrays: IOTLB, paging-structure cache, device TLB. One hidden class for all
 * vendors and uses.
 *
 * Two tag words say whose an entry is; what they hold is the vendor's matter (tag A: domain id, VMID; tag B: PASID, ASID). A global
 * entry matches any tag B. Look-ups try the page sizes that are in the cache, smallest first.
 *
 * What an entry was found at is its slot: set by set, way by way. Of each slot there is a mark, eight bits of its page number, and those of
 * a set stand side by side: a look-up that finds nothing reads hardly more than them.
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
  /** Told which pages' entries come and go; null: nobody is. */
  microTlb: MicroTlb | null = null;

  /** Slot of the entry that hit. */
  #hit = 0;

  /** By slot: the bits of the page number above those that choose the set. Those of free slots mean nothing. */
  readonly #marks: Uint8Array = NO_MARKS;
  /** The same, four slots a word. */
  readonly #groups: Int32Array = NO_WORDS;
  /** By slot: the words of an entry. */
  readonly #entries: Int32Array = NO_WORDS;
  /** Entries that there is room for; -1: the cache is off. */
  readonly #room: number = 0;
  readonly #setMask: number = 0;
  readonly #setBits: number = 0;
  /** Slots of a set are `set << wayBits` and what {@link #lastWay} adds. */
  readonly #wayBits: number = 0;
  readonly #lastWay: number = 0;
  readonly #replacement: Replacement = NO_REPLACEMENT;
  readonly #sizes = new PageSizes();
  readonly #provenance: (EntryProvenance | undefined)[] | null;

  /** @throws RangeError when `entries` or `ways` is no power of two, or there are more than 256 ways */
  constructor(options: TranslationCacheOptions) {
    const { entries, ways } = cacheShape(options);
    const sets = Math.max(1, entries / ways);
    // A cache that is off has entries too, which stay free.
    const slots = Math.max(4, entries);
    this.#marks = new Uint8Array(slots);
    this.#groups = new Int32Array(this.#marks.buffer);
    this.#setBits = 31 - Math.clz32(sets);
    this.#entries = new Int32Array(slots << STRIDE_LOG2);
    this.#room = entries === 0 ? -1 : entries;
    this.#setMask = sets - 1;
    this.#wayBits = 31 - Math.clz32(ways);
    this.#lastWay = ways - 1;
    this.#replacement = new Replacement(sets, ways, options.replacement ?? 'round-robin');
    this.payload = options.payload === true ? new EntryPayload(entries) : null;
    this.#provenance = options.provenance === true ? [] : null;
  }

  /** Looks for a page that holds the address. After true the fields describe it. */
  lookup(iovaHi: number, iovaLo: number, tagA: number, tagB: number): boolean {
    const { shifts, count } = this.#sizes;
    for (let size = 0; size < count; size++) {
      const shift = shifts[size] as number;
      const page = pageLow(iovaHi, iovaLo, shift);
      const first = ((page ^ tagA) & this.#setMask) << this.#wayBits;
      const last = first | this.#lastWay;
      const mark = (page >>> this.#setBits) & 0xff;
      for (let slot = first; slot <= last; slot++) {
        // Compared with true, because otherwise V8 tests the result as it would any value.
        if (this.#marks[slot] === mark && this.#take(slot, shift, page, iovaHi, iovaLo, tagA, tagB) === true)
          return true;
      }
    }
    return false;
  }

  /**
   * True: nothing holds the address, surely. Cheaper to ask first where most look-ups find nothing: one word of memory, if all pages have
   * 4 KiB and a set at most four ways.
   */
  lacks(iovaHi: number, iovaLo: number, tagA: number): boolean {
    const page = (iovaLo >>> 12) | (iovaHi << 20);
    // Smaller sets share a word. A byte of it that is zero is a mark of this page.
    const group = (((page ^ tagA) & this.#setMask) << this.#wayBits) >> 2;
    const marks = (this.#groups[group] as number) ^ Math.imul((page >>> this.#setBits) & 0xff, EVERY_BYTE);
    return ((marks - EVERY_BYTE) & ~marks & TOP_BITS) === 0 && this.#sizes.others === 0 && this.#lastWay < 4;
  }

  /** Whether the entry is the one that is looked for. */
  #take(
    slot: number,
    shift: number,
    page: number,
    iovaHi: number,
    iovaLo: number,
    tagA: number,
    tagB: number,
  ): boolean {
    const entries = this.#entries;
    const at = slot << STRIDE_LOG2;
    if (entries[at] !== page || entries[at | KEY] !== keyOf(iovaHi, shift) || entries[at | TAG_A] !== tagA)
      return false;
    if (entries[at | TAG_B] !== tagB && ((entries[at | META] as number) & GLOBAL) === 0) return false;
    const offsetLo = shift >= 32 ? -1 : (1 << shift) - 1;
    const offsetHi = shift <= 32 ? 0 : (1 << (shift - 32)) - 1;
    const lo = entries[at | PA_LO] as number;
    this.paHi = ((entries[at | PA_HI] as number) & ~offsetHi) | (iovaHi & offsetHi);
    this.paLo = (lo & ~offsetLo) | (iovaLo & offsetLo);
    this.permissions = lo & PERMISSIONS;
    this.pageShift = shift;
    this.#hit = slot;
    return true;
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
    return (this.#entries[(this.#hit << STRIDE_LOG2) | META] as number) & ATTRIBUTES;
  }

  /** After a hit: index of the entry, for {@link provenanceOf}. */
  get index(): number {
    return this.#hit;
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
    if (this.#room < 0) return -1;
    const page = pageLow(iovaHi, iovaLo, pageShift);
    const key = keyOf(iovaHi, pageShift);
    // Copies of a larger page, or of the requesters' own that this one is global to, stand behind it from now on.
    this.microTlb?.forget(page, key);
    const old = this.#find(page, key, tagA, tagB, global);
    const slot = old >= 0 ? old : this.#slotFor((page ^ tagA) & this.#setMask);
    this.#vacate(slot, key);
    const meta = attributes | (global ? GLOBAL : 0);
    this.#write(slot, page, key, tagA, tagB, paHi, (paLo & ~PERMISSIONS) | permissions, meta);
    if (this.#provenance !== null) this.#provenance[slot] = undefined;
    return slot;
  }

  /**
   * The same for a page of 4 KiB that a look-up has just not found, in a cache without `provenance`.
   * @param owner whose it is
   * @param target any address of the page's target
   * @param meta the attributes, and {@link GLOBAL_PAGE}
   */
  add(
    owner: { readonly tagA: number; readonly tagB: number },
    target: { readonly paHi: number; readonly paLo: number },
    iovaHi: number,
    iovaLo: number,
    permissions: number,
    meta: number,
  ): true {
    const { tagA, tagB } = owner;
    const { paHi, paLo } = target;
    const page = (iovaLo >>> 12) | (iovaHi << 20);
    const key = ((iovaHi >>> 12) << KEY_PAGE) | KEY_4K;
    if (this.used !== this.#room || (meta & GLOBAL) !== 0) {
      this.insert(iovaHi, iovaLo, 12, tagA, tagB, paHi, paLo, permissions, meta & ATTRIBUTES, (meta & GLOBAL) !== 0);
      return true;
    }
    const set = (page ^ tagA) & this.#setMask;
    const slot = (set << this.#wayBits) | this.#replacement.victim(set);
    const entries = this.#entries;
    const at = slot << STRIDE_LOG2;
    const differs = ((entries[at | KEY] as number) ^ KEY_4K) & KEY_SHIFT;
    if ((differs | ((entries[at | META] as number) & COPIED)) !== 0) this.#vacate(slot, key);
    this.#write(slot, page, key, tagA, tagB, paHi, (paLo & ~PERMISSIONS) | permissions, meta);
    return true;
  }

  #write(
    slot: number,
    page: number,
    key: number,
    tagA: number,
    tagB: number,
    paHi: number,
    paLo: number,
    meta: number,
  ): void {
    const entries = this.#entries;
    const at = slot << STRIDE_LOG2;
    this.#marks[slot] = page >>> this.#setBits;
    entries[at] = page;
    entries[at | KEY] = key;
    entries[at | TAG_A] = tagA;
    entries[at | TAG_B] = tagB;
    entries[at | PA_LO] = paLo;
    entries[at | PA_HI] = paHi;
    entries[at | META] = meta;
  }

  /** Where a page is, or -1. */
  #find(page: number, key: number, tagA: number, tagB: number, global: boolean): number {
    const entries = this.#entries;
    const first = ((page ^ tagA) & this.#setMask) << this.#wayBits;
    for (let slot = first; slot <= (first | this.#lastWay); slot++) {
      const at = slot << STRIDE_LOG2;
      if (entries[at] !== page || entries[at | KEY] !== key || entries[at | TAG_A] !== tagA) continue;
      if (((entries[at | META] as number) & GLOBAL) !== (global ? GLOBAL : 0)) continue;
      if (global || entries[at | TAG_B] === tagB) return slot;
    }
    return -1;
  }

  /** The slot of a new page: a free way of the set, or the one whose turn it is. */
  #slotFor(set: number): number {
    const first = set << this.#wayBits;
    for (let slot = first; this.used < this.#room && slot <= (first | this.#lastWay); slot++) {
      if (this.#entries[(slot << STRIDE_LOG2) | KEY] === 0) return slot;
    }
    return first | this.#replacement.victim(set);
  }

  /** What is in a slot goes, for a page with this key: how many entries there are, of which sizes, and what the micro-TLB has of them. */
  #vacate(slot: number, key: number): void {
    const old = this.#entries[(slot << STRIDE_LOG2) | KEY] as number;
    // One page of a size for another leaves the counts.
    if (old !== 0 && ((old ^ key) & KEY_SHIFT) === 0) return this.#forgetCopies(slot);
    if (old !== 0) this.#drop(slot);
    this.used++;
    this.#sizes.add(keyShift(key));
  }

  /** After a hit: the micro-TLB keeps what was found. */
  noteCopied(): void {
    const meta = (this.#hit << STRIDE_LOG2) | META;
    this.#entries[meta] = (this.#entries[meta] as number) | COPIED;
  }

  /** An entry goes. */
  #forgetCopies(slot: number): void {
    const at = slot << STRIDE_LOG2;
    if (((this.#entries[at | META] as number) & COPIED) === 0) return;
    this.microTlb?.forget(this.#entries[at] as number, this.#entries[at | KEY] as number);
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
    if (!query.ranged || query.tagAMask !== -1) return this.#invalidateIn(query, 0, this.#room);
    let dropped = 0;
    for (let size = this.#sizes.count - 1; size >= 0; size--) {
      const shift = this.#sizes.shifts[size] as number;
      // With tag A known, a page lies in one set: a short range needs no look at the others.
      const first = pageLow(query.startHi, query.startLo, shift);
      const pages = pageCount(query, shift);
      if (pages > this.#setMask) return dropped + this.#invalidateIn(query, 0, this.#room);
      for (let page = 0; page < pages; page++) {
        const slot = (((first + page) ^ query.tagA) & this.#setMask) << this.#wayBits;
        dropped += this.#invalidateIn(query, slot, slot + this.#lastWay + 1);
      }
    }
    return dropped;
  }

  #invalidateIn(query: CacheQuery, start: number, end: number): number {
    let dropped = 0;
    for (let slot = start; slot < end; slot++) {
      if (this.#entries[(slot << STRIDE_LOG2) | KEY] === 0 || !this.#matches(slot, query)) continue;
      this.#drop(slot);
      dropped++;
    }
    return dropped;
  }

  #matches(slot: number, query: CacheQuery): boolean {
    const entries = this.#entries;
    const at = slot << STRIDE_LOG2;
    const meta = entries[at | META]!;
    if (!query.matches(entries[at | TAG_A]!, entries[at | TAG_B]!, (meta & GLOBAL) !== 0, meta & ATTRIBUTES))
      return false;
    return !query.ranged || isInRange(query, entries[at]!, entries[at | KEY]!);
  }

  #drop(slot: number): void {
    const at = slot << STRIDE_LOG2;
    const shift = keyShift(this.#entries[at | KEY] as number);
    this.#forgetCopies(slot);
    this.#entries[at | KEY] = 0;
    if (this.#provenance !== null) this.#provenance[slot] = undefined;
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
