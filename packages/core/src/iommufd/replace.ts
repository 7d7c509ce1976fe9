import { isLeft, right } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import { checkPageRequests, routePageRequests } from './attach.js';
import type { BoundDevice } from './bound-device.js';
import { refuseDriver } from './refuse-driver.js';
import { setGroupDomain } from './group-domain.js';
import type { HwPageTable, HwptPaging } from './hwpt.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/**
 * Moves the whole group of an attached device to another page table without a moment in between (`iommufd_device_do_replace`).
 * @returns the old page table with one reference that the caller must put; undefined when nothing changed
 */
export function replaceDevice(device: BoundDevice, hwpt: HwPageTable): IoResult<HwPageTable | undefined> {
  const { group, state } = device;
  const old = group.hwpt;
  if (old === undefined || !device.attached) {
    return refuse('REPLACE_NOT_ATTACHED', { device: device.device.name, group: group.group.id });
  }
  if (old === hwpt) return right(undefined);

  const reserved = reserveForGroup(device, hwpt.paging, old.paging);
  if (isLeft(reserved)) return reserved;
  const moved = moveGroup(device, hwpt, old);
  if (isLeft(moved)) {
    // As the kernel does: this also drops the regions of a page table over the same IOAS, which were reserved before the call.
    removeForGroup(device, hwpt.paging);
    return moved;
  }
  if (hwpt.paging.ioas !== old.paging.ioas) removeForGroup(device, old.paging);

  const { length } = group.attached;
  group.hwpt = hwpt;
  hwpt.users += length;
  old.users -= length - 1;
  if (hwpt.fault === undefined) state.environment.pageRequests.forget(device.device);
  return right(old);
}

function reserveForGroup({ group, backend }: BoundDevice, paging: HwptPaging, old: HwptPaging): IoResult<0> {
  if (paging.ioas !== old.ioas) {
    for (const member of group.attached) {
      const reserved = paging.ioas.table.reserveDeviceRegions(member.device, backend.reservedRegions(member.device));
      if (isLeft(reserved)) {
        for (const earlier of group.attached) paging.ioas.table.removeReserved(earlier.device);
        return reserved;
      }
    }
  }
  paging.msiWindow ??= group.msiWindow;
  return done;
}

function removeForGroup({ group }: BoundDevice, paging: HwptPaging): void {
  for (const member of group.attached) paging.ioas.table.removeReserved(member.device);
}

function moveGroup(device: BoundDevice, hwpt: HwPageTable, old: HwPageTable): IoResult<0> {
  const { group, backend, state } = device;
  if (state.environment.failure?.fails('allocate') === true) return refuse('ATTACH_NO_MEMORY');
  if (old.fault === undefined) {
    const possible = checkPageRequests(device, hwpt);
    if (isLeft(possible)) return possible;
  }
  const errno = setGroupDomain(state.environment, backend, group.group, hwpt.domain, old.domain);
  if (errno !== 0) return refuseDriver(errno, 'attach', { device: device.device.name, hwpt: hwpt.id });
  const oldHandle = group.handle;
  group.handle = { deviceId: device.id, backend };
  routePageRequests(device, hwpt, group.handle);
  if (oldHandle !== undefined) old.fault?.abandon(oldHandle);
  return done;
}
