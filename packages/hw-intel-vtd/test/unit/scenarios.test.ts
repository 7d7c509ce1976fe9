import { readFileSync } from 'node:fs';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { compareRun, readScenarios, runScenario, type Scenario } from '@ioasis/testkit';
import { scenarioUnit } from './scenario-unit.js';

/** Recorded on QEMU: see fixtures/README.md. */
function scenarios(name: string): readonly Scenario[] {
  const file = new URL(`../../../../fixtures/scenarios/${name}`, import.meta.url);
  const read = readScenarios(name, readFileSync(file));
  if (isLeft(read)) throw new Error(`${name}: ${JSON.stringify(read.left)}`);
  return read.right.scenarios;
}

const disagreements = (scenario: Scenario, caches: boolean): string[] => {
  const run = runScenario(scenario, scenarioUnit(scenario, caches));
  return compareRun(run, caches).divergences.flatMap(({ step, differences }) =>
    differences.map(({ field, expected, got }) => `step ${step} ${field}: expected ${expected}, got ${got}`),
  );
};

const files = ['vtd.jsonl.gz', 'vtd-linux.jsonl.gz'].map((name) => ({ name, list: scenarios(name) }));

describe.each(files)('$name', ({ list }) => {
  describe.each([true, false])('caches %s', (caches) => {
    it.each(list.map((scenario) => ({ id: `${scenario.id} (${scenario.class})`, scenario })))(
      '$id agrees',
      ({ scenario }) => {
        expect(disagreements(scenario, caches)).toEqual([]);
      },
    );
  });
});
