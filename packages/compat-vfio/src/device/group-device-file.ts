import type { IoctlCall, IoResult } from '@ioasis/core';
import { VfioRequest } from '@ioasis/core';
import { bindArgument } from './bind-argument.js';
import { DeviceFile } from './device-file.js';
import type { PciAccess } from './pci-access.js';
import type { VfioDevice } from './vfio-device.js';
import { vfioRefusals } from '../refusals.js';

/** A device opened with VFIO_GROUP_GET_DEVICE_FD: it has access from the start. */
export class GroupDeviceFile extends DeviceFile {
  readonly #leave: () => void;

  constructor(device: VfioDevice, leave: () => void) {
    super(device);
    this.#leave = leave;
  }

  protected override get access(): PciAccess | undefined {
    return this.device.access;
  }

  override ioctl(call: IoctlCall): IoResult<number> {
    if (call.request !== VfioRequest.DEVICE_BIND_IOMMUFD) return super.ioctl(call);
    const argument = bindArgument(call);
    return argument._tag === 'Left'
      ? argument
      : vfioRefusals.refuse('DEVICE_BIND_ON_GROUP_FD', { device: this.device.name });
  }

  override release(): void {
    super.release();
    this.#leave();
  }
}
