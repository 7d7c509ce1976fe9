import { isLeft, right } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import type { BoundDevice } from './bound-device.js';
import { refuseDriver } from './refuse-driver.js';
import type { AttachHandle, FaultQueue } from './fault-queue.js';
import { blockGroup, setGroupDomain } from './group-domain.js';
import type { HwPageTable, HwptPaging } from './hwpt.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/** Makes requests of the device's group go to the page table's fault queue, or nowhere. */
export function routePageRequests(
  device: BoundDevice,
  hwpt: HwPageTable | undefined,
  handle: AttachHandle | undefined,
): void {
  const { pageRequests } = device.state.environment;
  const fault: FaultQueue | undefined = hwpt?.fault;
  if (fault === undefined || handle === undefined) {
    pageRequests.route(device.group.group, null);
    return;
  }
  pageRequests.route(device.group.group, {
    nested: hwpt?.kind === 'hwpt-nested',
    deliver: (requests) => fault.deliver({ handle, requests }),
  });
}

/** A page table with a fault queue needs a physical function and a backend that takes answers. */
export function checkPageRequests(device: BoundDevice, hwpt: HwPageTable): IoResult<0> {
  if (hwpt.fault === undefined) return done;
  if (device.device.virtualFunction === true) return refuse('ATTACH_VIRTUAL_FUNCTION', { device: device.device.name });
  if (device.backend.reportPageResponse !== undefined) return done;
  return refuse('ATTACH_NO_PAGE_REQUESTS', { device: device.device.name, backend: device.backend.id });
}

/** Keeps the device's reserved IOVAs out of the IOAS and notes where its driver wants MSI doorbells. */
function reserveRegions(device: BoundDevice, { ioas }: HwptPaging): IoResult<0> {
  const { group, backend } = device;
  const reserved = ioas.table.reserveDeviceRegions(device.device, backend.reservedRegions(device.device));
  if (isLeft(reserved)) return reserved;
  group.msiWindow = reserved.right.swMsi ?? group.msiWindow;
  return done;
}

/**
 * Connects a device to a page table (`iommufd_hw_pagetable_attach`). Only the first device of a group touches the hardware; each one brings
 * its own reserved regions.
 */
export function attachDevice(device: BoundDevice, hwpt: HwPageTable): IoResult<0> {
  const { group, backend, state } = device;
  if (group.hwpt !== undefined && group.hwpt !== hwpt) {
    const facts = { group: group.group.id, groupHwpt: group.hwpt.id, hwpt: hwpt.id };
    return refuse('ATTACH_GROUP_ELSEWHERE', facts);
  }
  const { paging } = hwpt;
  const reserved = reserveRegions(device, paging);
  if (isLeft(reserved)) return reserved;
  if (group.attached.length === 0) {
    paging.msiWindow ??= group.msiWindow;
    const attached = attachFirst(device, hwpt);
    if (isLeft(attached)) {
      paging.ioas.table.removeReserved(device.device);
      return attached;
    }
    const handle = { deviceId: device.id, backend };
    group.hwpt = hwpt;
    group.handle = handle;
    routePageRequests(device, hwpt, handle);
  }
  hwpt.users++;
  group.attached.push(device);
  return done;

  function attachFirst(first: BoundDevice, table: HwPageTable): IoResult<0> {
    if (state.environment.failure?.fails('allocate') === true) return refuse('ATTACH_NO_MEMORY');
    const possible = checkPageRequests(first, table);
    if (isLeft(possible)) return possible;
    const errno = setGroupDomain(state.environment, backend, group.group, table.domain, undefined);
    return errno === 0 ? right(0) : refuseDriver(errno, 'attach', { device: first.device.name, hwpt: table.id });
  }
}

/**
 * Disconnects a device (`iommufd_hw_pagetable_detach`); the last one of a group blocks the group's DMA and answers its page requests.
 * @returns the page table, which the caller must put
 */
export function detachDevice(device: BoundDevice): HwPageTable {
  const { group, backend, state } = device;
  const { hwpt, handle } = group;
  if (hwpt === undefined || !device.attached) throw new Error(`${device.device.name} is not attached`);
  group.attached.splice(group.attached.indexOf(device), 1);
  if (group.attached.length === 0) {
    blockGroup(state.environment, backend, group.group);
    routePageRequests(device, undefined, undefined);
    if (handle !== undefined) hwpt.fault?.abandon(handle);
    state.environment.pageRequests.forget(device.device);
    group.hwpt = undefined;
    group.handle = undefined;
  }
  hwpt.paging.ioas.table.removeReserved(device.device);
  return hwpt;
}

/** Gives up a device's reference to a page table; one that attach made by itself goes with its last device. */
export function putHwpt(device: BoundDevice, hwpt: HwPageTable): void {
  if (hwpt.kind === 'hwpt-paging' && (hwpt as HwptPaging).automatic) device.state.release(hwpt);
  else hwpt.users--;
}
