import type { FormatWords } from './format-words.js';

/**
 * Passes over the leaves of one level that are one entry each. Short loops on int32 words and nothing else, because they see every entry
 * of a table. Positions are indices of low words, ends are exclusive.
 */
export class LeafTest {
  readonly #present: number = 0;
  /** A plain leaf: `(lo & plainMask) === plain` and no bit of `runHi`. Links and groups are none. */
  readonly #plainMask: number = 0;
  readonly #plain: number = 0;
  readonly #runHi: number = 0;
  /** A link of a format whose leaves have no mask. */
  readonly #linkMask: number = 0;
  readonly #link: number = 0;
  readonly #dirtyMaskHi: number = 0;
  readonly #dirtyMaskLo: number = 0;
  readonly #dirtyHi: number = 0;
  readonly #dirtyLo: number = 0;
  readonly #cleanHi: number = 0;
  readonly #cleanLo: number = 0;

  /** Dirty state is in low words only, no plain leaf looks like a link, and what {@link #cleanLow} and {@link #cleanBoth} say. */
  readonly #isLow: boolean = false;
  readonly #isBoth: boolean = false;

  constructor(format: FormatWords, level: number) {
    this.#present = format.present;
    const runLo = format.contiguous.lo[level] as number;
    this.#plainMask = (format.leafMask[level] as number) | (format.codedMask[level] as number) | runLo;
    this.#plain = format.leafValue[level] as number;
    this.#runHi = format.contiguous.hi[level] as number;
    // No entry of the lowest level is a link: mask 0, value 1.
    this.#linkMask = format.tableMask[level] as number;
    this.#link = level === 0 ? 1 : (format.tableValue[level] as number);
    this.#dirtyMaskHi = format.dirtyMaskHi;
    this.#dirtyMaskLo = format.dirtyMaskLo;
    this.#dirtyHi = format.dirtyHi;
    this.#dirtyLo = format.dirtyLo;
    this.#cleanHi = format.cleanHi;
    this.#cleanLo = format.cleanLo;
    const differsFromLink = ((this.#plain ^ this.#link) & this.#plainMask & this.#linkMask) !== 0;
    const isShort = this.#dirtyHi === this.#cleanHi && (level === 0 || differsFromLink);
    this.#isLow = isShort && (this.#runHi | this.#dirtyMaskHi) === 0;
    this.#isBoth = isShort && (this.#present & (this.#present - 1)) === 0;
  }

  /** The first entry that is neither a hole nor a plain leaf that is not dirty. */
  skipClean(words: Int32Array, at: number, end: number): number {
    // V8 does not move loads out of loops: all words in locals.
    const present = this.#present;
    const plainMask = this.#plainMask;
    const plain = this.#plain;
    const runHi = this.#runHi;
    const linkMask = this.#linkMask;
    const link = this.#link;
    const dirtyMaskHi = this.#dirtyMaskHi;
    const dirtyMaskLo = this.#dirtyMaskLo;
    const dirtyHi = this.#dirtyHi;
    const dirtyLo = this.#dirtyLo;
    for (; at < end; at += 2) {
      const lo = words[at] as number;
      if ((lo & present) === 0) continue;
      const hi = words[at | 1] as number;
      if ((((lo & plainMask) ^ plain) | (hi & runHi)) !== 0 || (lo & linkMask) === link) break;
      if ((((lo & dirtyMaskLo) ^ dirtyLo) | ((hi & dirtyMaskHi) ^ dirtyHi)) === 0) break;
    }
    return at;
  }

  /**
   * The first entry that is no dirty plain leaf.
   * @param cleans the dirty ones before it become clean
   */
  skipDirty(words: Int32Array, at: number, end: number, cleans: boolean): number {
    if (cleans && this.#isLow) return this.#cleanLow(words, at, end);
    if (cleans && this.#isBoth) return this.#cleanBoth(words, at, end);
    const present = this.#present;
    const maskLo = this.#plainMask | this.#dirtyMaskLo;
    const maskHi = this.#runHi | this.#dirtyMaskHi;
    const valueLo = this.#plain | this.#dirtyLo;
    const valueHi = this.#dirtyHi;
    const linkMask = this.#linkMask;
    const link = this.#link;
    // A word that stays as it is is not written.
    const flipLo = cleans ? this.#dirtyLo ^ this.#cleanLo : 0;
    const flipHi = cleans ? this.#dirtyHi ^ this.#cleanHi : 0;
    for (; at < end; at += 2) {
      const lo = words[at] as number;
      const hi = words[at | 1] as number;
      const differs = ((lo & maskLo) ^ valueLo) | ((hi & maskHi) ^ valueHi);
      if (differs !== 0 || (lo & present) === 0 || (lo & linkMask) === link) break;
      if (flipLo !== 0) words[at] = lo ^ flipLo;
      if (flipHi !== 0) words[at | 1] = hi ^ flipHi;
    }
    return at;
  }

  /** The usual cases of {@link skipDirty} with nothing in their loops that need not be there: entries of which only low words matter. */
  #cleanLow(words: Int32Array, at: number, end: number): number {
    const present = this.#present;
    const mask = this.#plainMask | this.#dirtyMaskLo;
    const value = this.#plain | this.#dirtyLo;
    const flip = this.#dirtyLo ^ this.#cleanLo;
    for (; at < end; at += 2) {
      const lo = words[at] as number;
      if (((lo & mask) ^ value) !== 0 || (lo & present) === 0) break;
      words[at] = lo ^ flip;
    }
    return at;
  }

  /** And such as a single bit makes present. */
  #cleanBoth(words: Int32Array, at: number, end: number): number {
    const present = this.#present;
    const maskLo = this.#plainMask | this.#dirtyMaskLo | present;
    const maskHi = this.#runHi | this.#dirtyMaskHi;
    const valueLo = this.#plain | this.#dirtyLo | present;
    const valueHi = this.#dirtyHi;
    const flip = this.#dirtyLo ^ this.#cleanLo;
    for (; at < end; at += 2) {
      const lo = words[at] as number;
      if ((((lo & maskLo) ^ valueLo) | (((words[at | 1] as number) & maskHi) ^ valueHi)) !== 0) break;
      words[at] = lo ^ flip;
    }
    return at;
  }
}
