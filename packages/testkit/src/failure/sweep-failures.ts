import { isDeepStrictEqual } from 'node:util';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describeRefusal, type FailureKind, type IoResult } from '@ioasis/core';
import { FailureInjector } from './failure-injector.js';

/** One call that may be refused. */
export type SweepStep = () => IoResult<unknown>;

/** What is run again and again, each time on a subject of its own. */
export interface SweepScenario<Subject> {
  /** Makes machine and program with this failure source; nothing fails yet. */
  prepare(failure: FailureInjector): Subject;
  /** The calls that failures meet, in order. What must be there before is made here, before the first of them runs. */
  steps(subject: NoInfer<Subject>): readonly SweepStep[];
  /** What a refused call must leave as it was, such as `machineState(machine)`. Compared by value. */
  state(subject: NoInfer<Subject>): unknown;
  /** Ends the run. @returns what is still held, one line for each; empty when all is well */
  close(subject: NoInfer<Subject>): readonly string[];
}

/** Something that a failure showed. */
export interface SweepFinding {
  /** The failure was at this point, counted from 1. */
  readonly nth: number;
  /** Of this kind; undefined when a step was refused before anything was injected. */
  readonly kind: FailureKind | undefined;
  /** Index of the step that was refused, or of the last one for a leak. */
  readonly step: number;
  readonly problem: 'refused-without-failure' | 'state-changed' | 'not-repeatable' | 'leak';
  /** One sentence with what was seen. */
  readonly detail: string;
}

/** What {@link sweepFailures} saw. */
export interface SweepReport {
  /** Failure points of the scenario: runs with a failure in them. */
  readonly points: number;
  /** The same by kind. */
  readonly byKind: Readonly<Partial<Record<FailureKind, number>>>;
  /** Empty: every failure was undone. */
  readonly findings: readonly SweepFinding[];
}

/** More failure points than this in one scenario are a scenario that does not end. */
const MOST_POINTS = 100_000;

/**
 * Runs a scenario once for each of its failure points: the first, the second, ... until it completes without meeting one. After each refusal
 * the state must be the one before the call, the call must succeed when it is made again, and the rest of the steps too; after each run
 * nothing may be held. A step whose answer could not be written back (`copy-out`) has had its effect: there the run ends without these.
 *
 * @param kind only failures of this kind
 * @throws Error when a step throws, with the failure in its message
 */
export function sweepFailures<Subject>(scenario: SweepScenario<Subject>, kind?: FailureKind): SweepReport {
  const byKind: Partial<Record<FailureKind, number>> = {};
  const findings: SweepFinding[] = [];
  for (let nth = 1; nth <= MOST_POINTS; nth++) {
    const run = new SweepRun(scenario, nth, kind);
    findings.push(...run.findings);
    if (run.fired === undefined) return { points: nth - 1, byKind, findings };
    byKind[run.fired] = (byKind[run.fired] ?? 0) + 1;
  }
  throw new RangeError(`the scenario has more than ${MOST_POINTS} failure points`);
}

/** A report for a person: how many points, and one line for each finding. */
export function describeSweep({ points, byKind, findings }: SweepReport): string {
  const kinds = Object.entries(byKind).map(([kind, count]) => `${kind} ${count}`);
  const lines = findings.map(
    ({ nth, kind, step, problem, detail }) => `failure ${nth} (${kind ?? 'none'}), step ${step}: ${problem}: ${detail}`,
  );
  return [`${points} failure points (${kinds.join(', ')}), ${findings.length} findings`, ...lines].join('\n');
}

/** One run, made by the constructor. */
class SweepRun<Subject> {
  readonly findings: SweepFinding[] = [];
  readonly #failure = new FailureInjector();
  readonly #scenario: SweepScenario<Subject>;
  readonly #subject: Subject;
  readonly #nth: number;
  #step = 0;

  constructor(scenario: SweepScenario<Subject>, nth: number, kind: FailureKind | undefined) {
    this.#scenario = scenario;
    this.#nth = nth;
    this.#subject = scenario.prepare(this.#failure);
    const steps = scenario.steps(this.#subject);
    this.#failure.arm({ nth, ...(kind !== undefined && { kind }) });
    while (this.#step < steps.length && this.#make(steps[this.#step]!)) this.#step++;
    this.#failure.disarm();
    for (const held of scenario.close(this.#subject)) this.#found('leak', held);
  }

  /** Kind of the failure that was injected. */
  get fired(): FailureKind | undefined {
    return this.#failure.fired[0];
  }

  /** False: the run ends here. */
  #make(step: SweepStep): boolean {
    const firedBefore = this.fired !== undefined;
    const before = this.#scenario.state(this.#subject);
    const result = this.#call(step);
    if (!isLeft(result)) return true;
    if (firedBefore || this.fired === undefined) {
      this.#found(firedBefore ? 'not-repeatable' : 'refused-without-failure', describeRefusal(result.left));
      return false;
    }
    if (this.fired === 'copy-out') return false;
    const after = this.#scenario.state(this.#subject);
    if (!isDeepStrictEqual(before, after)) {
      this.#found('state-changed', `${result.left.code} left ${changes(before, after)}`);
      return false;
    }
    const again = this.#call(step);
    if (isLeft(again)) this.#found('not-repeatable', describeRefusal(again.left));
    return !isLeft(again);
  }

  #call(step: SweepStep): IoResult<unknown> {
    try {
      return step();
    } catch (error) {
      throw new Error(`failure ${this.#nth} (${this.fired ?? 'none'}): step ${this.#step} threw`, { cause: error });
    }
  }

  #found(problem: SweepFinding['problem'], detail: string): void {
    this.findings.push({ nth: this.#nth, kind: this.fired, step: this.#step, problem, detail });
  }
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `0x${part.toString(16)}` : part)) ??
  'undefined';

/** Which parts of a state differ, the outermost ones that have names. */
function changes(before: unknown, after: unknown): string {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) {
    return `${text(before)} as ${text(after)}`;
  }
  const old: Partial<Record<string, unknown>> = { ...before };
  const now: Partial<Record<string, unknown>> = { ...after };
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((key) => !isDeepStrictEqual(old[key], now[key]))
    .map((key) => `${key} ${text(old[key])} as ${text(now[key])}`)
    .join(', ');
}
