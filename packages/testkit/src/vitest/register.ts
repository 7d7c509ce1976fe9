import { expect } from 'vitest';
import { ioasisMatchers, type IoasisMatchers } from '../matchers/index.js';

declare module 'vitest' {
  // The parameter is vitest's own declaration's.
  // oxlint-disable-next-line typescript/no-explicit-any, typescript/no-empty-object-type, no-unused-vars
  interface Matchers<T = any> extends IoasisMatchers {}
}

/** Gives `expect` the matchers of the testkit. */
export function registerMatchers(): void {
  expect.extend(ioasisMatchers);
}
