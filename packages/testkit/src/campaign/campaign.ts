import { compareRun, type AnswerDifference } from '../scenario/compare.js';
import type { Answer, Scenario } from '../scenario/format.js';
import { runScenario, type ScenarioRun } from '../scenario/runner.js';
import type { ScenarioUnitFactory } from '../scenario/scenario-unit.js';
import { runOnQemu } from '../qemu/run-on-qemu.js';

/** A place where QEMU is known to depart from the architecture, and how to tell it. */
export interface KnownDeviation {
  /** The rule that QEMU does not follow. */
  readonly rule: string;
  /** Whether a difference is this one. */
  explains(difference: CampaignDifference): boolean;
}

/** An access, register or memory that our unit and QEMU see differently. */
export interface CampaignDifference {
  readonly scenario: Scenario;
  readonly step: number;
  /** Our unit with its caches on or off. */
  readonly caches: boolean;
  readonly ours: Answer;
  readonly theirs: Answer;
  readonly differences: readonly AnswerDifference[];
}

/** Result of one scenario. */
export interface CampaignVerdict {
  readonly compared: number;
  readonly unexplained: readonly CampaignDifference[];
  /** How often each known deviation was seen. */
  readonly explained: ReadonlyMap<string, number>;
}

/** A scenario with QEMU's answers as what is expected. */
export const withAnswers = ({ scenario, answers }: ScenarioRun): Scenario => ({
  ...scenario,
  expect: answers.flatMap((answer, step) =>
    answer === undefined ? [] : [{ ...answer, step, compare: 'strict' as const }],
  ),
});

/**
 * Runs a scenario on QEMU and on our unit, caches on and off. From the first known deviation on the two may differ in what follows from it, so a
 * scenario is compared up to there.
 */
export async function playOnBoth(
  scenario: Scenario,
  makeUnit: ScenarioUnitFactory,
  deviations: readonly KnownDeviation[],
): Promise<CampaignVerdict> {
  const observed = withAnswers(await runOnQemu(scenario));
  const explained = new Map<string, number>();
  const unexplained: CampaignDifference[] = [];
  let compared = 0;
  for (const caches of [true, false]) {
    const run = runScenario(observed, makeUnit(observed, caches));
    const { divergences } = compareRun(run, caches);
    const first = divergences
      .flatMap(({ step, differences }) => (step === undefined ? [] : [{ step, differences }]))
      .toSorted((a, b) => a.step - b.step)[0];
    compared += observed.expect.filter(({ step }) => first === undefined || step < first.step).length;
    if (first === undefined) continue;
    const difference: CampaignDifference = {
      scenario: observed,
      step: first.step,
      caches,
      ours: run.answers[first.step] ?? {},
      theirs: observed.expect.find(({ step }) => step === first.step)!,
      differences: first.differences,
    };
    const known = deviations.find((deviation) => deviation.explains(difference));
    if (known === undefined) unexplained.push(difference);
    else explained.set(known.rule, (explained.get(known.rule) ?? 0) + 1);
  }
  return { compared, unexplained, explained };
}
