import type { IommuDevice, MachineHost } from '@ioasis/core';
import type { VfioDevice } from './device/vfio-device.js';
import type { VfioGroup } from './group/vfio-group.js';
import type { VfioSettings } from './options.js';
import type { GroupMembers } from './type1/attach-group.js';

/** What the VFIO files of one machine share. */
export class VfioHost {
  readonly machine: MachineHost;
  readonly options: VfioSettings;
  /** Devices bound to vfio-pci, newest first as the kernel's lists have them. */
  readonly devices: VfioDevice[] = [];

  constructor(machine: MachineHost, options: VfioSettings) {
    this.machine = machine;
    this.options = options;
  }

  /** The group's devices that are bound to vfio-pci. */
  devicesOf(group: VfioGroup): readonly VfioDevice[] {
    return this.devices.filter((device) => device.group === group);
  }

  /** All devices of a group, bound to vfio-pci or not, and the IOMMU in front of them. */
  membersOf({ iommu }: VfioGroup): GroupMembers {
    const devices = this.machine.bus.membersOf(iommu);
    return {
      group: iommu,
      backend: this.machine.backend,
      devices: devices as readonly [IommuDevice, ...IommuDevice[]],
    };
  }
}
