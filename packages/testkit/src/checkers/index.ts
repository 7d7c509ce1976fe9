export { Checkers, checkers, checkUnit, withCheckers, type CheckersOptions } from './checkers.js';
export { type Mismatch } from './coverage.js';
export { findingText } from './finding-text.js';
export {
  type CheckerName,
  type Finding,
  type JudgedInvalidation,
  type StaleCause,
  type StaleEntry,
  type StaleFinding,
  type StalingWrite,
  type UseAfterUnmapFinding,
} from './finding.js';
