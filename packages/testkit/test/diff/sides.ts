import { vfio, type Personality } from '@ioasis/compat-vfio';
import { createMachine, linux612, type BackendDefinition, type KernelProfile } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { EduDevice, iommufdTest, mockBackend, readTrace, type DiffSide, type Trace } from '@ioasis/testkit';
import { fixture } from '../fixtures.js';

const backends: Readonly<Record<string, () => BackendDefinition>> = {
  mock: () => mockBackend(),
  'intel-vtd': () => intelVtd({ preset: 'qemu-q35-39bit' }),
  'amd-vi': () => amdVi({ preset: 'qemu-q35-7.2' }),
  'arm-smmuv3': () => armSmmuv3({ preset: 'qemu-virt-7.2' }),
};

/** A side with one edu device in group 1, as the recordings on q35 have it. */
export function side(
  name: string,
  options: { readonly personality?: Personality; readonly kernel?: KernelProfile; readonly backend?: string } = {},
): DiffSide {
  const { personality = 'iommufd', kernel = linux612, backend = 'intel-vtd' } = options;
  const make = (): ReturnType<typeof createMachine> =>
    createMachine({
      backend: backends[backend]!(),
      kernel,
      services: [vfio({ personality }), iommufdTest],
      devices:
        backend === 'mock'
          ? []
          : [{ function: new EduDevice({ bar0: 0xfea0_0000, command: 0x0103 }), address: '0000:00:01.0', group: 1 }],
    });
  return { name, make, personality, kernel, backend };
}

/** A committed recording. */
export function recording(path: string): Trace {
  const trace = readTrace(path, fixture(path));
  if (trace._tag === 'Left') throw new Error(trace.left.reason);
  return trace.right;
}
