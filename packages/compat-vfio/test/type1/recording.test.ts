import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createMachine } from '@ioasis/core';
import { EduDevice, readTrace, replayTrace } from '@ioasis/testkit';
import { expect, it } from 'vitest';
import { vfio } from '../../src/index.js';
import { isLeft } from 'fp-ts/lib/Either.js';
import { flatBackend } from '../support/flat-backend.js';

const path = fileURLToPath(new URL('../../../../fixtures/traces/device/type1-vtd-aw39.jsonl.gz', import.meta.url));

it('the classic container does what the recorded kernel did, on an IOMMU without tables', () => {
  const read = readTrace('type1-vtd-aw39', readFileSync(path));
  if (isLeft(read)) throw new Error(read.left.reason);
  const trace = read.right;
  const report = replayTrace(
    trace,
    () =>
      createMachine({
        backend: flatBackend(),
        services: [vfio({ personality: 'type1' })],
        devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
      }),
    { scenario: 'dev/group' },
  );
  const first = report.divergences
    .slice(0, 10)
    .map(({ step, differences }) => ({ seq: step.seq, scenario: step.scenario, differences }));
  expect(first).toEqual([]);
});
