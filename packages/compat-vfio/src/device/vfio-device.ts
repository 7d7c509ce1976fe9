import type { IommufdDevice, MachineDevice } from '@ioasis/core';
import type { VfioGroup } from '../group/vfio-group.js';
import type { PciAccess } from './pci-access.js';

/** A function that is bound to vfio-pci (`struct vfio_device`). */
export class VfioDevice {
  /** Number of `/dev/vfio/devices/vfioN`. */
  readonly index: number;
  readonly machine: MachineDevice;
  readonly group: VfioGroup;
  /** Open files with access: several through a group, one through the device's own file. */
  openCount = 0;
  /** Open files, with access or without; the device cannot be unplugged before they are closed. */
  files = 0;
  /** It is open through its own file. */
  openedAsDevice = false;
  /** Its object on the iommufd that it is bound to. */
  bound: IommufdDevice | undefined;
  /** The function as its users see it, while it is open. */
  access: PciAccess | undefined;

  constructor(index: number, machine: MachineDevice, group: VfioGroup) {
    this.index = index;
    this.machine = machine;
    this.group = group;
  }

  /** `0000:00:01.0`. */
  get name(): string {
    return this.machine.iommu.name;
  }

  /** Path of its own file. */
  get path(): string {
    return `/dev/vfio/devices/vfio${this.index}`;
  }
}
