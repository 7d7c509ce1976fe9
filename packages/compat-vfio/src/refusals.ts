import { refusalTable, type RefusalTable } from '@ioasis/core';
import { deviceRules, type DeviceRefusalCode } from './device/device-rules.js';
import { groupRules, type GroupRefusalCode } from './group/group-rules.js';
import { containerRules, type ContainerRefusalCode } from './iommufd/container-rules.js';

/** Why a call on a VFIO descriptor was refused, whichever container serves `/dev/vfio/vfio`. */
export type VfioRefusalCode = ContainerRefusalCode | GroupRefusalCode | DeviceRefusalCode;

/** The refusals of the VFIO files and of the container as iommufd serves it; the classic container adds `type1/refusals.ts`. */
export const vfioRefusals: RefusalTable<VfioRefusalCode> = refusalTable('compat-vfio', {
  ...containerRules,
  ...groupRules,
  ...deviceRules,
});
