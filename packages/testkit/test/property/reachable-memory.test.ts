import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mockBench, vtdBench, type Bench } from './bench.js';
import { operations, type Operation } from './operations.js';
import { PropertyRun } from './property-run.js';

/** A long run has other sequences each time. */
const RUNS: string | undefined = process.env['PROPERTY_RUNS'];

const CLEAN = { pins: 0, lockedPages: 0, chargedBytes: 0, userFrames: 0, objects: [] };

/** Does all operations. @returns what is left when the program has ended */
function leftAfter(bench: Bench, list: readonly Operation[]): object {
  const run = new PropertyRun(bench);
  for (const operation of list) run.perform(operation);
  return run.finish();
}

describe.each([
  ['the mock', 40, () => mockBench()],
  ['VT-d', 12, () => vtdBench()],
])('any sequence of calls on %s', (_, numRuns, bench) => {
  it('lets devices reach exactly what a flat map of bytes says', () => {
    fc.assert(
      fc.property(operations, (list) => {
        expect(leftAfter(bench(), list)).toEqual(CLEAN);
      }),
      RUNS === undefined ? { numRuns, seed: 7 } : { numRuns: Number(RUNS) },
    );
  });
});
