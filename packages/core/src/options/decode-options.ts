import { isRight, left, right, type Either } from 'fp-ts/lib/Either.js';
import type * as t from 'io-ts';

/**
 * Decodes options that a person wrote.
 * @param owner whose options they are, the first word of the message
 * @returns the options, or one message that names the path, the value and what is allowed there
 */
export function decodeOptions<A>(owner: string, codec: t.Type<A>, input: unknown): Either<string, A> {
  const decoded = codec.decode(input);
  return isRight(decoded) ? right(decoded.right) : left(explain(owner, decoded.left));
}

/** As {@link decodeOptions}, for callers whose types promised right options. @throws RangeError with the message */
export function requireOptions<A>(owner: string, codec: t.Type<A>, input: unknown): A {
  const decoded = decodeOptions(owner, codec, input);
  if (isRight(decoded)) return decoded.right;
  throw new RangeError(decoded.left);
}

/** Of several errors the one deepest inside the value counts: alternatives of a union fail at its root as well. */
function explain(owner: string, errors: t.Errors): string {
  const deepest = errors.reduce((best, error) => (error.context.length > best.context.length ? error : best));
  const path = deepest.context
    .filter((_, at) => at > 0 && !isUnion(deepest.context[at - 1]?.type))
    .map(({ key }) => key)
    .join('.');
  const allowed = deepest.context.at(-1)?.type.name ?? '';
  return `${owner}: ${path === '' ? 'options' : path} is ${show(deepest.value)}, expected ${allowed}`;
}

/** An entry below a union has the number of the alternative as its key. */
const isUnion = (type: t.Decoder<never, unknown> | undefined): boolean =>
  type !== undefined && '_tag' in type && type._tag === 'UnionType';

function show(value: unknown): string {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? show(inner) : inner));
  return text ?? String(value);
}
