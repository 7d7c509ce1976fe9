import { right } from 'fp-ts/lib/Either.js';
import {
  VfioDeviceAttachIommufdPt,
  VfioDeviceDetachIommufdPt,
  VfioRequest,
  type IoctlCall,
  type IommufdContext,
  type IoResult,
} from '@ioasis/core';
import { answer, copyArgument } from '../argument.js';
import type { VfioHost } from '../host.js';
import { vfioRefusals } from '../refusals.js';
import { bindDevice, unbindDevice } from './bind.js';
import { DeviceFile } from './device-file.js';
import type { PciAccess } from './pci-access.js';
import type { VfioDevice } from './vfio-device.js';

const { refuse } = vfioRefusals;

/** `/dev/vfio/devices/vfioN`: access comes with VFIO_DEVICE_BIND_IOMMUFD (device_cdev.c). */
export class OwnDeviceFile extends DeviceFile {
  readonly #host: VfioHost;
  #iommufd: IommufdContext | undefined;

  constructor(host: VfioHost, device: VfioDevice) {
    super(device);
    this.#host = host;
  }

  protected override get access(): PciAccess | undefined {
    return this.#iommufd === undefined ? undefined : this.device.access;
  }

  override ioctl(call: IoctlCall): IoResult<number> {
    if (call.request === VfioRequest.DEVICE_BIND_IOMMUFD) return this.#bind(call);
    if (this.access === undefined) return this.notOpen();
    switch (call.request) {
      case VfioRequest.DEVICE_ATTACH_IOMMUFD_PT:
        return this.#attach(call);
      case VfioRequest.DEVICE_DETACH_IOMMUFD_PT:
        return this.#detach(call);
      default:
        return super.ioctl(call);
    }
  }

  override release(): void {
    super.release();
    if (this.#iommufd !== undefined) unbindDevice(this.device, this.#iommufd);
  }

  #bind(call: IoctlCall): IoResult<number> {
    const bound = bindDevice(this.#host, this.device, this.#iommufd !== undefined, call);
    if (bound._tag === 'Left') return bound;
    this.#iommufd = bound.right;
    return right(0);
  }

  /** Attaches, or moves an attached device: one call for both (`vfio_df_ioctl_attach_pt`). */
  #attach(call: IoctlCall): IoResult<number> {
    const argument = copyArgument(call, VfioDeviceAttachIommufdPt);
    if (argument._tag === 'Left') return argument;
    const { flags, pt_id: ptId } = argument.right.values;
    if (flags !== 0) return refuse('DEVICE_PT_FLAGS', { flags });
    const { bound } = this.device;
    if (bound === undefined) return this.notOpen();
    const attached = bound.attached ? bound.replace(ptId) : bound.attach(ptId);
    if (attached._tag === 'Left') return attached;
    const id = new Uint8Array(4);
    new DataView(id.buffer).setUint32(0, attached.right, true);
    const written = answer(call, id, VfioDeviceAttachIommufdPt.offsets.pt_id);
    if (written._tag === 'Left') bound.detach();
    return written;
  }

  #detach(call: IoctlCall): IoResult<number> {
    const argument = copyArgument(call, VfioDeviceDetachIommufdPt);
    if (argument._tag === 'Left') return argument;
    const { flags } = argument.right.values;
    if (flags !== 0) return refuse('DEVICE_PT_FLAGS', { flags });
    const { bound } = this.device;
    if (bound?.attached === true) bound.detach();
    return right(0);
  }
}
