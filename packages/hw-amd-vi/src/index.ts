/** AMD-Vi for ioasis: table formats, the unit and its driver. */
export { AmdViBackend, amdVi } from './backend.js';
export { CommandQueueStalled } from './driver/command-queue.js';
export type { LoggedEvent } from './driver/event-reader.js';
export { decodeEvent, eventLine, parseEventLine, type DecodedEvent } from './driver/event-text.js';
export type { PageTables } from './driver/table-traits.js';
export * as amdViLayouts from './layouts/index.js';
export { amdViFidelity } from './fidelity.js';
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
export { AmdViUnit, type AmdViUnitEnvironment, type InterruptSource } from './unit/amd-vi-unit.js';
export type { AmdViFault } from './unit/fault-reporter.js';
