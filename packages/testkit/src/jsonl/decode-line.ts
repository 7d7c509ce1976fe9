import { left, right, type Either } from 'fp-ts/lib/Either.js';
import type * as t from 'io-ts';

const shown = (value: unknown): string => {
  if (value === undefined) return 'it is missing';
  const text = typeof value === 'bigint' ? `0x${value.toString(16)}` : JSON.stringify(value);
  return `it is ${text.length > 60 ? `${text.slice(0, 60)}...` : text}`;
};

const tagOf = (type: t.Decoder<unknown, unknown>): unknown => ('_tag' in type ? type._tag : undefined);

/** The first thing that is wrong with a value: path, what is allowed, what it is. */
function firstFault(errors: t.Errors): string {
  const context = errors[0]?.context ?? [];
  // A union is named as a whole; below it io-ts reports the faults of each of its members.
  const union = context.findIndex(({ type }) => tagOf(type) === 'UnionType');
  const shortened = union === -1 ? context : context.slice(0, union + 1);
  // The members of an intersection are no part of the value's path.
  const path = shortened.flatMap(({ key }, at) => {
    const parent = shortened[at - 1];
    return parent === undefined || tagOf(parent.type) === 'IntersectionType' ? [] : [key];
  });
  const last = shortened.at(-1);
  return `${path.join('.') || 'the line'} must be ${last?.type.name ?? 'something else'}; ${shown(last?.actual)}`;
}

/** Parses one line of JSON to an object. @returns Left with the reason */
export function parseObject(line: string): Either<string, Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return left(line === '' ? 'blank line' : `not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return left('not a JSON object');
  return right(value as Record<string, unknown>);
}

/**
 * Checks a value against a codec that changes nothing. The codec's guard runs first, because building io-ts' error contexts for the
 * tens of thousands of good lines would cost more than reading them.
 */
export function check<A>(codec: t.Type<A>, value: unknown): Either<string, A> {
  if (codec.is(value)) return right(value);
  const decoded = codec.decode(value);
  return decoded._tag === 'Left' ? left(firstFault(decoded.left)) : decoded;
}
