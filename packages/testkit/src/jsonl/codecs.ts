import * as t from 'io-ts';

const HEX_NUMBER = /^0x[0-9a-f]{1,16}$/i;
const HEX_BYTES = /^(?:[0-9a-f]{2})*$/i;

/** Accepts strings that a pattern matches; `name` says in an error what is allowed. */
export function textLike(name: string, pattern: RegExp): t.Type<string> {
  const is = (value: unknown): value is string => typeof value === 'string' && pattern.test(value);
  return new t.Type<string>(
    name,
    is,
    (value, context) => (is(value) ? t.success(value) : t.failure(value, context)),
    t.identity,
  );
}

/** A number as recordings write it: a JSON integer or `"0x.."`. */
export type Quantity = number | string;

const isQuantity = (value: unknown): value is Quantity =>
  typeof value === 'number'
    ? Number.isSafeInteger(value) && value >= 0
    : typeof value === 'string' && HEX_NUMBER.test(value);

/** Accepts unsigned 64-bit numbers: JSON integers and `"0x.."` strings. */
export const Quantity: t.Type<Quantity> = new t.Type<Quantity>(
  'an unsigned number (an integer or "0x..", at most 64 bits)',
  isQuantity,
  (value, context) => (isQuantity(value) ? t.success(value) : t.failure(value, context)),
  t.identity,
);

/** Accepts byte strings: hexadecimal in memory order, two digits per byte. */
export const HexBytes: t.Type<string> = textLike('a string of hexadecimal bytes', HEX_BYTES);

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);

/** Accepts integers, also negative ones. */
export const Integer: t.Type<number> = new t.Type<number>(
  'an integer',
  isInteger,
  (value, context) => (isInteger(value) ? t.success(value) : t.failure(value, context)),
  t.identity,
);
