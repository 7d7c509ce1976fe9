export { vfio } from './vfio.js';
export { type NoIommuSupport, type Personality, type VfioOptions } from './options.js';
export * from './abi/constants.js';
export * from './abi/structs.js';
export { EventFile } from './device/event-file.js';
export { ClassicContainer } from './type1/classic-container.js';
export { type Type1Domain, type Type1Parameters, Type1State } from './type1/state.js';
export { type DmaEntry, DmaList } from './type1/dma-list.js';
export type { MediatedDevice } from './type1/mediated-device.js';
export { MediatedPort } from './type1/mediated-port.js';
export type { DifferenceEffect, DifferenceRow, DifferenceRowId } from './differences/difference-row.js';
export { differenceTable } from './differences/difference-table.js';
export {
  differenceRowsOf,
  explainDifference,
  type ObservedDifference,
  type OutcomeCode,
} from './differences/explain-difference.js';
export { vfioRefusals, type VfioRefusalCode } from './refusals.js';
export { type1Refusals, type Type1RefusalCode } from './type1/refusals.js';
export { VfioContainerClient, type DmaMapping, type DmaRange, type UnmapAnswer } from './client/container-client.js';
export { decodeContainerInfo, type ContainerInfo } from './client/container-info.js';
export { VfioGroupClient } from './client/group-client.js';
export { VfioDeviceClient } from './client/device-client.js';
