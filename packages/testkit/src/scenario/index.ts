export { compareRun, type AnswerDifference, type ScenarioDivergence, type ScenarioVerdict } from './compare.js';
export { comparesFinal, comparisonOf, type Comparison } from './comparison.js';
export { emitScenario } from './emitter.js';
export type {
  Answer,
  CompareRule,
  DmaStep,
  Expectation,
  Scenario,
  ScenarioClass,
  ScenarioHeader,
  ScenarioStep,
  UnitName,
} from './format.js';
export { hash64Pattern } from './hash64.js';
export { readScenarios, type ScenarioFile } from './reader.js';
export { runScenario, type ScenarioRun } from './runner.js';
export type { ScenarioUnit, ScenarioUnitFactory } from './scenario-unit.js';
