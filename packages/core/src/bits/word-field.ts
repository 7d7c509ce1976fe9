import type { WordLayout } from './word-layout.js';

/**
 * One field of a layout as int32 constants, for code that reads structures as 32-bit words and must not make a bigint. The place
 * of the field stays written once, in the layout.
 */
export class WordField {
  /** Index of the 32-bit word that holds the field. */
  readonly word: number;
  readonly shift: number;
  /** Mask after the shift; -1 for a field of 32 bits, which then reads as int32. */
  readonly mask: number;

  constructor(word: number, shift: number, mask: number) {
    this.word = word;
    this.shift = shift;
    this.mask = mask;
  }

  /** The field of the structure that starts at `words[at]`. */
  of(words: Int32Array, at: number): number {
    return (words[at + this.word]! >>> this.shift) & this.mask;
  }
}

/** Takes a field out of a layout; throws RangeError when it does not lie inside one 32-bit word. */
export function wordField<const Name extends string>(layout: WordLayout<Name>, field: Name): WordField {
  const [hi, lo] = layout.fields[field];
  if (hi >> 5 !== lo >> 5) throw new RangeError(`${layout.name}.${field} crosses a 32-bit word`);
  const width = hi - lo + 1;
  return new WordField(lo >> 5, lo & 31, width === 32 ? -1 : 2 ** width - 1);
}

/** A mask over a structure as 32-bit words, lowest first: what a reserved-bits check ANDs with the structure. */
export const maskWords = (mask: bigint, bits: number): Int32Array =>
  Int32Array.from({ length: bits / 32 }, (_, word) => Number(BigInt.asIntN(32, mask >> BigInt(word * 32))));

/** True when the structure at `words[at]` has a bit of the mask set. */
export function anyBit(mask: Int32Array, words: Int32Array, at: number): boolean {
  for (let word = 0; word < mask.length; word++) {
    if ((words[at + word]! & mask[word]!) !== 0) return true;
  }
  return false;
}
