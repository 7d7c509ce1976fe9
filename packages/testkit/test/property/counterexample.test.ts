import { Buffer } from 'node:buffer';
import { mockBackend, readTrace, replayTrace, type ReplayReport } from '@ioasis/testkit';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mockBench, vtdBench, type Bench } from './bench.js';
import { losingBackend } from './losing-backend.js';
import { operations } from './operations.js';
import { Disagreement, PropertyRun } from './property-run.js';

/** What the property throws: the first sequence that shows the fault, or the smallest one that was found from there. */
function found(bench: Bench, shrink: boolean): Disagreement {
  const property = fc.property(operations, (list) => {
    const run = new PropertyRun(bench);
    for (const operation of list) run.perform(operation);
  });
  try {
    fc.assert(property, { seed: 1, numRuns: 100, endOnFailure: !shrink });
  } catch (error) {
    const { cause } = error as Error;
    if (cause instanceof Disagreement) return cause;
    throw error;
  }
  throw new Error('nothing was found');
}

function replayed(text: string, bench: Bench): ReplayReport {
  const trace = readTrace('counterexample', Buffer.from(text));
  if (trace._tag === 'Left') throw new Error(trace.left.reason);
  return replayTrace(trace.right, () => bench.make());
}

describe('a backend that loses a page', () => {
  it('is found on the mock; the trace replays to the same disagreement, and agrees on a sound machine', () => {
    const broken = mockBench(losingBackend(mockBackend()));
    const { trace, message } = found(broken, true);
    expect(message).toContain('cannot read');
    const { divergences } = replayed(trace, broken);
    expect(divergences.map(({ step, differences }) => ['cmd' in step && step.cmd, differences[0]?.expected])).toEqual([
      ['IOMMU_TEST_OP_MD_CHECK_MAP', 'ret 0'],
    ]);
    expect(replayed(trace, mockBench())).toMatchObject({ divergences: [] });
  });

  it('is found on VT-d by what its DMA brings back', () => {
    const preset = { preset: 'qemu-q35-39bit' } as const;
    const broken = vtdBench(losingBackend(intelVtd(preset)));
    const { trace } = found(broken, false);
    const { divergences } = replayed(trace, broken);
    expect(divergences.length).toBeGreaterThan(0);
    expect(divergences.map(({ step }) => step.op)).toEqual(divergences.map(() => 'peek'));
    expect(replayed(trace, vtdBench(intelVtd(preset)))).toMatchObject({ divergences: [] });
  });
});
