import { describe, expect, it } from 'vitest';
import type { Personality } from '../../src/index.js';
import { backends } from '../support/backends.js';
import { FuzzRun } from './fuzz-run.js';

/** `FUZZ_STEPS=1000000 npx vitest run --project compat-vfio fuzz` is the long run. */
const STEPS = Number(process.env['FUZZ_STEPS'] ?? 6000);
const SEEDS = [1, 2, 3];
const PERSONALITIES: readonly Personality[] = ['iommufd', 'type1'];

const runs = PERSONALITIES.flatMap((personality) =>
  Object.entries(backends).flatMap(([name, backend]) =>
    SEEDS.map((seed): [string, string, number, () => FuzzRun] => [
      personality,
      name,
      seed,
      () => new FuzzRun(seed, { personality, backend: backend(), dmaEntryLimit: 40 }),
    ]),
  ),
);

describe('random ioctls', () => {
  it.each(runs)(
    'on %s behind %s (seed %d) end in a documented errno and leave nothing behind',
    (_personality, _backend, _seed, start) => {
      const run = start();
      const { calls, succeeded, errnos } = run.run(Math.ceil(STEPS / runs.length));
      expect(succeeded).toBeGreaterThan(calls / 50);
      expect(errnos.size).toBeGreaterThan(4);
      expect(run.test.machine.close()).toEqual({
        userFrames: 0,
        pins: 0,
        lockedPages: 0,
        chargedBytes: 0,
        tableFrames: expect.any(Number),
        objects: [],
      });
    },
    Math.max(20_000, STEPS),
  );
});
