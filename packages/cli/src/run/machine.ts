import { TaskFailures } from '@ioasis/bridge';
import { vfio } from '@ioasis/compat-vfio';
import {
  createMachine,
  linux612,
  linux62,
  linux66,
  type DeviceSpec,
  type KernelProfile,
  type Machine,
} from '@ioasis/core';
import { EduDevice, FailureInjector, iommufdTest, RingDevice, type Checkers } from '@ioasis/testkit';
import { findVendor, vendors } from '../vendors.js';

/** What the user chose. */
export interface RunChoice {
  readonly backend: string;
  readonly preset?: string;
  readonly personality: string;
  readonly kernel: string;
  /** In order of their slots; `none` among them is nothing. */
  readonly device: readonly string[];
  readonly failNth?: number;
}

const kernels: Readonly<Record<string, KernelProfile>> = { '6.2': linux62, '6.6': linux66, '6.12': linux612 };

/** Values that the options of `ioasis run` take. */
export const runValues: Readonly<Record<'backend' | 'personality' | 'kernel' | 'device', readonly string[]>> = {
  backend: vendors.map(({ id }) => id),
  personality: ['iommufd', 'type1'],
  kernel: Object.keys(kernels),
  device: ['edu', 'ring', 'none'],
};

/** Devices by slot of the root bus, from 1 on, each in a group of the same number. */
function devicesOf(names: readonly string[]): readonly DeviceSpec[] {
  return names
    .filter((name) => name !== 'none')
    .map((name, at) => ({
      address: `0000:00:${(at + 1).toString(16).padStart(2, '0')}.0`,
      group: at + 1,
      function: name === 'ring' ? new RingDevice() : new EduDevice(),
    }));
}

/** Slots that the root bus has for devices. */
const MOST_DEVICES = 31;
/** The backend whose devices the kernel's own tests make with a test ioctl. */
const MOCK = 'mock';

/** A machine, and the failures that programs on it may ask for. */
export interface RunMachine {
  readonly machine: Machine;
  readonly failures: TaskFailures;
}

/**
 * The machine of a choice, whose words are among {@link runValues}.
 * @throws RangeError when the backend has no such preset, or there is no room for so many devices
 */
export function runMachine(choice: RunChoice, check: Checkers | undefined): RunMachine {
  const { preset, failNth: nth } = choice;
  const vendor = findVendor(choice.backend);
  const kernel = kernels[choice.kernel];
  if (vendor === undefined || kernel === undefined) throw new RangeError('there is no such backend or kernel');
  if (preset !== undefined && !vendor.presets.includes(preset)) {
    throw new RangeError(`${vendor.id} has no preset ${preset}; it has ${vendor.presets.join(', ') || 'none'}`);
  }
  if (choice.device.length > MOST_DEVICES) throw new RangeError(`there is room for ${MOST_DEVICES} devices`);
  const isMock = vendor.id === MOCK;
  const onDemand = new FailureInjector();
  const failures = new TaskFailures(onDemand);
  const machine = createMachine({
    backend: vendor.make(preset),
    kernel,
    devices: isMock ? [] : devicesOf(choice.device),
    services: [
      vfio({ personality: choice.personality === 'type1' ? 'type1' : 'iommufd' }),
      ...(isMock ? [iommufdTest] : []),
      ...(check === undefined ? [] : [check]),
    ],
    failure: failures,
  });
  // Steps are counted from the program's first call on, not from the machine's own start.
  if (nth !== undefined) onDemand.arm({ nth });
  return { machine, failures };
}
