import { left } from 'fp-ts/lib/Either.js';
import type { IoctlCall, IoResult, MmapCall, OpenFile, Process } from '@ioasis/core';
import { vfioRefusals } from '../refusals.js';
import { deviceIoctl } from './device-ioctl.js';
import type { PciAccess } from './pci-access.js';
import { mapRegion } from './region-mmap.js';
import { readRegion, writeRegion } from './region-io.js';
import type { VfioDevice } from './vfio-device.js';

/** What both ways to open a device have in common: nothing works before access was granted. */
export abstract class DeviceFile implements OpenFile {
  readonly kind = 'vfio-device';
  readonly serves32Bit = true;
  readonly device: VfioDevice;

  constructor(device: VfioDevice) {
    this.device = device;
    device.files++;
  }

  /** The function, once this file may use it. */
  protected abstract get access(): PciAccess | undefined;

  ioctl(call: IoctlCall): IoResult<number> {
    const { access } = this;
    return access === undefined ? this.notOpen() : deviceIoctl(this.device, access, call);
  }

  pread(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number> {
    const { access } = this;
    return access === undefined ? this.notOpen() : readRegion(access, process.addressSpace, addr, bytes, offset);
  }

  pwrite(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number> {
    const { access } = this;
    return access === undefined ? this.notOpen() : writeRegion(access, process.addressSpace, addr, bytes, offset);
  }

  mmap(call: MmapCall): IoResult<bigint> {
    const { access } = this;
    return access === undefined ? this.notOpen() : mapRegion(access, call);
  }

  release(): void {
    this.device.files--;
  }

  protected notOpen(): IoResult<never> {
    return left(vfioRefusals.refusal('DEVICE_NOT_OPEN', { device: this.device.name }));
  }
}
