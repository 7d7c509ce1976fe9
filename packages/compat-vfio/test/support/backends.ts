import type { BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { flatBackend } from './flat-backend.js';

/** The IOMMUs that tests of whole programs run on. */
export const backends: Readonly<Record<string, () => BackendDefinition>> = {
  'an IOMMU without tables': () => flatBackend(),
  'VT-d': () => intelVtd({ preset: 'qemu-q35-39bit' }),
  'AMD-Vi': () => amdVi({ preset: 'qemu-q35-7.2' }),
  SMMUv3: () => armSmmuv3({ preset: 'qemu-virt-7.2' }),
};
