import { isLeft } from 'fp-ts/lib/Either.js';
import { VfioExtension } from '@ioasis/core';
import { expect } from 'vitest';
import { DeviceFlag, GroupFlag, VfioContainerClient, type VfioDeviceClient } from '../../src/index.js';
import { BUFFER, DEVICE, must, outcome, type TestMachine } from '../support/vfio-machine.js';
import { BOTH, expectDma, expectNoDma, GUEST_RAM, type ClientScript, type Section } from './client-script.js';

const FIRST = GUEST_RAM[0] as Section;
const mapping = ({ iova, offset, size }: Section): { vaddr: bigint; iova: bigint; size: bigint } => ({
  vaddr: BUFFER + offset,
  iova,
  size,
});

/** What every client does with a device after it opened it: what is it, where are its registers, how many interrupts. */
function inspect(device: VfioDeviceClient): void {
  const info = must(device.info());
  expect(info.flags & DeviceFlag.PCI).toBe(DeviceFlag.PCI);
  for (let region = 0; region < 8; region++) must(device.regionInfo(region));
  for (const index of [0, 1, 2]) must(device.irqInfo(index));
  expect(must(device.readConfig(0, 64))).toHaveLength(64);
}

const qemu: ClientScript = {
  client: 'QEMU, group path',
  source: 'hw/vfio/container-legacy.c',
  personalities: BOTH,
  run: (test) => {
    const group = test.group();
    expect(must(group.status()) & GroupFlag.VIABLE).toBe(GroupFlag.VIABLE);
    const container = test.container();
    expect(must(container.apiVersion())).toBe(0);
    const { TYPE1V2, TYPE1, SPAPR_TCE_V2, SPAPR_TCE } = VfioExtension;
    const type = [TYPE1V2, TYPE1, SPAPR_TCE_V2, SPAPR_TCE].find(
      (extension) => must(container.checkExtension(extension)) !== 0,
    );
    expect(type).toBe(TYPE1V2);
    must(group.setContainer(container));
    must(container.setIommu(TYPE1V2));
    const info = must(container.getInfo());
    expect(info.pageSizes & 0x1000n).toBe(0x1000n);
    expect(info.dmaAvailable ?? 65535).toBeGreaterThanOrEqual(GUEST_RAM.length);
    for (const { iova, size } of GUEST_RAM) {
      expect(info.iovaRanges?.some(({ start, last }) => start <= iova && iova + size - 1n <= last)).toBe(true);
    }
    const unmapAllFlag = must(container.checkExtension(VfioExtension.UNMAP_ALL)) === 1;
    for (const section of GUEST_RAM) must(container.mapDma(mapping(section)));
    const device = must(group.openDevice(DEVICE));
    inspect(device);
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    if (info.migration !== undefined) trackDirty(test, container);
    expect(unmapAllFlag).toBe(true);
    const ram = GUEST_RAM.reduce((sum, { size }) => sum + size, 0n);
    expect(container.unmapAll()).toMatchObject({ size: ram });
    expectNoDma(test, device.fd, FIRST);
    // Without the flag QEMU unmaps two halves of the address space.
    for (const section of GUEST_RAM) must(container.mapDma(mapping(section)));
    const halves = [0n, 1n << 63n].map((iova) => container.unmapDma({ iova, size: 1n << 63n }));
    expect(halves.map(({ result }) => outcome(result))).toEqual([0, 0]);
    must(device.close());
    must(group.unsetContainer());
  },
};

/** Migration of a guest on the classic container. */
function trackDirty(test: TestMachine, container: VfioContainerClient): void {
  must(container.trackDirty(true));
  const bitmap = BUFFER + 0xf_f000n;
  const { iova, size } = FIRST;
  must(container.getDirty({ iova, size }, 0x1000n, bitmap, 16n));
  // The device could have written everywhere: 128 pages, all dirty.
  expect([...test.process.addressSpace.peek(bitmap, 16)]).toEqual(Array.from({ length: 16 }, () => 0xff));
  must(container.trackDirty(false));
}

const dpdk: ClientScript = {
  client: 'DPDK',
  source: 'lib/eal/linux/eal_vfio.c',
  personalities: BOTH,
  run: (test) => {
    const container = test.container();
    expect(must(container.apiVersion())).toBe(0);
    // A negative answer is fatal, whatever the extension.
    for (const extension of [VfioExtension.TYPE1, VfioExtension.SPAPR_TCE_V2, VfioExtension.NOIOMMU]) {
      must(container.checkExtension(extension));
    }
    const group = test.group();
    const status = must(group.status());
    expect(status & GroupFlag.VIABLE).toBe(GroupFlag.VIABLE);
    if ((status & GroupFlag.CONTAINER_SET) === 0) must(group.setContainer(container));
    must(container.setIommu(VfioExtension.TYPE1));
    for (const section of GUEST_RAM) must(container.mapDma(mapping(section)));
    expect(outcome(container.mapDma(mapping(FIRST)))).toBe('EEXIST');
    const device = must(group.openDevice(DEVICE));
    inspect(device);
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    for (const { iova, size } of GUEST_RAM) expect(container.unmapDma({ iova, size }).size).toBe(size);
    expectNoDma(test, device.fd, FIRST);
  },
};

const spdk: ClientScript = {
  client: 'SPDK on DPDK',
  source: 'lib/env_dpdk/memory.c',
  personalities: BOTH,
  run: (test) => {
    // DPDK set the container up without memory; SPDK maps on the first device, on DPDK's descriptor.
    const { container, group } = test.container1(VfioExtension.TYPE1);
    const device = must(group.openDevice(DEVICE));
    const spdkView = new VfioContainerClient(test.process, container.fd);
    for (const section of GUEST_RAM) must(spdkView.mapDma(mapping(section)));
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    // Memory that comes and goes: what was registered is what is unregistered.
    const { iova, size } = FIRST;
    must(spdkView.unmapDma({ iova, size }).result);
    expectNoDma(test, device.fd, FIRST);
    must(spdkView.mapDma(mapping(FIRST)));
    expectDma(test, device.fd, FIRST);
    for (const section of GUEST_RAM) must(spdkView.unmapDma({ iova: section.iova, size: section.size }).result);
    must(device.close());
  },
};

const libvfn: ClientScript = {
  client: 'libvfn, group path',
  source: 'src/iommu/vfio.c',
  personalities: BOTH,
  run: (test) => {
    const container = test.container();
    expect(must(container.apiVersion())).toBe(0);
    expect(must(container.checkExtension(VfioExtension.TYPE1))).toBe(1);
    const group = test.group();
    expect(must(group.status()) & GroupFlag.VIABLE).toBe(GroupFlag.VIABLE);
    must(group.setContainer(container));
    must(container.setIommu(VfioExtension.TYPE1));
    const ranges = must(container.getInfo()).iovaRanges ?? [];
    expect(ranges.length).toBeGreaterThan(0);
    const device = must(group.openDevice(DEVICE));
    // It hands out IOVAs from the first range on.
    const section = { iova: ((ranges[0]?.start ?? 0n) + 0xffffn) & ~0xffffn, offset: 0n, size: 0x1_0000n };
    must(container.mapDma(mapping(section)));
    expectDma(test, device.fd, section);
    expect(container.unmapAll().size).toBe(section.size);
    expectNoDma(test, device.fd, section);
  },
};

const rustVmm: ClientScript = {
  client: 'rust-vmm vfio-ioctls and cloud-hypervisor, group path',
  source: 'crates/vfio-ioctls/src/vfio_device.rs',
  personalities: BOTH,
  run: (test) => {
    const container = test.container();
    expect(must(container.apiVersion())).toBe(0);
    expect(must(container.checkExtension(VfioExtension.TYPE1V2))).toBe(1);
    const group = test.group();
    // Compared for equality: any other flag is an error.
    expect(must(group.status())).toBe(GroupFlag.VIABLE);
    must(group.setContainer(container));
    must(container.setIommu(VfioExtension.TYPE1V2));
    const device = must(group.openDevice(DEVICE));
    inspect(device);
    for (const section of GUEST_RAM) must(container.mapDma(mapping(section)));
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    for (const { iova, size } of GUEST_RAM) expect(container.unmapDma({ iova, size }).size).toBe(size);
    must(device.close());
    must(group.unsetContainer());
  },
};

const openvmm: ClientScript = {
  client: 'OpenVMM, group path',
  source: 'vm/devices/pci/vfio_assigned_device',
  personalities: BOTH,
  run: (test) => {
    // No version and no extensions are asked for.
    const group = test.group();
    must(group.status());
    const container = test.container();
    must(group.setContainer(container));
    must(container.setIommu(VfioExtension.TYPE1V2));
    for (const section of GUEST_RAM) must(container.mapDma(mapping(section)));
    const device = must(group.openDevice(DEVICE));
    inspect(device);
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    for (const { iova, size } of GUEST_RAM) must(container.unmapDma({ iova, size }).result);
  },
};

const crosvm: ClientScript = {
  client: 'crosvm',
  source: 'devices/src/vfio.rs',
  personalities: BOTH,
  run: (test) => {
    const container = test.container();
    expect(must(container.apiVersion())).toBe(0);
    const group = test.group();
    expect(must(group.status())).toBe(GroupFlag.VIABLE);
    must(group.setContainer(container));
    expect(must(container.checkExtension(VfioExtension.TYPE1V2))).toBe(1);
    must(container.setIommu(VfioExtension.TYPE1V2));
    for (const section of GUEST_RAM) must(container.mapDma(mapping(section)));
    const device = must(group.openDevice(DEVICE));
    inspect(device);
    const first = container.getInfoBytes(24);
    expect(isLeft(first.result)).toBe(false);
    // Fails when the capability is absent.
    expect(must(container.getInfo()).iovaRanges).toBeDefined();
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    for (const { iova, size } of GUEST_RAM) expect(container.unmapDma({ iova, size }).size).toBe(size);
  },
};

/** Clients that open a container and a group. */
export const groupClients: readonly ClientScript[] = [qemu, dpdk, spdk, libvfn, rustVmm, openvmm, crosvm];
