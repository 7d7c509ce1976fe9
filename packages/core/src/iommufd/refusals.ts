import { refusalTable, type RefusalTable } from '../errno/index.js';
import { deviceRules, type DeviceRefusalCode } from './device-refusals.js';
import { driverRules, type DriverRefusalCode } from './driver-refusals.js';
import { faultRules, type FaultRefusalCode } from './fault-refusals.js';
import { hwptRules, type HwptRefusalCode } from './hwpt-refusals.js';
import { ioasRules, type IoasRefusalCode } from './ioas-refusals.js';
import { ioctlRules, type IoctlRefusalCode } from './ioctl-refusals.js';

/** Codes of {@link iommufdRefusals}. */
export type IommufdRefusalCode =
  | IoctlRefusalCode
  | IoasRefusalCode
  | DeviceRefusalCode
  | HwptRefusalCode
  | FaultRefusalCode
  | DriverRefusalCode;

/** Every reason for which /dev/iommu refuses a call before or beside the IO page table; `io-pagetable` has its own rows. */
export const iommufdRefusals: RefusalTable<IommufdRefusalCode> = refusalTable('iommufd', {
  ...ioctlRules,
  ...ioasRules,
  ...deviceRules,
  ...hwptRules,
  ...faultRules,
  ...driverRules,
});
