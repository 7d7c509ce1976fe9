import type { Process } from '@ioasis/core';
import { compareStep, isCompared, type Difference } from './compare.js';
import type { TraceHeader, TraceStep } from './format.js';
import type { StepOutcome } from './outcome.js';
import type { Trace } from './reader.js';
import { TraceRun } from './trace-run.js';

/** What a replay needs of a machine; core's `Machine` is one. */
export interface ReplayMachine {
  /** A new process with nothing open and nothing mapped. */
  spawn(): Process;
}

/** Builds the machine that a recording asks for. Called once per scenario, because scenarios are independent of each other. */
export type ReplayMachineFactory = (header: TraceHeader) => ReplayMachine;

/** A step that was done here, and in what it departs from the recording. */
export interface ReplayedStep {
  readonly step: TraceStep;
  readonly outcome: StepOutcome;
  /** Whether steps of this kind have a result. */
  readonly compared: boolean;
  /** Empty: the step agrees. */
  readonly differences: readonly Difference[];
}

/** Choice of what to replay. */
export interface ReplayOptions {
  /** Only scenarios whose name contains this text. */
  readonly scenario?: string;
}

/** Counts of a replay and the steps that diverged, in order. */
export interface ReplayReport {
  readonly file: string;
  readonly scenarios: number;
  readonly steps: number;
  /** Steps that have a result. */
  readonly compared: number;
  readonly agreed: number;
  readonly divergences: readonly ReplayedStep[];
}

function performed(run: TraceRun, step: TraceStep): ReplayedStep {
  const outcome = run.attempt(step);
  return { step, outcome, compared: isCompared(step), differences: compareStep(step, outcome) };
}

/** Replays a trace step by step. Steps are yielded as they are done, so that a caller may stop at any of them. */
export function* replaySteps(
  trace: Trace,
  machineFor: ReplayMachineFactory,
  options: ReplayOptions = {},
): Generator<ReplayedStep, void, void> {
  const chosen = options.scenario ?? '';
  let run: TraceRun | undefined;
  for (const step of trace.steps) {
    if (!step.scenario.includes(chosen)) continue;
    if (step.op === 'begin' || run === undefined) run = new TraceRun(machineFor(trace.header).spawn());
    yield performed(run, step);
  }
}

/**
 * Replays a trace and counts what agrees.
 * @param onStep sees every step, e.g. to emit it or to show progress
 *
 * @example
 * ```ts
 * const services = [vfio({ personality: 'iommufd' }), iommufdTest];
 * const make = () => createMachine({ backend: mockBackend(), services });
 * const report = replayTrace(trace.right, make, { scenario: 'vfio/version-extension' });
 * expect(report.divergences).toEqual([]);
 * ```
 */
export function replayTrace(
  trace: Trace,
  machineFor: ReplayMachineFactory,
  options: ReplayOptions = {},
  onStep: (replayed: ReplayedStep) => void = () => {},
): ReplayReport {
  const divergences: ReplayedStep[] = [];
  let scenarios = 0;
  let steps = 0;
  let compared = 0;
  for (const replayed of replaySteps(trace, machineFor, options)) {
    steps++;
    if (replayed.step.op === 'begin') scenarios++;
    if (replayed.compared) compared++;
    if (replayed.differences.length > 0) divergences.push(replayed);
    onStep(replayed);
  }
  const diverged = divergences.filter((replayed) => replayed.compared).length;
  return { file: trace.file, scenarios, steps, compared, agreed: compared - diverged, divergences };
}
