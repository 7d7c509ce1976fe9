import { vfio } from '@ioasis/compat-vfio';
import { createMachine, DmaEngine, type BackendDefinition, type DmaPort, type Machine } from '@ioasis/core';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { EduDevice, iommufdTest, MockBackend, mockBackend } from '@ioasis/testkit';
import { CELL, type DeviceDemands } from './flat-ioas.js';

/** Devices that an operation may attach. */
export const SLOTS = 3;

/** A kind of machine to run operations on. */
export interface Bench {
  /** Cell at which the window of fixed IOVAs begins. */
  readonly window: number;
  /** Cells that a device is probed at. */
  readonly probeStep: number;
  /** What its tables make of rights: the mock's know none; in those that Linux's VT-d driver writes, who may write may read. */
  readonly rights: 'none' | 'write-implies-read';
  /** Whether devices are the mock's, made by the test ioctl, or PCI devices with VFIO files. */
  readonly devices: 'mock' | 'vfio';
  readonly demands: DeviceDemands;
  make(): Machine;
  /** The way to memory of the n-th device. */
  port(machine: Machine, device: number): DmaPort;
}

const services = [vfio(), iommufdTest];

/** The mock: 2 KiB pages, an aperture that begins at 16 MiB. The window lies across its start. */
export function mockBench(backend: BackendDefinition = mockBackend()): Bench {
  return {
    window: 0xff_c000 / CELL,
    probeStep: 4,
    rights: 'none',
    devices: 'mock',
    demands: {
      alignment: 4,
      reserved: [
        [0, 0x100_0000 / CELL - 1],
        [0x8000_0000 / CELL, Infinity],
      ],
    },
    make: () => createMachine({ backend, services }),
    port: (machine, device) => {
      if (!(machine.backend instanceof MockBackend)) throw new Error('the machine has another backend');
      return new DmaEngine(machine.backend.unit, machine.memory, 0x1_0000 + device);
    },
  };
}

/** VT-d with 39 bits: 4 KiB pages, an MSI window. The window lies across its start. */
export function vtdBench(backend: BackendDefinition = intelVtd({ preset: 'qemu-q35-39bit' })): Bench {
  return {
    window: 0xfedf_0000 / CELL,
    probeStep: 8,
    rights: 'write-implies-read',
    devices: 'vfio',
    demands: {
      alignment: 8,
      reserved: [
        [0xfee0_0000 / CELL, 0xfeef_ffff / CELL],
        [2 ** 39 / CELL, Infinity],
      ],
    },
    make: () =>
      createMachine({
        backend,
        services,
        devices: Array.from({ length: SLOTS }, (_, slot) => ({
          function: new EduDevice({ bar0: 0xfea0_0000 + slot * 0x10_0000, dmaMask: 0xffff_ffff_ffff_ffffn }),
          address: `0000:00:0${slot + 1}.0`,
          group: slot + 1,
        })),
      }),
    port: (machine, device) => machine.devices[device]!.port,
  };
}
