import { FRAME_BYTES } from '@ioasis/core';
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
      const { machine } = run.test;
      const left = machine.close();
      expect(left).toEqual({
        userFrames: 0,
        pins: 0,
        lockedPages: 0,
        tableFrames: left.tableFrames,
        chargedBytes: left.tableFrames * FRAME_BYTES,
        objects: [],
      });
      // SMMUv3's driver keeps the context table of a device that was attached once.
      expect(left.tableFrames).toBeLessThanOrEqual(machine.devices.length);
    },
    Math.max(20_000, STEPS),
  );
});
