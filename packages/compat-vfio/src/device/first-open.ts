import { done, type IommufdContext, type IoResult } from '@ioasis/core';
import type { VfioHost } from '../host.js';
import { PciAccess } from './pci-access.js';
import type { VfioDevice } from './vfio-device.js';

/** Binds the device to an iommufd; a device without IOMMU needs no binding. */
export function useIommufd(host: VfioHost, device: VfioDevice, iommufd: IommufdContext): IoResult<0> {
  if (device.group.noIommu) return done;
  const bound = iommufd.bindDevice(device.machine.iommu, host.machine.backend);
  if (bound._tag === 'Left') return bound;
  device.bound = bound.right;
  return done;
}

/** One user more; the first one enables the function. */
export function openDevice(host: VfioHost, device: VfioDevice): void {
  device.access ??= new PciAccess(host.machine, device.machine);
  device.openCount++;
}

/** One user less; the last one disables the function and gives its iommufd up (`vfio_df_close`). */
export function closeDevice(device: VfioDevice): void {
  device.openCount--;
  if (device.openCount > 0) return;
  device.access?.close();
  device.access = undefined;
  const { bound } = device;
  device.bound = undefined;
  if (bound?.attached === true) bound.detach();
  bound?.unbind();
}
