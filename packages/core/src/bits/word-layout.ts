/** `[hi, lo]`, both inclusive, exactly as a datasheet prints it. */
export type BitRange = readonly [hi: number, lo: number];

/** A word (8 to 512 bits) cut into named fields. */
export interface WordLayout<Name extends string> {
  readonly name: string;
  /** Width of the word in bits. */
  readonly bits: number;
  readonly fields: Readonly<Record<Name, BitRange>>;
  /** Bits that belong to no field. */
  readonly reserved: bigint;
  /** Mask of one field, in place. */
  mask(field: Name): bigint;
  /** Value of one field, shifted down. Not for hot paths: those use constants taken from {@link WordLayout.fields} at load. */
  get(word: bigint, field: Name): bigint;
  /** A word with the given fields set; throws RangeError when a value does not fit its field. */
  encode(values: Partial<Record<Name, bigint | number | boolean>>): bigint;
  /** All fields of a word, in order of declaration. */
  decode(word: bigint): Record<Name, bigint>;
}

/** Where a field is: bits to shift, and its mask in place. */
interface Place {
  readonly shift: bigint;
  readonly mask: bigint;
}

/**
 * Declares a layout and checks it at load: every field lies inside the word and no two overlap. Wrong bit positions are the most
 * frequent bug of IOMMU models, so positions are data and are written once.
 *
 * @example
 * ```ts
 * export const DDTE: WordLayout<'V' | 'PPN'> = wordLayout('DDTE', 64, { V: [0, 0], PPN: [53, 10] });
 * ```
 */
export function wordLayout<const Name extends string>(
  name: string,
  bits: number,
  fields: Readonly<Record<Name, BitRange>>,
): WordLayout<Name> {
  const places = new Map<string, Place>();
  let claimed = 0n;
  for (const [field, [hi, lo]] of Object.entries(fields) as [Name, BitRange][]) {
    if (lo < 0 || hi < lo || hi >= bits)
      throw new RangeError(`${name}.${field}: ${hi}:${lo} is not inside ${bits} bits`);
    const mask = ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
    if ((claimed & mask) !== 0n) throw new RangeError(`${name}.${field}: ${hi}:${lo} overlaps another field`);
    claimed |= mask;
    places.set(field, { shift: BigInt(lo), mask });
  }
  const placeOf = (field: string): Place => {
    const found = places.get(field);
    if (found === undefined) throw new RangeError(`${name} has no field ${field}`);
    return found;
  };
  const get = (word: bigint, field: Name): bigint => {
    const { shift, mask } = placeOf(field);
    return (word & mask) >> shift;
  };
  return {
    name,
    bits,
    fields,
    reserved: ((1n << BigInt(bits)) - 1n) & ~claimed,
    mask: (field) => placeOf(field).mask,
    get,
    encode(values) {
      let word = 0n;
      for (const field of Object.keys(values) as Name[]) {
        const value = values[field] as bigint | number | boolean;
        const { shift, mask } = placeOf(field);
        const placed = BigInt(value) << shift;
        if ((placed & mask) !== placed) throw new RangeError(`${name}.${field}: ${String(value)} does not fit`);
        word |= placed;
      }
      return word;
    },
    decode: (word) =>
      Object.fromEntries((Object.keys(fields) as Name[]).map((field) => [field, get(word, field)])) as Record<
        Name,
        bigint
      >,
  };
}
