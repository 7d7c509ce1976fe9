export { diffTrace, type DiffReport, type StepDifference } from './diff-trace.js';
export type { DiffReason } from './diff-reason.js';
export type { DiffSide } from './explain-step.js';
export { renderDiff } from './render-diff.js';
