/**
 * Which entries an invalidation drops: those that pass every test. Tests are data; a unit keeps one object and reuses it.
 *
 * Tags and attributes match under a mask: `((entry ^ query) & mask) === 0`; a mask of 0 asks nothing. A range test passes entries
 * whose page overlaps `[start, last]`, whatever their size.
 */
export class CacheQuery {
  tagA = 0;
  tagAMask = 0;
  tagB = 0;
  tagBMask = 0;
  /**
   * Global entries: `match` passes them whatever tag B asks, `keep` never drops them (Arm: TLBI by ASID), `plain` tests the tag B
   * that they were filled with.
   */
  global: 'match' | 'keep' | 'plain' = 'match';
  /** Tested against the attributes given to `insert`. */
  attributes = 0;
  attributesMask = 0;
  /** Whether the range is tested. */
  ranged = false;
  startHi = 0;
  startLo = 0;
  /** Inclusive. */
  lastHi = 0;
  lastLo = 0;

  /** Back to "drop everything". */
  all(): this {
    this.tagA = 0;
    this.tagAMask = 0;
    this.tagB = 0;
    this.tagBMask = 0;
    this.global = 'match';
    this.attributes = 0;
    this.attributesMask = 0;
    this.ranged = false;
    return this;
  }

  /** Asks for tag A, all of it. */
  withTagA(tagA: number): this {
    this.tagA = tagA;
    this.tagAMask = -1;
    return this;
  }

  /** Asks for tag B, all of it. */
  withTagB(tagB: number): this {
    this.tagB = tagB;
    this.tagBMask = -1;
    return this;
  }

  /** Asks for attribute bits. */
  withAttributes(attributes: number, mask: number): this {
    this.attributes = attributes;
    this.attributesMask = mask;
    return this;
  }

  /** Asks for overlap with `[start, last]`. */
  inRange(startHi: number, startLo: number, lastHi: number, lastLo: number): this {
    this.ranged = true;
    this.startHi = startHi | 0;
    this.startLo = startLo | 0;
    this.lastHi = lastHi | 0;
    this.lastLo = lastLo | 0;
    return this;
  }

  /** Whether the query asks for an entry with these tags and attributes, its range aside. */
  matches(tagA: number, tagB: number, isGlobal: boolean, attributes: number): boolean {
    if (((tagA ^ this.tagA) & this.tagAMask) !== 0) return false;
    if (isGlobal && this.global === 'keep') return false;
    const asksTagB = !isGlobal || this.global === 'plain';
    if (asksTagB && ((tagB ^ this.tagB) & this.tagBMask) !== 0) return false;
    return ((attributes ^ this.attributes) & this.attributesMask) === 0;
  }
}
