export {
  ALL_CAPABILITIES,
  PollEvent,
  type Capability,
  type Credentials,
  type IoctlCall,
  type MmapCall,
  type OpenFile,
  type Process,
  type ResourceLimits,
} from './process.js';
export { DEFAULT_MEMLOCK, DEFAULT_NOFILE, UserProcess, type ProcessOptions } from './user-process.js';
export { TASK_SIZE_32, type PointerBits } from './pointer-bits.js';
export { ProcessFamily } from './process-family.js';
export { DeviceNamespace, type DeviceOpener, type OpenCall } from './device-namespace.js';
export { ScratchArea } from './scratch-area.js';
export { processRefusals, type ProcessCode } from './refusals.js';
