import { right } from 'fp-ts/lib/Either.js';
import { done, type IommufdContext, type IoResult, type Process } from '@ioasis/core';
import type { VfioHost } from '../host.js';
import { vfioRefusals } from '../refusals.js';
import { closeDevice, openDevice, useIommufd } from './first-open.js';
import { GroupDeviceFile } from './group-device-file.js';
import type { VfioDevice } from './vfio-device.js';

const { refuse } = vfioRefusals;

/** The open file of the group, which an open device keeps. */
export interface GroupFileHold {
  hold(): void;
  release(): void;
}

/**
 * Opens a device through its group (`vfio_df_group_open`): the first open binds it to the container, and with an iommufd as container attaches it
 * to the compatibility IOAS.
 */
export function openThroughGroup(
  host: VfioHost,
  device: VfioDevice,
  groupFile: GroupFileHold,
  process: Process,
): IoResult<GroupDeviceFile> {
  const { group } = device;
  if (!group.inContainer) return refuse('GROUP_NO_CONTAINER', { device: device.name, group: group.iommu.id });
  if (device.openCount === 0) {
    const opened = openFirst(host, device, groupFile, process);
    if (opened._tag === 'Left') return opened;
  } else {
    openDevice(host, device);
  }
  return right(new GroupDeviceFile(device, () => leaveGroup(device, groupFile)));
}

function openFirst(host: VfioHost, device: VfioDevice, groupFile: GroupFileHold, process: Process): IoResult<0> {
  const { iommufd } = device.group;
  if (iommufd === undefined) {
    const used = useContainer(device, groupFile, process);
    if (used._tag === 'Left') return used;
    openDevice(host, device);
    return done;
  }
  const capable = process.capable('sys_rawio');
  if (device.group.noIommu && (!capable || iommufd.compat.current !== undefined)) {
    return refuse('GROUP_NOIOMMU_COMPAT_IOAS', { device: device.name, capable });
  }
  const used = useIommufd(host, device, iommufd);
  if (used._tag === 'Left') return used;
  openDevice(host, device);
  const attached = attachCompatIoas(device, iommufd);
  if (attached._tag === 'Left') closeDevice(device);
  return attached;
}

/** `vfio_group_use_container`. */
function useContainer({ group, name }: VfioDevice, groupFile: GroupFileHold, process: Process): IoResult<0> {
  if (group.container?.hasType !== true) return refuse('GROUP_NO_IOMMU_TYPE', { device: name, group: group.iommu.id });
  if (group.noIommu && !process.capable('sys_rawio')) return refuse('GROUP_NOIOMMU_RAWIO', { device: name });
  groupFile.hold();
  group.containerUsers++;
  return done;
}

function attachCompatIoas({ bound }: VfioDevice, iommufd: IommufdContext): IoResult<0> {
  if (bound === undefined) return done;
  const ioas = iommufd.compat.require();
  if (ioas._tag === 'Left') return ioas;
  const attached = bound.attach(ioas.right.id);
  return attached._tag === 'Left' ? attached : done;
}

function leaveGroup(device: VfioDevice, groupFile: GroupFileHold): void {
  const { group } = device;
  closeDevice(device);
  if (device.openCount > 0 || group.container === undefined) return;
  group.containerUsers--;
  groupFile.release();
}
