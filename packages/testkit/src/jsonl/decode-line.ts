import { left, right, type Either } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';

const shown = (value: unknown): string => {
  if (value === undefined) return 'it is missing';
  const text = typeof value === 'bigint' ? `0x${value.toString(16)}` : JSON.stringify(value);
  return `it is ${text.length > 60 ? `${text.slice(0, 60)}...` : text}`;
};

/** The first thing that is wrong with a value: path, what is allowed, what it is. */
function firstFault(errors: t.Errors): string {
  const error = errors[0];
  if (error === undefined) return 'it is not what the format allows';
  const path = error.context
    .slice(1)
    .map(({ key }) => key)
    .join('.');
  const expected = error.context.at(-1)?.type.name ?? 'something else';
  return `${path === '' ? 'the line' : path} must be ${expected}; ${shown(error.value)}`;
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
