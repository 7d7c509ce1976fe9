import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { hex, type Machine, type MachineDevice } from '@ioasis/core';
import { deviceNumbers, deviceText } from './device-numbers.js';
import { resourceText } from './pci-resources.js';

/** Names below /sys/module by which programs see that VFIO is there. */
const MODULES = ['vfio', 'vfio_iommu_type1', 'vfio_pci'] as const;
/** Offset of the interrupt line register in configuration space. */
const INTERRUPT_LINE = 0x3c;

/**
 * Writes what programs look up about a machine's devices into a folder, as `dev` and `sys` of a kernel have it: device files (with their numbers as
 * text), `/sys/bus/pci/devices`, IOMMU groups, `vfio-dev` and the drivers' modules.
 *
 * @param more other files, by path
 */
export function writeDeviceTree(machine: Machine, folder: string, more: ReadonlyMap<string, string> = new Map()): void {
  const tree = new Tree(folder);
  for (const [path, content] of more) tree.file(path, content);
  const numbers = deviceNumbers(machine.namespace.paths());
  for (const [path, number] of numbers) tree.file(path, deviceText(number));
  for (const path of ['/dev/vfio', '/sys/bus/pci/devices', '/sys/bus/pci/drivers/vfio-pci']) tree.folder(path);
  for (const path of ['/sys/class/vfio', '/sys/class/vfio-dev', '/sys/kernel/iommu_groups']) tree.folder(path);
  for (const name of MODULES) tree.file(`/sys/module/${name}/initstate`, 'live\n');
  for (const [path, number] of numbers) {
    const [, group] = /^\/dev\/vfio\/(\d+)$/.exec(path) ?? [];
    if (group === undefined) continue;
    tree.file(`/sys/devices/virtual/vfio/${group}/dev`, deviceText(number));
    tree.link(`/sys/class/vfio/${group}`, `/sys/devices/virtual/vfio/${group}`);
  }
  const served = machine.devices.filter(({ iommu }) => machine.backend.capabilitiesOf(iommu).cacheCoherency);
  for (const device of machine.devices) {
    const name = `vfio${served.indexOf(device)}`;
    const number = numbers.get(`/dev/vfio/devices/${name}`);
    writeDevice(tree, device, number && { name, number: deviceText(number) });
  }
}

/** The device file that a device has besides its group's. */
interface OwnFile {
  readonly name: string;
  readonly number: string;
}

function writeDevice(tree: Tree, { iommu, function: pci }: MachineDevice, own: OwnFile | undefined): void {
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
  tree.file(`${home}/irq`, `${pci.config[INTERRUPT_LINE] ?? 0}\n`);
  tree.file(`${home}/resource`, resourceText(pci));
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
  if (own === undefined) return;
  const vfio = `${home}/vfio-dev/${own.name}`;
  tree.file(`${vfio}/dev`, own.number);
  tree.link(`${vfio}/device`, home);
  tree.link(`/sys/class/vfio-dev/${own.name}`, vfio);
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
