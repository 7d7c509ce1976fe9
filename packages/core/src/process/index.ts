export { PollEvent, type IoctlCall, type MmapCall, type OpenFile } from './open-file.js';
export { DeviceNamespace, type DeviceOpener, type OpenCall } from './device-namespace.js';
export {
  ALL_CAPABILITIES,
  DEFAULT_MEMLOCK,
  DEFAULT_NOFILE,
  Process,
  type Capability,
  type Credentials,
  type ProcessOptions,
  type ResourceLimits,
} from './process.js';
export { ScratchArea } from './scratch-area.js';
export { processRefusals, type ProcessCode } from './refusals.js';
