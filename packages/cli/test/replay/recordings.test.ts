import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isLeft } from 'fp-ts/lib/Either.js';
import { readTrace, replayTrace } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { replayMachine } from '../../src/replay/machines.js';

const folder = fileURLToPath(new URL('../../../../fixtures/traces/', import.meta.url));
const SHOWN = 5;

/**
 * Steps whose answer depends on bytes that the recording does not hold. Step 2997 of `iommufd/native` invalidates 0x80000 entries in
 * memory of which only the first entry was ever logged; Linux found one there that clears IOTLB slot 1, and these two steps read it. A 6.12.117 kernel
 * that is asked what the recording holds answers these two as we do, and all others as recorded.
 */
const unlogged: Readonly<Record<string, readonly number[]>> = { 'iommufd/native.jsonl.gz': [3006, 3011] };

const recordings = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.jsonl.gz'))
  .toSorted();

describe('every recorded call ends here as it ended in Linux', () => {
  it.for(recordings)('%s', { timeout: 60_000 }, (name) => {
    const trace = readTrace(name, readFileSync(`${folder}${name}`));
    if (isLeft(trace)) throw new Error(trace.left.reason);
    const machine = replayMachine(trace.right.header, {});
    if (isLeft(machine)) throw new Error(machine.left);
    const { divergences } = replayTrace(trace.right, machine.right.make, {});
    const known = divergences.filter(({ step }) => unlogged[name]?.includes(step.seq) === true);
    expect(known.map(({ step }) => step.seq)).toEqual(unlogged[name] ?? []);
    const unexpected = divergences.filter((divergence) => !known.includes(divergence));
    const seen = unexpected.map(({ step, differences }) => ({ seq: step.seq, scenario: step.scenario, differences }));
    expect({ count: seen.length, first: seen.slice(0, SHOWN) }).toEqual({ count: 0, first: [] });
  });
});
