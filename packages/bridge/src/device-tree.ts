import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { hex, type Machine, type MachineDevice } from '@ioasis/core';

/**
 * Writes what programs look up about a machine's devices into a folder, as `dev` and `sys` of a kernel have it: device files (empty, for those who list
 * them), `/sys/bus/pci/devices`, IOMMU groups and `vfio-dev`.
 */
export function writeDeviceTree(machine: Machine, folder: string): void {
  const tree = new Tree(folder);
  const files = machine.namespace.paths();
  for (const path of files) tree.file(path, '');
  for (const path of ['/dev/vfio', '/sys/bus/pci/devices', '/sys/bus/pci/drivers/vfio-pci']) tree.folder(path);
  for (const path of ['/sys/class/vfio-dev', '/sys/kernel/iommu_groups']) tree.folder(path);
  const served = machine.devices.filter(({ iommu }) => machine.backend.capabilitiesOf(iommu).cacheCoherency);
  const hasDeviceFiles = files.some((path) => path.startsWith('/dev/vfio/devices/'));
  for (const device of machine.devices) {
    const index = served.indexOf(device);
    writeDevice(tree, device, index >= 0 && hasDeviceFiles ? `vfio${index}` : undefined);
  }
}

function writeDevice(tree: Tree, { iommu, function: pci }: MachineDevice, vfioName: string | undefined): void {
  const address = iommu.name;
  const home = `/sys/devices/pci0000:00/${address}`;
  const view = new DataView(pci.config.buffer, pci.config.byteOffset, pci.config.byteLength);
  const numbers: Readonly<Record<string, number>> = {
    vendor: pci.vendorId,
    device: pci.deviceId,
    subsystem_vendor: view.getUint16(0x2c, true),
    subsystem_device: view.getUint16(0x2e, true),
  };
  for (const [name, value] of Object.entries(numbers)) tree.file(`${home}/${name}`, `0x${digits(value, 4)}\n`);
  tree.file(`${home}/class`, `0x${digits(pci.classCode, 6)}\n`);
  tree.file(`${home}/revision`, `0x${digits(pci.revision, 2)}\n`);
  tree.file(`${home}/numa_node`, '-1\n');
  tree.file(`${home}/enable`, '1\n');
  tree.file(`${home}/config`, pci.config);
  tree.file(`${home}/driver_override`, 'vfio-pci\n');
  const group = `/sys/kernel/iommu_groups/${iommu.group.id}`;
  tree.link(`${home}/iommu_group`, group);
  tree.link(`${home}/driver`, '/sys/bus/pci/drivers/vfio-pci');
  tree.link(`${home}/subsystem`, '/sys/bus/pci');
  tree.link(`/sys/bus/pci/devices/${address}`, home);
  tree.link(`/sys/bus/pci/drivers/vfio-pci/${address}`, home);
  tree.link(`${group}/devices/${address}`, home);
  tree.file(`${group}/type`, 'DMA\n');
  if (vfioName === undefined) return;
  tree.folder(`${home}/vfio-dev/${vfioName}`);
  tree.link(`${home}/vfio-dev/${vfioName}/device`, home);
  tree.link(`/sys/class/vfio-dev/${vfioName}`, `${home}/vfio-dev/${vfioName}`);
}

const digits = (value: number, count: number): string => hex(BigInt(value)).slice(2).padStart(count, '0');

/** Files below a folder that stands for `/`. */
class Tree {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  folder(path: string): void {
    mkdirSync(join(this.#root, path), { recursive: true });
  }

  file(path: string, content: string | Uint8Array): void {
    this.folder(dirname(path));
    writeFileSync(join(this.#root, path), content);
  }

  /** Relative, as the kernel makes them. */
  link(path: string, target: string): void {
    this.folder(dirname(path));
    symlinkSync(relative(dirname(path), target), join(this.#root, path));
  }
}
