export { compareStep, isCompared, type Difference } from './compare.js';
export { TraceBuilder, traceText, type StructFields } from './builder.js';
export { emitStep, recordedHere } from './emitter.js';
export { fieldDifferences, type FieldDifference } from './fields.js';
export type { StepOf, TraceHeader, TraceOp, TraceStep } from './format.js';
export type { StepOutcome } from './outcome.js';
export { readTrace, type Trace } from './reader.js';
export {
  replaySteps,
  replayTrace,
  type ReplayedStep,
  type ReplayMachine,
  type ReplayMachineFactory,
  type ReplayOptions,
  type ReplayReport,
} from './replayer.js';
export { stepTitle } from './step-title.js';
export { TraceRun } from './trace-run.js';
