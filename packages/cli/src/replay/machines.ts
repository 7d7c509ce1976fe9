import { left, right, type Either } from 'fp-ts/lib/Either.js';
import { vfio } from '@ioasis/compat-vfio';
import {
  createMachine,
  linux612,
  linux62,
  linux66,
  type BackendDefinition,
  type DeviceSpec,
  type KernelProfile,
  type Machine,
} from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd, type VtdPresetName } from '@ioasis/hw-intel-vtd';
import { EduDevice, iommufdTest, mockBackend, type EduOptions, type TraceHeader } from '@ioasis/testkit';

/** Who serves `/dev/vfio/vfio`. */
export type Personality = 'iommufd' | 'type1';

/** Names of {@link Personality}. */
export const personalities: readonly Personality[] = ['iommufd', 'type1'];

/** A recording machine: its IOMMU, and the edu device in it as its firmware left it. */
interface RecordedMachine {
  readonly backend: () => BackendDefinition;
  readonly device?: EduOptions & { readonly address: string; readonly group: number };
}

const vtd = (preset: VtdPresetName): RecordedMachine => ({
  backend: () => intelVtd({ preset }),
  device: { address: '0000:00:01.0', group: 1, command: 0x0103, bar0: 0xfea0_0000, interruptLine: 0x0a },
});

/** Machines by the name in a trace's header. */
const machines: Readonly<Record<string, RecordedMachine>> = {
  none: { backend: () => mockBackend() },
  'q35+vtd': vtd('qemu-q35-39bit'),
  'q35+vtd48': vtd('qemu-q35-48bit'),
  'q35+vtd-sm': vtd('qemu-q35-48bit-scalable'),
  'q35+amd': {
    backend: () => amdVi({ preset: 'qemu-q35-7.2' }),
    device: { address: '0000:00:02.0', group: 1, command: 0x0103, bar0: 0xfea0_0000, interruptLine: 0x0b },
  },
  'virt+smmuv3': {
    backend: () => armSmmuv3({ preset: 'qemu-virt-7.2' }),
    device: { address: '0000:00:01.0', group: 0, command: 0x0002, bar0: 0x1000_0000, interruptLine: 0x11 },
  },
};

/** Names of all machines that a header may have. */
export const machineNames: readonly string[] = Object.keys(machines);

const PAGE_SIZES = [4096, 16384, 65536] as const;

const providers: Readonly<Record<string, Personality>> = { iommufd: 'iommufd', 'vfio-type1': 'type1' };

/** Kernels that are modelled, the newest first, each with its release. */
const kernels: readonly (readonly [major: number, minor: number, KernelProfile])[] = [
  [6, 12, linux612],
  [6, 6, linux66],
  [6, 2, linux62],
];

/** Names of modelled kernels, as `--kernel` takes them. */
export const kernelNames: readonly string[] = kernels.map(([major, minor]) => `${major}.${minor}`);

/** The newest modelled kernel that is not newer than a release such as `6.12.117`; the newest of all for other names. */
function kernelOf(release: string): KernelProfile {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  const known = kernels.find(([itsMajor, itsMinor]) => major > itsMajor || (major === itsMajor && minor >= itsMinor));
  return known?.[2] ?? linux612;
}

/** What to replay on. */
export interface MachineChoice {
  readonly machine: string;
  readonly personality: Personality;
  readonly kernel: KernelProfile;
  /** Id of its IOMMU's backend. */
  readonly backend: string;
  readonly make: () => Machine;
}

function devicesOf({ device }: RecordedMachine): DeviceSpec[] {
  if (device === undefined) return [];
  const { address, group, ...options } = device;
  return [{ function: new EduDevice(options), address, group }];
}

/**
 * The machine that a header asks for, or the one that the user asks for instead.
 * @param wanted `devices` is the machine whose devices are behind the IOMMU of `machine`
 * @returns Left with what is wrong
 */
export function replayMachine(
  header: TraceHeader,
  wanted: {
    readonly machine?: string;
    readonly personality?: Personality;
    readonly kernel?: string;
    readonly devices?: string;
  },
): Either<string, MachineChoice> {
  const machine = wanted.machine ?? header.machine;
  const recorded = Object.hasOwn(machines, machine) ? machines[machine] : undefined;
  const known = machineNames.join(', ');
  if (recorded === undefined) return left(`there is no machine ${machine}; --machine takes ${known}`);
  const provider = header.vfio_vfio_provider;
  const personality = wanted.personality ?? providers[provider];
  if (personality === undefined) {
    return left(
      `nobody called ${provider} serves /dev/vfio/vfio here; --personality takes ${personalities.join(', ')}`,
    );
  }
  const pageSize = PAGE_SIZES.find((size) => size === header.page_size);
  if (pageSize === undefined)
    return left(`pages of ${header.page_size} bytes: only ${PAGE_SIZES.join(', ')} are modelled`);
  const devices = machines[wanted.devices ?? machine] ?? recorded;
  const kernel = kernelOf(wanted.kernel ?? header.kernel);
  const make = (): Machine =>
    createMachine({
      backend: recorded.backend(),
      devices: devicesOf(devices),
      services: [vfio({ personality }), iommufdTest],
      pageSize,
      kernel,
    });
  return right({ machine, personality, kernel, backend: recorded.backend().id, make });
}
