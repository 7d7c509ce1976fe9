import { isLeft, right } from 'fp-ts/lib/Either.js';
import { HwptFlag, type HwptUserData } from '../domain/index.js';
import { Errno, type IoResult } from '../errno/index.js';
import type { BoundDevice } from './bound-device.js';
import { refuseDriver } from './refuse-driver.js';
import { HwptNested, type HwptPaging } from './hwpt.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/**
 * Makes the user's own page table on top of a nest parent (`iommufd_hwpt_nested_alloc`). It has an id but cannot be found: the caller
 * publishes it, or aborts and destroys it.
 */
export function allocateNestedHwpt(
  device: BoundDevice,
  parent: HwptPaging,
  flags: number,
  data: HwptUserData | undefined,
): IoResult<HwptNested> {
  const { backend, state } = device;
  if ((flags & ~HwptFlag.FAULT_ID_VALID) !== 0) return refuse('HWPT_NESTED_FLAGS', { flags });
  if (data === undefined) return refuse('HWPT_NESTED_NO_DATA', { parent: parent.id });
  if (parent.automatic) return refuse('HWPT_NESTED_PARENT_AUTOMATIC', { parent: parent.id });
  if (!parent.nestParent) return refuse('HWPT_NESTED_PARENT_FLAG', { parent: parent.id });
  if (parent.backend !== backend)
    return refuse('HWPT_NESTED_PARENT_DRIVER', { parent: parent.id, device: device.device.name });
  if (backend.allocNested === undefined) return refuse('HWPT_NESTED_UNSUPPORTED', { backend: backend.id });
  const failed = state.environment.failure?.fails('backend') === true;
  const driverFlags = flags & ~HwptFlag.FAULT_ID_VALID;
  const domain = failed ? Errno.ENOMEM : backend.allocNested(device.device, parent.domain, driverFlags, data);
  if (domain === Errno.EFAULT) return refuse('HWPT_ALLOC_DATA_UNREADABLE', { bytes: data.bytes });
  if (typeof domain === 'number') {
    return refuseDriver(domain, 'allocNested', { device: device.device.name, parent: parent.id });
  }
  const hwpt = new HwptNested(parent, domain);
  const reserved = state.reserve(hwpt);
  if (isLeft(reserved)) {
    hwpt.destroy();
    return reserved;
  }
  return right(hwpt);
}
