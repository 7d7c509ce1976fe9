import { hex } from '@ioasis/core';
import { VtdFaultRegister } from './answers.js';
import { comparesFinal, comparisonOf, isRefusal, type Comparison } from './comparison.js';
import type { Answer, Scenario, ScenarioStep } from './format.js';
import type { ScenarioRun } from './runner.js';

/** One field of an answer that differs, e.g. `segments[1].pa`. */
export interface AnswerDifference {
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** An entry of `expect`, or `final`, that does not agree. */
export interface ScenarioDivergence {
  readonly scenario: Scenario;
  /** Index into the steps; undefined for `final`. */
  readonly step: number | undefined;
  readonly differences: readonly AnswerDifference[];
}

/** Counts of one scenario. */
export interface ScenarioVerdict {
  readonly compared: number;
  readonly divergences: readonly ScenarioDivergence[];
}

const BOOKKEEPING: readonly string[] = ['step', 'compare', 'fresh'];
/** FRCD bits 123:104 (59:40 of the high half) hold the PASID; unspecified while PP (bit 31 of the high half) is clear. */
const FRCD_PASID = 0x0fff_ff00_0000_0000n;
const FRCD_PP = 1n << 31n;

const isNumber = (value: unknown): value is number | string =>
  typeof value === 'number' || (typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value));

const printed = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);

/** Fields of `expected` that `got` does not have or has differently. Numbers are equal by value, however they are written. */
function differences(field: string, expected: unknown, got: unknown): AnswerDifference[] {
  if (expected === got || (isNumber(expected) && isNumber(got) && BigInt(expected) === BigInt(got))) return [];
  if (Array.isArray(expected) && Array.isArray(got) && expected.length === got.length) {
    return expected.flatMap((value, index) => differences(`${field}[${index}]`, value, got[index]));
  }
  if (isObject(expected) && isObject(got)) {
    return Object.entries(expected).flatMap(([key, value]) =>
      differences(field === '' ? key : `${field}.${key}`, value, got[key]),
    );
  }
  return [{ field, expected: printed(expected), got: printed(got) }];
}

const isObject = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const withoutPasid = (value: unknown): unknown => {
  if (!isNumber(value)) return value;
  const word = BigInt(value);
  return (word & FRCD_PP) === 0n ? hex(word & ~FRCD_PASID) : value;
};

/** Clears what the architecture leaves unspecified, so that it is not compared. */
function specified(scenario: Scenario, step: ScenarioStep | undefined, answer: Answer): Answer {
  if (scenario.unit !== 'vtd') return answer;
  const { registers, value } = answer;
  if (isObject(registers))
    return { ...answer, registers: { ...registers, FRCD_HI: withoutPasid(registers['FRCD_HI']) } };
  if (step?.op !== 'mmio-read' || !isNumber(value)) return answer;
  const offset = Number(step.off);
  if (offset === VtdFaultRegister.FRCD_HI && step.size === 8) return { ...answer, value: withoutPasid(value) };
  // PP is in the other half of the register here, so the PASID is left out in any case.
  const upperHalf = offset === VtdFaultRegister.FRCD_HI + 4 && step.size === 4;
  return upperHalf ? { ...answer, value: hex(BigInt(value) & ~(FRCD_PASID >> 32n)) } : answer;
}

function against(
  scenario: Scenario,
  step: ScenarioStep | undefined,
  accepted: Answer,
  ignored: readonly string[],
  got: Answer,
): AnswerDifference[] {
  if (isRefusal(accepted)) return differences('status', 'blocked', got['status']);
  const wanted = Object.fromEntries(
    Object.entries(accepted).filter(([field]) => !BOOKKEEPING.includes(field) && !ignored.includes(field)),
  );
  // A fault without events is one that was not recorded; elsewhere a field that is absent is not compared.
  if (wanted['how'] === 'fault' && !('events' in wanted)) wanted['events'] = undefined;
  return differences('', specified(scenario, step, wanted), specified(scenario, step, got));
}

function entryDifferences(scenario: Scenario, step: number, comparison: Comparison, got: Answer): AnswerDifference[] {
  const tried = comparison.accepted.map((accepted) =>
    against(scenario, scenario.steps[step], accepted, comparison.ignored, got),
  );
  return tried.some((found) => found.length === 0) ? [] : (tried[0] ?? []);
}

/**
 * Compares a run with what was observed.
 * @param caches whether the unit of the run had its caches on
 */
export function compareRun(run: ScenarioRun, caches: boolean): ScenarioVerdict {
  const { scenario, answers, final } = run;
  const divergences: ScenarioDivergence[] = [];
  let compared = 0;
  for (const [index, { step }] of scenario.expect.entries()) {
    const comparison = comparisonOf(scenario, index, caches);
    if (comparison === undefined) continue;
    compared++;
    const found = entryDifferences(scenario, step, comparison, answers[step] ?? {});
    if (found.length > 0) divergences.push({ scenario, step, differences: found });
  }
  if (scenario.final !== undefined && comparesFinal(scenario)) {
    compared++;
    const found = differences('', scenario.final, final);
    if (found.length > 0) divergences.push({ scenario, step: undefined, differences: found });
  }
  return { compared, divergences };
}
