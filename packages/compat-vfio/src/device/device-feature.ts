import { right } from 'fp-ts/lib/Either.js';
import type { IoctlCall, IoResult } from '@ioasis/core';
import { Feature, FEATURE_MASK, FeatureFlag } from '../abi/constants.js';
import { VfioDeviceFeature } from '../abi/structs.js';
import { copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';
import type { PciAccess } from './pci-access.js';

const { refuse } = vfioRefusals;
const ANY_FLAG: number = FeatureFlag.GET | FeatureFlag.SET | FeatureFlag.PROBE;

/** VFIO_DEVICE_FEATURE: vfio-pci without migration support has low power states only (`vfio_ioctl_device_feature`). */
export function deviceFeature(access: PciAccess, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioDeviceFeature);
  if (argument._tag === 'Left') return argument;
  const { flags } = argument.right.values;
  const feature = flags & FEATURE_MASK;
  const operations = flags & ANY_FLAG;
  if ((flags & ~(FEATURE_MASK | ANY_FLAG)) !== 0) return refuse('DEVICE_FEATURE_FLAGS', { flags });
  if (operations === (FeatureFlag.GET | FeatureFlag.SET)) return refuse('DEVICE_FEATURE_FLAGS', { flags });
  if (feature !== Feature.LOW_POWER_ENTRY && feature !== Feature.LOW_POWER_EXIT) {
    return refuse('DEVICE_FEATURE_UNKNOWN', { feature });
  }
  // Both can only be set, and take no data (`vfio_check_feature`).
  if ((flags & FeatureFlag.GET) !== 0) return refuse('DEVICE_FEATURE_FLAGS', { flags });
  if ((flags & FeatureFlag.PROBE) !== 0) return right(0);
  if ((flags & FeatureFlag.SET) === 0) return refuse('DEVICE_FEATURE_FLAGS', { flags });
  const entering = feature === Feature.LOW_POWER_ENTRY;
  if (entering && access.lowPower) return refuse('DEVICE_ASLEEP', { device: access.device.iommu.name });
  access.lowPower = entering;
  return right(0);
}
