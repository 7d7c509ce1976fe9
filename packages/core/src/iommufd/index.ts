export { AccessFlag, IommufdAccess, type AccessOwner } from './access.js';
export {
  IommufdClient,
  type HwInfoAnswer,
  type HwptAlloc,
  type IoasCopy,
  type IoasMap,
  type MapPermissions,
} from './client.js';
export { BoundDevice } from './bound-device.js';
export { CompatIoas } from './compat-ioas.js';
export { ContextState } from './context-state.js';
export { DmaOwnership } from './dma-ownership.js';
export { type IommufdEnvironment, type OpenContext } from './environment.js';
export { FaultQueue } from './fault-queue.js';
export { HwPageTable, HwptNested, HwptPaging } from './hwpt.js';
export { Ioas, type IoasPageTable } from './ioas.js';
export { IoctlFrame, type IoctlHandler } from './ioctl-frame.js';
export { type IoctlEntry } from './ioctl-table.js';
export { IommufdContext, type CompatIoctlHandler, type IommufdHost } from './iommufd-context.js';
export { IommufdDevice, type BindOptions } from './iommufd-device.js';
export { linux612, linux62, linux66, type KernelProfile } from './kernel-profile.js';
export { IommufdObject, type IommufdObjectKind } from './object.js';
export { ObjectTable } from './object-table.js';
export { PageRequestRouter, type PageRequestHandler } from './page-request-router.js';
export { iommufdRefusals, type IommufdRefusalCode } from './refusals.js';
export { answerOf, callWithStruct, withBuffer, type StructCall } from './typed-call.js';
