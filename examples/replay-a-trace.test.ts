/*
 * Replay a recording of system calls in a test: what a program asked of a real kernel must be answered here as it was there.
 */
import { readFileSync } from 'node:fs';
import { vfio } from '@ioasis/compat-vfio';
import { createMachine } from '@ioasis/core';
import { describeMalformedLine, iommufdTest, mockBackend, readTrace, replayTrace } from '@ioasis/testkit';
import { expect, it } from 'vitest';

it('answers as Linux 6.12 did', () => {
  const bytes = readFileSync(new URL('../fixtures/traces/vfio/compat.jsonl.gz', import.meta.url));
  const trace = readTrace('compat.jsonl.gz', bytes);
  if (trace._tag === 'Left') throw new Error(describeMalformedLine(trace.left));
  const services = [vfio({ personality: 'iommufd' }), iommufdTest];
  const make = () => createMachine({ backend: mockBackend(), services });
  const report = replayTrace(trace.right, make, { scenario: 'vfio/version-extension' });
  expect(report.divergences).toEqual([]);
  expect(report.compared).toBeGreaterThan(100);
});
