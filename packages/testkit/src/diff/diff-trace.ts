import { compareStep, isCompared, type Difference } from '../trace/compare.js';
import { recordedHere } from '../trace/emitter.js';
import type { StepOf, TraceStep } from '../trace/format.js';
import type { Trace } from '../trace/reader.js';
import { TraceRun } from '../trace/trace-run.js';
import type { ReplayOptions } from '../trace/replayer.js';
import type { DiffReason } from './diff-reason.js';
import { differsIn, explainStep, type DiffSide } from './explain-step.js';
import { dmaVerdict, type DiffMachine } from './dma-verdict.js';
import { changesState, type AnsweredTwice } from './step-effect.js';

/** A step to which the two sides answered differently. */
export interface StepDifference extends AnsweredTwice {
  /** `expected` is the left side's, `got` the right side's. */
  readonly differences: readonly Difference[];
  /** Why; the best fitting first. Empty: nothing in the tables of differences fits. */
  readonly reasons: readonly DiffReason[];
  /** Without a reason of its own: `seq` of the earlier step after which the two sides are in different states. */
  readonly follows: number | undefined;
}

/** What {@link diffTrace} found. */
export interface DiffReport {
  readonly file: string;
  readonly left: string;
  readonly right: string;
  readonly scenarios: number;
  readonly steps: number;
  /** Steps that have a result. */
  readonly compared: number;
  readonly differing: readonly StepDifference[];
  /** Steps of {@link differing} with neither a reason nor an earlier step that they follow from. */
  readonly unexplained: number;
}

/**
 * Runs a trace on two machines side by side and reports each step where their answers differ. What the trace itself recorded does not matter: the left
 * side's answers take its place. Each scenario gets a new machine on either side.
 */
export function diffTrace(trace: Trace, left: DiffSide, right: DiffSide, options: ReplayOptions = {}): DiffReport {
  const chosen = trace.steps.filter(({ scenario }) => scenario.includes(options.scenario ?? ''));
  const differing: StepDifference[] = [];
  const kinds = differsIn(left, right);
  let runs: readonly [SideRun, SideRun] | undefined;
  let apart: number | undefined;
  for (const step of chosen) {
    if (step.op === 'begin' || runs === undefined) {
      runs = [new SideRun(left.make(trace.header)), new SideRun(right.make(trace.header))];
      apart = undefined;
    }
    const found = step.op === 'dma' ? transferOnBoth(runs, step) : stepOnBoth(runs, step);
    if (found === undefined) continue;
    const reasons = explainStep(kinds, found);
    differing.push({ ...found, reasons, follows: reasons.length === 0 ? apart : undefined });
    if (changesState(found)) apart ??= step.seq;
  }
  return {
    file: trace.file,
    left: left.name,
    right: right.name,
    scenarios: chosen.filter(({ op }) => op === 'begin').length,
    steps: chosen.length,
    compared: chosen.filter(isCompared).length,
    differing,
    unexplained: differing.filter(({ reasons, follows }) => reasons.length === 0 && follows === undefined).length,
  };
}

/** One scenario in progress on one side. */
class SideRun {
  readonly machine: DiffMachine;
  readonly run: TraceRun;

  constructor(machine: DiffMachine) {
    this.machine = machine;
    this.run = new TraceRun(machine.spawn());
  }
}

type Found = Omit<StepDifference, 'reasons' | 'follows'>;

/** Has the devices of both sides make a transfer. It answers nothing; whether it is served is asked of the tables. */
function transferOnBoth(sides: readonly [SideRun, SideRun], step: StepOf<'dma'>): Found | undefined {
  const [left, right] = sides.map(({ machine }) => dmaVerdict(machine, step));
  const thrown = stepOnBoth(sides, step);
  if (thrown !== undefined || left === undefined || right === undefined) return thrown;
  if (left.isServed === right.isServed) return undefined;
  const said = (isServed: boolean): string => (isServed ? 'served' : 'refused');
  const difference = { what: 'dma', expected: said(left.isServed), got: said(right.isServed), fields: [] };
  return { step, left: { dma: left }, right: { dma: right }, differences: [difference] };
}

/** Does a step on both sides. Undefined: they agree. */
function stepOnBoth([{ run: left }, { run: right }]: readonly [SideRun, SideRun], step: TraceStep): Found | undefined {
  const leftOutcome = left.attempt(step);
  const recorded = recordedHere(step, leftOutcome);
  // A call that failed on the left may make a descriptor on the right: its name must not be lost.
  const asked =
    'newfd' in step && !('newfd' in recorded) ? ({ ...recorded, newfd: step.newfd } as TraceStep) : recorded;
  const rightOutcome = right.attempt(asked);
  const thrown = (leftOutcome.exception ?? 'none') !== (rightOutcome.exception ?? 'none');
  const differences = thrown
    ? [
        {
          what: 'exception',
          expected: leftOutcome.exception ?? 'none',
          got: rightOutcome.exception ?? 'none',
          fields: [],
        },
      ]
    : compareStep(recorded, rightOutcome);
  if (differences.length === 0) return undefined;
  return { step, left: leftOutcome, right: rightOutcome, differences };
}
