import { hex } from '@ioasis/core';

/** A backend does not keep its contract. The message says what was looked at, what was expected and what was found. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
}

const show = (value: unknown): string => {
  if (typeof value === 'bigint') return hex(value);
  return value === undefined
    ? 'nothing'
    : JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? hex(part) : part));
};

/** Asserts that a condition holds. @param rule what must be true, as a sentence without its full stop */
export function ensure(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new ConformanceError(rule);
}

/** Asserts that two primitive values are the same. @param what the value that is looked at; a function where it is looked at often */
export function equal(actual: unknown, expected: unknown, what: string | (() => string)): void {
  if (!Object.is(actual, expected)) {
    throw new ConformanceError(
      `${typeof what === 'string' ? what : what()}: expected ${show(expected)}, found ${show(actual)}`,
    );
  }
}

/** Asserts that two lists or records of primitive values are the same. */
export function same(actual: unknown, expected: unknown, what: string): void {
  equal(show(actual), show(expected), what);
}
