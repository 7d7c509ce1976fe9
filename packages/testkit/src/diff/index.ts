export { diffTrace, type DiffReport, type StepDifference } from './diff-trace.js';
export type { DiffReason } from './diff-reason.js';
export type { DiffMachine, DmaVerdict } from './dma-verdict.js';
export type { DiffSide } from './explain-step.js';
export { renderDiff } from './render-diff.js';
export type { AnsweredTwice, DiffOutcome } from './step-effect.js';
