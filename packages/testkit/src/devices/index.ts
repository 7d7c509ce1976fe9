export { enableFeatures, featuresOf, type AtsFeatures } from './ats-config.js';
export { AtsDevice } from './ats-device.js';
export { AtsDriver, type AtsProgress, type AtsTransfer } from './ats-driver.js';
export { ATS_BUFFER_BYTES, AtsCommand, AtsConfig, AtsRegister, AtsStatus } from './ats-layout.js';
export { EduDriver, type EduDirection } from './edu-driver.js';
export { EduDevice, type EduOptions } from './edu-device.js';
export { EDU_BUFFER, EDU_BUFFER_BYTES, EduDma, EduRegister } from './edu-layout.js';
export { BUS_MASTER, isBusMaster, pciConfig, PciConfig, signalInterrupt, type PciIdentity } from './pci-config.js';
export { registerRegion, type RegisterBlock } from './register-region.js';
export { RingDevice, type RingDescriptor, type RingOptions } from './ring-device.js';
export { RingDriver, type RingCompletion } from './ring-driver.js';
export {
  RING_ADDRESS,
  RING_COMMAND,
  RING_DESCRIPTOR_BYTES,
  RING_IDENTIFICATION,
  RingControl,
  RingOutcome,
  RingRegister,
  RingStatus,
} from './ring-layout.js';
export { RogueRingDevice, type RogueOptions } from './rogue-ring-device.js';
