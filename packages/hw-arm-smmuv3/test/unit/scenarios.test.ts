import { readFileSync } from 'node:fs';
import { PhysicalMemory } from '@ioasis/core';
import { compareRun, readScenarios, runScenario } from '@ioasis/testkit';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { SmmuV3Unit } from '../../src/index.js';
import { recordedOutcome } from './recorded-outcome.js';

/** RAM of the recordings; above it is a hole that aborts (fixtures/README.md). */
const windows = [
  { start: 0x4000_0000n, last: 0x2_3fff_ffffn },
  // The interrupt translation service, to which doorbell pages are mapped.
  { start: 0x808_0000n, last: 0x809_ffffn },
];

describe.each(['smmuv3', 'smmuv3-linux'])('the recording %s', (name) => {
  const path = new URL(`../../../../fixtures/scenarios/${name}.jsonl.gz`, import.meta.url);
  const read = readScenarios(name, readFileSync(path));
  if (isLeft(read)) throw new Error(read.left.reason);
  const { scenarios } = read.right;

  it.each([true, false])('agrees with caches %s', (caches) => {
    let compared = 0;
    const divergences: unknown[] = [];
    for (const scenario of scenarios) {
      const memory = new PhysicalMemory({ windows, arena: { start: 0x4000_0000n, last: 0x40ff_ffffn } });
      const unit = new SmmuV3Unit({ memory, options: { preset: 'qemu-virt-7.2', caches } });
      const result = compareRun(runScenario(scenario, { unit, memory, how: recordedOutcome(unit) }), caches);
      compared += result.compared;
      divergences.push(...result.divergences.map(({ step, differences }) => ({ id: scenario.id, step, differences })));
    }
    expect(divergences).toEqual([]);
    expect(compared).toBeGreaterThan(1500);
  });
});
