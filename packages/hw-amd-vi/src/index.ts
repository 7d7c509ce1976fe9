/** AMD-Vi for ioasis: table formats, the unit and its driver. */
export { AmdViBackend, amdVi } from './backend.js';
export type { LoggedEvent } from './driver/event-reader.js';
export { guestFormat } from './format/guest-v2.js';
export { HOST_FORMAT } from './format/host-v1.js';
export {
  amdViConfiguration,
  type AmdViCacheConfiguration,
  type AmdViCacheOptions,
  type AmdViConfiguration,
  type AmdViOptions,
} from './options.js';
export { AMD_VI_PRESETS, type AmdViPreset, type AmdViPresetName } from './presets.js';
export { AmdViUnit, type AmdViUnitEnvironment } from './unit/amd-vi-unit.js';
export type { AmdViFault } from './unit/fault-reporter.js';
export type { InterruptSource, UnitPorts } from './unit/unit-ports.js';
export type { InvalidatedRange } from './unit/translation-caches.js';
