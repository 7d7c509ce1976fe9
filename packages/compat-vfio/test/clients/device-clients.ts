import { isLeft } from 'fp-ts/lib/Either.js';
import { HwCapability, HwptFlag } from '@ioasis/core';
import { expect } from 'vitest';
import { BUFFER, must, outcome } from '../support/vfio-machine.js';
import {
  ANY,
  expectDma,
  expectNoDma,
  GUEST_RAM,
  IommufdCalls,
  type ClientScript,
  type Section,
} from './client-script.js';

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const FIRST = GUEST_RAM[0] as Section;

const qemu: ClientScript = {
  client: 'QEMU, iommufd path',
  source: 'hw/vfio/iommufd.c, backends/iommufd.c',
  personalities: ANY,
  run: (test) => {
    const device = test.device();
    const iommufd = new IommufdCalls(test.process);
    const id = must(device.bind(iommufd.fd));
    const ioas = iommufd.ioasAlloc();
    const { capabilities } = iommufd.hwInfo(id);
    const flags = (capabilities & BigInt(HwCapability.DIRTY_TRACKING)) === 0n ? 0 : HwptFlag.DIRTY_TRACKING;
    const hwpt = must(iommufd.hwptAlloc(id, ioas, flags));
    expect(must(device.attach(hwpt))).toBe(hwpt);
    const ranges = iommufd.iovaRanges(ioas);
    expect(ranges.length).toBeGreaterThan(0);
    for (const { iova, offset, size } of GUEST_RAM) expect(iommufd.map(ioas, BUFFER + offset, size, iova)).toBe(iova);
    must(device.info());
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    for (const { iova, size } of GUEST_RAM) expect(must(iommufd.unmap(ioas, iova, size))).toBe(size);
    // An unmap of nothing is ENOENT, which QEMU takes for success.
    expect(outcome(iommufd.unmap(ioas, 0n, 0x1000n))).toBe('ENOENT');
    expectNoDma(test, device.fd, FIRST);
    // A second device goes through the page tables that exist; EINVAL means "try the next".
    const second = test.device(1);
    const secondId = must(second.bind(iommufd.fd));
    expect(secondId).not.toBe(id);
    const attached = second.attach(hwpt);
    if (isLeft(attached)) expect(attached.left.errno).toBe('EINVAL');
  },
};

const libvfn: ClientScript = {
  client: 'libvfn, iommufd path',
  source: 'src/iommu/iommufd.c',
  personalities: ANY,
  run: (test) => {
    const iommufd = new IommufdCalls(test.process);
    const ioas = iommufd.ioasAlloc();
    const device = test.device();
    must(device.bind(iommufd.fd));
    must(device.attach(ioas));
    expect(iommufd.iovaRanges(ioas).length).toBeGreaterThan(0);
    const chosen = iommufd.map(ioas, BUFFER, 0x1_0000n);
    expectDma(test, device.fd, { iova: chosen, offset: 0n, size: 0x1_0000n });
    expect(must(iommufd.unmap(ioas, 0n, U64_MAX))).toBe(0x1_0000n);
    expectNoDma(test, device.fd, { iova: chosen, offset: 0n, size: 0x1_0000n });
  },
};

const cloudHypervisor: ClientScript = {
  client: 'cloud-hypervisor, iommufd path',
  source: 'vfio-ioctls iommufd support; its seccomp list names these ioctls only',
  personalities: ANY,
  run: (test) => {
    const iommufd = new IommufdCalls(test.process);
    const ioas = iommufd.ioasAlloc();
    const device = test.device();
    must(device.bind(iommufd.fd));
    must(device.attach(ioas));
    must(device.info());
    for (const { iova, offset, size } of GUEST_RAM) iommufd.map(ioas, BUFFER + offset, size, iova);
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    for (const { iova, size } of GUEST_RAM) expect(must(iommufd.unmap(ioas, iova, size))).toBe(size);
    must(device.detach());
    expect(outcome(iommufd.destroy(ioas))).toBe(0);
  },
};

const openvmm: ClientScript = {
  client: 'OpenVMM, iommufd path',
  source: 'vm/devices/pci/vfio_assigned_device, without nesting',
  personalities: ANY,
  run: (test) => {
    const iommufd = new IommufdCalls(test.process);
    const ioas = iommufd.ioasAlloc();
    // All RAM is mapped before the device is bound.
    for (const { iova, offset, size } of GUEST_RAM) iommufd.map(ioas, BUFFER + offset, size, iova);
    const device = test.device();
    must(device.bind(iommufd.fd));
    must(device.attach(ioas));
    for (const section of GUEST_RAM) expectDma(test, device.fd, section);
    must(device.detach());
    expectNoDma(test, device.fd, FIRST);
    // It panics when something it destroys is still in use.
    expect(outcome(iommufd.destroy(ioas))).toBe(0);
  },
};

/** Clients that open the device's own file and /dev/iommu. */
export const deviceClients: readonly ClientScript[] = [qemu, libvfn, cloudHypervisor, openvmm];
