import { right } from 'fp-ts/lib/Either.js';
import {
  done,
  IommufdContext,
  type IoResult,
  type MachineDevice,
  type MachineHost,
  type MachineService,
  type RunningService,
} from '@ioasis/core';
import { CONTAINER_PATH } from './abi/constants.js';
import { OwnDeviceFile } from './device/own-device-file.js';
import { VfioDevice } from './device/vfio-device.js';
import { openGroup } from './group/group-file.js';
import { VfioGroup } from './group/vfio-group.js';
import { VfioHost } from './host.js';
import { compatHandler } from './iommufd/compat-handler.js';
import { vfioSettings, type VfioOptions } from './options.js';
import { vfioRefusals } from './refusals.js';
import { ClassicContainer } from './type1/classic-container.js';

/**
 * VFIO on a machine: `/dev/vfio/vfio`, a file for each group and one for each device, and the container ioctls on `/dev/iommu`. Every plugged
 * device is bound to vfio-pci.
 *
 * @throws RangeError with one message that names path, value and what is allowed, when an option is wrong
 */
export function vfio(options: VfioOptions = {}): MachineService {
  const settings = vfioSettings(options);
  return { id: 'vfio', start: (machine) => new RunningVfio(new VfioHost(machine, settings)) };
}

class RunningVfio implements RunningService {
  readonly #host: VfioHost;
  readonly #groups: VfioGroup[] = [];
  #noIommuGroups = 0;

  constructor(host: VfioHost) {
    this.#host = host;
    const { machine, options } = host;
    machine.iommufd.compatHandler = compatHandler(options.noIommu);
    machine.namespace.register(CONTAINER_PATH, () => right(this.#openContainer(machine)));
  }

  /** Binds the device to vfio-pci; without cache-coherent DMA the binding fails and VFIO does not show the device. */
  plugged(machineDevice: MachineDevice): void {
    const { machine, devices } = this.#host;
    if (!machine.backend.capabilitiesOf(machineDevice.iommu).cacheCoherency) return;
    const group = this.#groupOf(machineDevice);
    const device = new VfioDevice(lowestFree(devices), machineDevice, group);
    devices.unshift(device);
    if (machine.kernel.deviceFiles) {
      machine.namespace.register(device.path, () => right(new OwnDeviceFile(this.#host, device)));
    }
  }

  mayUnplug(machineDevice: MachineDevice): IoResult<0> {
    const device = this.#find(machineDevice);
    if (device === undefined || device.files === 0) return done;
    return vfioRefusals.refuse('DEVICE_UNPLUG_OPEN', { device: device.name, files: device.files });
  }

  unplugged(machineDevice: MachineDevice): void {
    const device = this.#find(machineDevice);
    if (device === undefined) return;
    const { machine, devices } = this.#host;
    devices.splice(devices.indexOf(device), 1);
    if (machine.kernel.deviceFiles) machine.namespace.unregister(device.path);
    const { group } = device;
    if (this.#host.devicesOf(group).length > 0) return;
    group.container?.detach(group);
    machine.namespace.unregister(group.path);
    this.#groups.splice(this.#groups.indexOf(group), 1);
  }

  liveObjects(): readonly string[] {
    const open = this.#host.devices.filter(({ files }) => files > 0).map(({ name }) => `open VFIO device ${name}`);
    const groups = this.#groups
      .filter(({ openedFile }) => openedFile !== undefined)
      .map(({ path }) => `open group ${path}`);
    return [...open, ...groups];
  }

  #openContainer(machine: MachineHost): IommufdContext | ClassicContainer {
    return this.#host.options.personality === 'type1'
      ? new ClassicContainer(this.#host)
      : new IommufdContext(machine.iommufd, 'mm');
  }

  #find(machineDevice: MachineDevice): VfioDevice | undefined {
    return this.#host.devices.find((device) => device.machine === machineDevice);
  }

  #groupOf({ iommu }: MachineDevice): VfioGroup {
    const { options, machine } = this.#host;
    const noIommu = options.noIommu === 'enabled' && options.noIommuDevices.includes(iommu.name);
    const existing = noIommu ? undefined : this.#groups.find((group) => group.iommu === iommu.group);
    if (existing !== undefined) return existing;
    const group = new VfioGroup(noIommu ? { id: this.#noIommuGroups++ } : iommu.group, noIommu);
    this.#groups.push(group);
    machine.namespace.register(group.path, (call) => openGroup(this.#host, group, call));
    return group;
  }
}

function lowestFree(devices: readonly VfioDevice[]): number {
  let index = 0;
  while (devices.some((device) => device.index === index)) index++;
  return index;
}
