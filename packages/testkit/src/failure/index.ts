export { failEvery, FailureInjector, failNth, type FailurePlan } from './failure-injector.js';
export { contextsOf, machineState, type MachineState, type ObjectState } from './machine-state.js';
export {
  describeSweep,
  sweepFailures,
  type SweepFinding,
  type SweepReport,
  type SweepScenario,
  type SweepStep,
} from './sweep-failures.js';
