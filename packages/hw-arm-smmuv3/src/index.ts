/** Arm SMMUv3 for ioasis: table formats and the unit. */
export { armSmmuv3, SmmuV3Backend } from './backend.js';
export { CommandQueueStalled } from './driver/command-queue.js';
export type { LoggedEvent } from './driver/event-reader.js';
export * as smmuV3Layouts from './layouts/index.js';
export { smmuV3Fidelity } from './fidelity.js';
export { type GranuleShift } from './format/granule.js';
export { stage1Format, type Stage1Variant } from './format/stage1.js';
export { stage2Format, type Stage2Variant } from './format/stage2.js';
export {
  smmuV3Configuration,
  type SmmuV3CacheConfiguration,
  type SmmuV3CacheOptions,
  type SmmuV3Configuration,
  type SmmuV3Options,
} from './options.js';
export { SMMU_V3_PRESETS, type SmmuV3Preset, type SmmuV3PresetName } from './presets.js';
export type { SmmuV3Fault } from './unit/fault.js';
export type { Passage } from './unit/request-path.js';
export { SmmuV3Unit, type SmmuV3UnitEnvironment } from './unit/smmu-v3-unit.js';
export type { InterruptSource, ResumeOutcome, UnitPorts } from './unit/unit-ports.js';
