import { readFileSync } from 'node:fs';
import { PhysicalMemory } from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import { compareRun, readScenarios, runScenario } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { AmdViUnit } from '../../src/index.js';

/** RAM of the recordings (fixtures/README.md). */
const windows = [
  { start: 0n, last: 0x7fff_ffffn },
  { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn },
];

describe.each(['amdvi', 'amdvi-linux'])('the recording %s', (name) => {
  const path = new URL(`../../../../fixtures/scenarios/${name}.jsonl.gz`, import.meta.url);
  const read = readScenarios(name, readFileSync(path));
  if (isLeft(read)) throw new Error(read.left.reason);
  const { scenarios } = read.right;

  it.each([true, false])('agrees with caches %s', (caches) => {
    let compared = 0;
    const divergences: unknown[] = [];
    for (const scenario of scenarios) {
      const memory = new PhysicalMemory({ windows, arena: { start: 0n, last: 0x7f_ffffn } });
      const unit = new AmdViUnit({ memory, options: { preset: 'qemu-q35-7.2', caches } });
      const result = compareRun(runScenario(scenario, { unit, memory }), caches);
      compared += result.compared;
      divergences.push(...result.divergences.map(({ step, differences }) => ({ id: scenario.id, step, differences })));
    }
    expect(divergences).toEqual([]);
    expect(compared).toBeGreaterThan(500);
  });
});
