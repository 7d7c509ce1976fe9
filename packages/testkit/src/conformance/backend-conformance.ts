import type { BackendDefinition } from '@ioasis/core';
import { AREAS } from './areas/index.js';
import { Bench } from './bench.js';
import { readTraits } from './traits.js';

/** What the suite needs of a test runner: vitest, node:test and most others have it. */
export interface ConformanceApi {
  /** Groups cases, as in vitest, jest and node:test. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** One case; it fails by throwing. */
  readonly it: (name: string, body: () => void) => unknown;
}

/** One case of the suite for one backend. */
export interface ConformanceCase {
  /** Part of the contract, one word or two. */
  readonly area: string;
  /** Stable; unique within its area. */
  readonly name: string;
  /** What the backend says it lacks, and where it says so; the case asks for what holds without it. Undefined: the whole contract. */
  readonly gap: string | undefined;
  /** Runs the case on a machine of its own. @throws ConformanceError, or whatever the backend throws */
  run(): void;
}

/**
 * Every case for a backend. Which ones there are depends on what the backend says of itself (`DeviceCapabilities`, its domains, its unit
 * and `BackendDefinition.deviations`), and on nothing else.
 * @throws when not even a device can be put on a domain
 */
export function conformanceCases(definition: BackendDefinition): readonly ConformanceCase[] {
  const traits = readTraits(definition);
  return AREAS.flatMap((area) =>
    area
      .cases(traits)
      .map(({ name, gap, run }) => ({ area: area.name, name, gap, run: () => run(new Bench(definition)) })),
  );
}

/** What the backend lacks, each once: pin them in a test, so that none is added unseen. */
export const conformanceGaps = (definition: BackendDefinition): readonly string[] => [
  ...new Set(conformanceCases(definition).flatMap(({ gap }) => gap ?? [])),
];

/**
 * Declares the suite with a test runner: `backendConformance({ describe, it }, myBackend())`. A case that asks for what holds without a
 * feature has the gap in its name, so a report shows what was not asked for.
 */
export function backendConformance({ describe, it }: ConformanceApi, definition: BackendDefinition): void {
  describe(`${definition.id} conforms`, () => {
    const cases = conformanceCases(definition);
    for (const area of new Set(cases.map((each) => each.area))) {
      describe(area, () => {
        for (const { name, gap, run } of cases.filter((each) => each.area === area)) {
          it(gap === undefined ? name : `${name} (${gap})`, () => run());
        }
      });
    }
  });
}
