import { left, right } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { describe, expect, it } from 'vitest';
import {
  decodeOptions,
  flagOption,
  integerOption,
  oneOfOption,
  optionRecord,
  powerOfTwoOption,
  requireOptions,
  word64Option,
} from '../../src/index.js';

interface Cache {
  readonly entries?: number;
  readonly on?: boolean;
}
interface Options {
  readonly width?: number;
  readonly preset?: 'a' | 'b';
  readonly cap?: bigint;
  readonly caches?: Cache | boolean;
  readonly sizes?: readonly number[];
}

const cache = optionRecord<Cache>({ entries: powerOfTwoOption(1, 64), on: flagOption });
const codec = optionRecord<Options>({
  width: integerOption(32, 57),
  preset: oneOfOption('a', 'b'),
  cap: word64Option,
  caches: t.union([flagOption, cache]),
  sizes: t.readonlyArray(integerOption(0, 9)),
});
const decode = (input: unknown) => decodeOptions('unit X', codec, input);

describe('decodeOptions', () => {
  it.each([
    {},
    { width: 48 },
    { width: undefined },
    { cap: 5n, caches: { entries: 4 } },
    { caches: false, sizes: [1] },
  ])('takes %o', (input) => expect(decode(input)).toEqual(right(input)));

  it.each([
    [{ width: 58 }, 'unit X: width is 58, expected an integer from 32 to 57'],
    [{ width: '48' }, 'unit X: width is "48", expected an integer from 32 to 57'],
    [{ preset: 'c' }, 'unit X: preset is "c", expected one of a, b'],
    [{ cap: 1n << 64n }, 'unit X: cap is 0x10000000000000000, expected an unsigned 64-bit bigint'],
    [{ cpa: 1n }, 'unit X: cpa is "cpa", expected one of the keys width, preset, cap, caches, sizes'],
    [{ caches: { entries: 3 } }, 'unit X: caches.entries is 3, expected a power of two from 1 to 64'],
    [{ sizes: [1, 10] }, 'unit X: sizes.1 is 10, expected an integer from 0 to 9'],
    [null, 'unit X: options is null, expected an object with the keys width, preset, cap, caches, sizes'],
  ])('refuses %o with path, value and what is allowed', (input, message) => {
    expect(decode(input)).toEqual(left(message));
    expect(() => requireOptions('unit X', codec, input)).toThrow(new RangeError(message));
  });
});
