import { vfio } from '@ioasis/compat-vfio';
import {
  createMachine,
  linux612,
  linux62,
  linux66,
  type BackendDefinition,
  type KernelProfile,
  type Machine,
} from '@ioasis/core';
import { amdVi, type AmdViPresetName } from '@ioasis/hw-amd-vi';
import { armSmmuv3, type SmmuV3PresetName } from '@ioasis/hw-arm-smmuv3';
import { intelVtd, type VtdPresetName } from '@ioasis/hw-intel-vtd';
import { EduDevice, failNth, iommufdTest, mockBackend, type Checkers } from '@ioasis/testkit';

/** What the user chose. */
export interface RunChoice {
  readonly backend: string;
  readonly preset?: string;
  readonly personality: string;
  readonly kernel: string;
  readonly device: string;
  readonly failNth?: number;
}

const withPreset = <P>(preset: string | undefined): { readonly preset?: P } =>
  preset === undefined ? {} : { preset: preset as P };

/** Backends by name; the options of each check the preset. */
const backends: Readonly<Record<string, (preset: string | undefined) => BackendDefinition>> = {
  'intel-vtd': (preset) => intelVtd(withPreset<VtdPresetName>(preset)),
  'arm-smmuv3': (preset) => armSmmuv3(withPreset<SmmuV3PresetName>(preset)),
  'amd-vi': (preset) => amdVi(withPreset<AmdViPresetName>(preset)),
  mock: () => mockBackend(),
};

const kernels: Readonly<Record<string, KernelProfile>> = { '6.2': linux62, '6.6': linux66, '6.12': linux612 };

/** Values that the options of `ioasis run` take. */
export const runValues: Readonly<Record<'backend' | 'personality' | 'kernel' | 'device', readonly string[]>> = {
  backend: Object.keys(backends),
  personality: ['iommufd', 'type1'],
  kernel: Object.keys(kernels),
  device: ['edu', 'none'],
};

const DEVICE = { address: '0000:00:01.0', group: 1 } as const;

/**
 * The machine of a choice, whose words are among {@link runValues}.
 * @throws RangeError when the backend has no such preset
 */
export function runMachine(choice: RunChoice, check: Checkers | undefined): Machine {
  const backend = backends[choice.backend]?.(choice.preset);
  const kernel = kernels[choice.kernel];
  if (backend === undefined || kernel === undefined)
    throw new RangeError('a value of an option is not among its choices');
  const { failNth: nth } = choice;
  return createMachine({
    backend,
    kernel,
    devices: choice.device === 'edu' && choice.backend !== 'mock' ? [{ ...DEVICE, function: new EduDevice() }] : [],
    services: [
      vfio({ personality: choice.personality === 'type1' ? 'type1' : 'iommufd' }),
      ...(choice.backend === 'mock' ? [iommufdTest] : []),
      ...(check === undefined ? [] : [check]),
    ],
    ...(nth !== undefined && { failure: failNth(nth) }),
  });
}
