import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { compareRun, readScenarios, runOnQemu, type Scenario } from '../../src/index.js';

const programs = { vtd: 'qemu-system-x86_64', amdvi: 'qemu-system-x86_64', smmuv3: 'qemu-system-aarch64' } as const;
const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

function recorded(unit: keyof typeof programs, id: string): Scenario {
  const file = new URL(`../../../../fixtures/scenarios/${unit}.jsonl.gz`, import.meta.url);
  const read = readScenarios(unit, readFileSync(file));
  if (isLeft(read)) throw new Error(JSON.stringify(read.left));
  return read.right.scenarios.find((scenario) => scenario.id === id)!;
}

describe('a scenario on QEMU', () => {
  it.each([
    ['vtd', 'walk-0000'],
    ['amdvi', 'walk-0000'],
    ['smmuv3', 'clean-100000'],
  ] as const)(
    '%s %s comes to what was recorded or is refused by name where QEMU is not installed',
    async (unit, id) => {
      const scenario = recorded(unit, id);
      if (!isInstalled(programs[unit])) {
        await expect(runOnQemu(scenario)).rejects.toThrow(`spawn ${programs[unit]} ENOENT`);
        return;
      }
      const verdict = compareRun(await runOnQemu(scenario), true);
      expect(verdict.divergences).toEqual([]);
      expect(verdict.compared).toBeGreaterThan(10);
    },
  );

  it('says which program is missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      await expect(runOnQemu(recorded('vtd', 'walk-0000'))).rejects.toThrow('spawn qemu-system-x86_64 ENOENT');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
