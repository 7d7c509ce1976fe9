import type { Answer, Expectation } from './format.js';
import type { ScenarioRun } from './runner.js';

/** Fields of an entry that are not outcomes and are copied. */
const COPIED: readonly string[] = ['step', 'compare', 'fresh'];
/** Outcomes that a recording may not know; they are only written where it does. */
const OPTIONAL: readonly string[] = ['data', 'registers'];

/** The entry with our outcome: known fields in their place, new ones behind them. */
function emitEntry(entry: Expectation, answer: Answer): Answer {
  const own = Object.entries(answer).filter(([field]) => field in entry || !OPTIONAL.includes(field));
  const outcome = Object.fromEntries(own);
  const kept = Object.entries(entry).flatMap(([field, value]) => {
    if (COPIED.includes(field)) return [[field, value] as const];
    return field in outcome ? [[field, outcome[field]] as const] : [];
  });
  return { ...Object.fromEntries(kept), ...Object.fromEntries(own.filter(([field]) => !(field in entry))) };
}

/** Line of a file with our outcomes in place of the observed ones, without its line end. */
export function emitScenario({ scenario, answers, final }: ScenarioRun): string {
  const expect = scenario.expect.map((entry) => emitEntry(entry, answers[entry.step] ?? {}));
  return JSON.stringify({ ...scenario, expect, ...(scenario.final !== undefined && { final }) });
}
