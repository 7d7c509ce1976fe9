import * as t from 'io-ts';

/*
 * io-ts codecs of options. The name of a codec says what is allowed, as it stands behind "expected" in the message of a refusal;
 * io-ts' own reporter cannot print bigints and does not name unknown keys.
 */

/** A codec narrowed by a test; `allowed` describes what passes. */
export function refined<A>(base: t.Type<A>, allowed: string, test: (value: A) => boolean): t.Type<A> {
  const is = (value: unknown): value is A => base.is(value) && test(value);
  return new t.Type<A>(
    allowed,
    is,
    (value, context) => (is(value) ? t.success(value) : t.failure(value, context)),
    t.identity,
  );
}

/** An integer of an inclusive range. */
export const integerOption = (low: number, high: number): t.Type<number> =>
  refined(
    t.number,
    `an integer from ${low} to ${high}`,
    (value) => Number.isInteger(value) && value >= low && value <= high,
  );

/** A power of two of an inclusive range. */
export const powerOfTwoOption = (low: number, high: number): t.Type<number> =>
  refined(t.number, `a power of two from ${low} to ${high}`, (value) => {
    return Number.isInteger(Math.log2(value)) && value >= low && value <= high;
  });

/** An unsigned 64-bit bigint. */
export const word64Option: t.Type<bigint> = refined(
  t.bigint,
  'an unsigned 64-bit bigint',
  (value) => BigInt.asUintN(64, value) === value,
);

/** A boolean. */
export const flagOption: t.Type<boolean> = refined(t.boolean, 'true or false', () => true);

/** One of some literals. */
export function oneOfOption<const A extends string | number>(...values: readonly A[]): t.Type<A> {
  const is = (value: unknown): value is A => values.includes(value as A);
  return new t.Type<A>(
    `one of ${values.join(', ')}`,
    is,
    (value, context) => (is(value) ? t.success(value) : t.failure(value, context)),
    t.identity,
  );
}

/** What each option of a record allows. */
export type OptionFields<A> = { readonly [Key in keyof Required<A>]: t.Type<Required<A>[Key]> };

/**
 * An object of options; keys that are not listed are refused.
 * @param required keys that must be there; the others may be absent or undefined
 */
export function optionRecord<A>(fields: OptionFields<A>, required: readonly (keyof A & string)[] = []): t.Type<A> {
  const codecs = Object.entries(fields) as [keyof A & string, t.Mixed][];
  const known = codecs.map(([key]) => key);
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const unknownKey = (value: object): string | undefined =>
    Object.keys(value).find((key) => !(known as string[]).includes(key));
  const fits = (codec: t.Mixed, key: keyof A & string, value: unknown): boolean =>
    (value === undefined && !required.includes(key)) || codec.is(value);
  const strangeKey = new t.Type<never>(
    `one of the keys ${known.join(', ')}`,
    (_): _ is never => false,
    t.failure,
    t.identity,
  );
  return new t.Type<A>(
    `an object with the keys ${known.join(', ')}`,
    (value): value is A =>
      isObject(value) &&
      unknownKey(value) === undefined &&
      codecs.every(([key, codec]) => fits(codec, key, value[key])),
    (value, context) => {
      if (!isObject(value)) return t.failure(value, context);
      const unknown = unknownKey(value);
      if (unknown !== undefined) return t.failure(unknown, [...context, { key: unknown, type: strangeKey }]);
      const wrong = codecs.find(([key, codec]) => !fits(codec, key, value[key]));
      if (wrong === undefined) return t.success(value as A);
      const [key, codec] = wrong;
      return codec.validate(value[key], t.appendContext(context, key, codec, value[key])) as t.Validation<A>;
    },
    t.identity,
  );
}
