import { isLeft } from 'fp-ts/lib/Either.js';
import { allRefusalRules, describeRefusal, hex, type ErrnoName, type IoResult } from '@ioasis/core';
import { assertVerdict, type Verdict } from './verdict.js';

/** Whether a call was refused with an errno and, if given, by the rule with this code. */
export function refuses(result: IoResult<unknown>, errno: ErrnoName, code?: string): Verdict {
  const pass = isLeft(result) && result.left.errno === errno && (code === undefined || result.left.code === code);
  return {
    pass,
    subject: 'the call',
    expectation: `be refused with ${errno}${code === undefined ? '' : ` ${code}`}`,
    seen: () =>
      [
        isLeft(result)
          ? `it was refused with ${describeRefusal(result.left)}`
          : `it succeeded with ${text(result.right)}`,
        ...(pass || code === undefined ? [] : [meaningOf(code)]),
      ].join('\n'),
  };
}

/** @throws AssertionError that prints the refusal, or the value of a call that succeeded */
export const assertRefuses = (result: IoResult<unknown>, errno: ErrnoName, code?: string): void =>
  assertVerdict(refuses(result, errno, code));

function meaningOf(code: string): string {
  const found = allRefusalRules().find((row) => row.code === code);
  return found === undefined
    ? `no loaded package refuses with ${code}`
    : `${code} is ${found.rule.errno} of ${found.room}: ${found.rule.rule}`;
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? hex(part) : part)) ?? 'nothing';
