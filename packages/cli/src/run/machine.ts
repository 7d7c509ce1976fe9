import { TaskFailures } from '@ioasis/bridge';
import { vfio } from '@ioasis/compat-vfio';
import { createMachine, linux612, linux62, linux66, type KernelProfile, type Machine } from '@ioasis/core';
import { EduDevice, FailureInjector, iommufdTest, type Checkers } from '@ioasis/testkit';
import { findVendor, vendors } from '../vendors.js';

/** What the user chose. */
export interface RunChoice {
  readonly backend: string;
  readonly preset?: string;
  readonly personality: string;
  readonly kernel: string;
  readonly device: string;
  readonly failNth?: number;
}

const kernels: Readonly<Record<string, KernelProfile>> = { '6.2': linux62, '6.6': linux66, '6.12': linux612 };

/** Values that the options of `ioasis run` take. */
export const runValues: Readonly<Record<'backend' | 'personality' | 'kernel' | 'device', readonly string[]>> = {
  backend: vendors.map(({ id }) => id),
  personality: ['iommufd', 'type1'],
  kernel: Object.keys(kernels),
  device: ['edu', 'none'],
};

const DEVICE = { address: '0000:00:01.0', group: 1 } as const;
/** The backend whose devices the kernel's own tests make with a test ioctl. */
const MOCK = 'mock';

/** A machine, and the failures that programs on it may ask for. */
export interface RunMachine {
  readonly machine: Machine;
  readonly failures: TaskFailures;
}

/**
 * The machine of a choice, whose words are among {@link runValues}.
 * @throws RangeError when the backend has no such preset
 */
export function runMachine(choice: RunChoice, check: Checkers | undefined): RunMachine {
  const { preset, failNth: nth } = choice;
  const vendor = findVendor(choice.backend);
  const kernel = kernels[choice.kernel];
  if (vendor === undefined || kernel === undefined) throw new RangeError('there is no such backend or kernel');
  if (preset !== undefined && !vendor.presets.includes(preset)) {
    throw new RangeError(`${vendor.id} has no preset ${preset}; it has ${vendor.presets.join(', ') || 'none'}`);
  }
  const isMock = vendor.id === MOCK;
  const onDemand = new FailureInjector();
  const failures = new TaskFailures(onDemand);
  const machine = createMachine({
    backend: vendor.make(preset),
    kernel,
    devices: choice.device === 'edu' && !isMock ? [{ ...DEVICE, function: new EduDevice() }] : [],
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
