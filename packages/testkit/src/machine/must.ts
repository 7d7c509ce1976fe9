import { isLeft } from 'fp-ts/lib/Either.js';
import { describeRefusal, type IoResult } from '@ioasis/core';

/**
 * The value of a call that must succeed.
 * @throws Error with code, rule, facts and hint when it was refused
 */
export function must<A>(result: IoResult<A>): A {
  if (isLeft(result)) throw new Error(describeRefusal(result.left));
  return result.right;
}
