import { isLeft, right } from 'fp-ts/lib/Either.js';
import { HwptFlag, type HwptUserData } from '../domain/index.js';
import { Errno, type IoResult } from '../errno/index.js';
import { attachDevice, detachDevice } from './attach.js';
import type { BoundDevice } from './bound-device.js';
import { refuseDriver } from './refuse-driver.js';
import { HwptPaging } from './hwpt.js';
import type { Ioas } from './ioas.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/**
 * Makes a page table over an IOAS for a device and fills it (`iommufd_hwpt_paging_alloc`). It has an id but cannot be found: the caller
 * publishes it, or aborts and destroys it.
 * @param attach also attaches the device, before the table is filled
 */
export function allocatePagingHwpt(
  device: BoundDevice,
  ioas: Ioas,
  flags: number,
  attach: boolean,
  data: HwptUserData | undefined,
): IoResult<HwptPaging> {
  const { backend, capabilities, state } = device;
  if ((flags & ~(HwptFlag.NEST_PARENT | HwptFlag.DIRTY_TRACKING)) !== 0) return refuse('HWPT_ALLOC_FLAGS', { flags });
  if ((flags & HwptFlag.DIRTY_TRACKING) !== 0 && !capabilities.dirtyTracking) {
    return refuse('HWPT_ALLOC_NO_DIRTY_TRACKING', { device: device.device.name });
  }
  const failed = state.environment.failure?.fails('backend') === true;
  const domain = failed ? Errno.ENOMEM : backend.allocPaging(device.device, flags, data);
  if (typeof domain === 'number') return refuseDriver(domain, 'allocPaging', { device: device.device.name, flags });

  const hwpt = new HwptPaging(ioas, backend, domain, (flags & HwptFlag.NEST_PARENT) !== 0);
  const reserved = state.reserve(hwpt);
  if (isLeft(reserved)) {
    hwpt.destroy();
    return reserved;
  }
  const filled = prepare();
  if (isLeft(filled)) {
    state.objects.abortAndDestroy(hwpt);
    return filled;
  }
  return right(hwpt);

  function prepare(): IoResult<0> {
    // Some units have a bit for it in every entry: decide before anything is mapped.
    if (capabilities.enforceCacheCoherency && !hwpt.enforceCacheCoherency()) {
      return refuse('HWPT_ALLOC_NOT_COHERENT', { device: device.device.name });
    }
    if (attach) {
      const attached = attachDevice(device, hwpt);
      if (isLeft(attached)) return attached;
    }
    const added = ioas.table.addDomain(domain as HwptPaging['domain']);
    if (isLeft(added)) {
      if (attach) detachDevice(device);
      return added;
    }
    hwpt.inIoas = true;
    ioas.hwpts.push(hwpt);
    return right(0);
  }
}
