import { right } from 'fp-ts/lib/Either.js';
import { IommufdContext, VfioDeviceBindIommufd, type IoctlCall, type IoResult } from '@ioasis/core';
import { answer } from '../argument.js';
import type { VfioHost } from '../host.js';
import { vfioRefusals } from '../refusals.js';
import { bindArgument } from './bind-argument.js';
import { closeDevice, openDevice, useIommufd } from './first-open.js';
import type { VfioDevice } from './vfio-device.js';

const { refuse } = vfioRefusals;

/**
 * VFIO_DEVICE_BIND_IOMMUFD on a device's own file (`vfio_df_ioctl_bind_iommufd`).
 * @param hasAccess this file is bound already
 * @returns the iommufd that the device is on now, held by the caller
 */
export function bindDevice(
  host: VfioHost,
  device: VfioDevice,
  hasAccess: boolean,
  call: IoctlCall,
): IoResult<IommufdContext> {
  const fd = bindArgument(call);
  if (fd._tag === 'Left') return fd;
  const facts = { device: device.name, iommufd: fd.right };
  const { group } = device;
  if (group.openedFile !== undefined) return refuse('DEVICE_BIND_GROUP_OPEN', { ...facts, group: group.iommu.id });
  if (hasAccess) return refuse('DEVICE_BIND_TWICE', facts);
  const file = call.process.fileOf(fd.right);
  if (file === undefined) return refuse('DEVICE_BIND_BADF', facts);
  if (!(file instanceof IommufdContext)) return refuse('DEVICE_BIND_KIND', { ...facts, kind: file.kind });
  if (device.openCount > 0) return refuse('DEVICE_OPENED_ELSEWHERE', facts);
  const used = useIommufd(host, device, file);
  if (used._tag === 'Left') return used;
  openDevice(host, device);
  const written = answer(call, deviceId(device), VfioDeviceBindIommufd.offsets.out_devid);
  if (written._tag === 'Left') {
    closeDevice(device);
    return written;
  }
  file.hold();
  device.openedAsDevice = true;
  group.boundDeviceFiles++;
  return right(file);
}

function deviceId(device: VfioDevice): Uint8Array {
  const id = new Uint8Array(4);
  new DataView(id.buffer).setUint32(0, device.bound?.id ?? 0, true);
  return id;
}

/** Undoes {@link bindDevice} when the file is closed (`vfio_df_unbind_iommufd`). */
export function unbindDevice(device: VfioDevice, iommufd: IommufdContext): void {
  closeDevice(device);
  device.openedAsDevice = false;
  device.group.boundDeviceFiles--;
  iommufd.drop();
}
