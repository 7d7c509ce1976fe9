export {
  backendConformance,
  conformanceCases,
  conformanceGaps,
  type ConformanceApi,
  type ConformanceCase,
} from './backend-conformance.js';
export {
  conformanceLines,
  runConformance,
  type ConformanceReport,
  type ConformanceResult,
} from './conformance-report.js';
export { ConformanceError } from './expectations.js';
export { nestingCases, nestingConformance, type UserStageSample } from './nesting-conformance.js';
