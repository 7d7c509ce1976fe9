import type { IommuDevice, IommuGroup } from '../domain/index.js';
import type { MachineDevice } from './machine-device.js';

/** `0000:00:01.0`: segment, bus, device, function. */
export const PCI_ADDRESS: RegExp = /^([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/;

/** The plugged devices of a machine, in order of plugging, and their IOMMU groups. */
export class DeviceBus {
  readonly #devices: MachineDevice[] = [];
  readonly #groups = new Map<number, IommuGroup>();
  /** Devices of the kernel's own, in groups of their own. */
  readonly #hidden = new Set<IommuDevice>();

  get devices(): readonly MachineDevice[] {
    return this.#devices;
  }

  /** The device at an address. */
  find(address: string): MachineDevice | undefined {
    return this.#devices.find(({ iommu }) => iommu.name === address);
  }

  /** Devices of a group. */
  membersOf(group: IommuGroup): readonly IommuDevice[] {
    const plugged = this.#devices.map(({ iommu }) => iommu);
    return [...plugged, ...this.#hidden].filter((iommu) => iommu.group === group);
  }

  /** Adds a device that no program can open, such as the kernel's mock device: it counts as a member of its group. */
  addHidden(device: IommuDevice): void {
    this.#hidden.add(device);
  }

  /** Takes a hidden device off the bus. */
  removeHidden(device: IommuDevice): void {
    this.#hidden.delete(device);
  }

  /**
   * The requester at an address. Source id = bus << 8 | device << 3 | function (PCI Express 6.0, 2.2.6.2).
   * @throws RangeError when the address is none
   */
  identify(address: string, groupId: number, virtualFunction = false): IommuDevice {
    const fields = PCI_ADDRESS.exec(address);
    if (fields === null) throw new RangeError(`${address} is no PCI address such as 0000:00:01.0`);
    const [segment, bus, device, fn] = fields.slice(1).map((field) => Number.parseInt(field, 16)) as [
      number,
      number,
      number,
      number,
    ];
    const requesterId = (bus << 8) | (device << 3) | fn;
    return { name: address, segment, requesterId, group: this.#group(groupId), virtualFunction };
  }

  /** Plugs a device in. */
  add(device: MachineDevice): void {
    this.#devices.push(device);
  }

  /** Unplugs a device. */
  remove(device: MachineDevice): void {
    this.#devices.splice(this.#devices.indexOf(device), 1);
  }

  #group(id: number): IommuGroup {
    const group = this.#groups.get(id) ?? { id };
    this.#groups.set(id, group);
    return group;
  }
}
