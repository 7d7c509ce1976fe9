export { Checkers, checkers, checkUnit, withCheckers, type CheckersOptions } from './checkers.js';
export { type Mismatch } from './coverage.js';
export { findingText } from './finding-text.js';
export {
  type CheckerName,
  type DirtyFinding,
  type Finding,
  type JudgedInvalidation,
  type LeakFinding,
  type LintFinding,
  type StaleCause,
  type StaleEntry,
  type StaleFinding,
  type StalingWrite,
  type UseAfterUnmapFinding,
} from './finding.js';
