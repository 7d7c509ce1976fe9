import { isRight } from 'fp-ts/lib/Either.js';
import { PhysicalMemory } from '@ioasis/core';
import { AmdViUnit } from '@ioasis/hw-amd-vi';
import { SmmuV3Unit } from '@ioasis/hw-arm-smmuv3';
import { scenarioOptions, VtdUnit } from '@ioasis/hw-intel-vtd';
import { describe, expect, it } from 'vitest';
import {
  compareRun,
  generators,
  readScenarios,
  runScenario,
  withAnswers,
  type Scenario,
  type ScenarioUnit,
} from '../../src/index.js';

const GIB = 0x4000_0000n;

const memoryOf = (start: bigint, last: bigint): PhysicalMemory =>
  new PhysicalMemory({ windows: [{ start, last }], arena: { start, last: start + 0x3f_ffffn } });

const vtd = ({ config }: Scenario, caches: boolean): ScenarioUnit => {
  const memory = memoryOf(0n, 8n * GIB - 1n);
  return { memory, unit: new VtdUnit({ memory, options: scenarioOptions(config, caches) }) };
};
const amdvi = (_scenario: Scenario, caches: boolean): ScenarioUnit => {
  const memory = memoryOf(0n, 8n * GIB - 1n);
  return { memory, unit: new AmdViUnit({ memory, options: { preset: 'qemu-q35-7.2', caches } }) };
};
const smmuv3 = (_scenario: Scenario, caches: boolean): ScenarioUnit => {
  const memory = memoryOf(GIB, 9n * GIB - 1n);
  return { memory, unit: new SmmuV3Unit({ memory, options: { preset: 'qemu-virt-7.2', caches } }) };
};

const SEEDS = Array.from({ length: 12 }, (_, at) => 7001 + at);

describe.each([
  { name: 'VT-d', generate: generators.vtd, make: vtd },
  { name: 'AMD-Vi', generate: generators.amdvi, make: amdvi },
  { name: 'SMMUv3', generate: generators.smmuv3, make: smmuv3 },
])('scenarios generated for $name', ({ generate, make }) => {
  it('are the same for the same seed, and others for another', () => {
    expect(generate(5)).toEqual(generate(5));
    expect(generate(5).steps).not.toEqual(generate(6).steps);
  });

  it('are lines of iommu-scenario/1', () => {
    const scenario = generate(9);
    const header = JSON.stringify({ header: 1, format: 'iommu-scenario/1', unit: scenario.unit });
    const text = new TextEncoder().encode(`${header}\n${JSON.stringify(scenario)}\n`);
    expect(isRight(readScenarios('generated', text))).toBe(true);
  });

  it('let some accesses through and refuse others', () => {
    const statuses = SEEDS.flatMap((seed) => {
      const scenario = generate(seed);
      return runScenario(scenario, make(scenario, true)).answers.map((answer) => answer?.['status']);
    });
    expect(statuses.filter((status) => status === 'ok').length).toBeGreaterThan(100);
    expect(statuses.filter((status) => status === 'blocked').length).toBeGreaterThan(100);
  });

  it.each(SEEDS)('have one answer with caches on and off: seed %i', (seed) => {
    const scenario = generate(seed);
    const cached = withAnswers(runScenario(scenario, make(scenario, true)));
    const walked = runScenario(cached, make(cached, false));
    expect(compareRun(walked, false).divergences).toEqual([]);
  });
});
