export * from './layouts/index.js';
export { intelVtd, intelVtdUnits, VtdBackend, type VtdUnitSpec } from './backend.js';
export { InvalidationQueueStalled } from './driver/invalidation-queue.js';
export { GlobalCommandStalled } from './driver/global-command.js';
export { type LoggedFault } from './driver/fault-reader.js';
export { firstStageFormat, type FirstStageVariant } from './format/first-stage.js';
export { secondStageFormat, type SecondStageVariant } from './format/second-stage.js';
export {
  decodeVtdOptions,
  type SecondStagePage,
  type VtdCacheOptions,
  type VtdConfiguration,
  type VtdOptions,
} from './options.js';
export { VTD_PRESETS, type VtdPreset, type VtdPresetName } from './presets.js';
export { scenarioOptions, VTD_SCENARIO_MEMORY, type VtdScenarioConfig } from './scenario-options.js';
export { Capabilities } from './unit/capabilities.js';
export { type MessageSink } from './unit/event-message.js';
export { type VtdPageRequest } from './unit/page-requests.js';
export { type VtdFault } from './unit/request-fault.js';
export { IotlbKind, type UnitCaches } from './unit/unit-caches.js';
export { type WalkFailure } from './unit/walk-failure.js';
export { StageTag, StructureTag } from './unit/unit-watch.js';
export { VtdUnit, type VtdUnitParts } from './unit/vtd-unit.js';
