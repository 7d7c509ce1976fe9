import type { BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { flatBackend } from './flat-backend.js';

/** The IOMMUs that tests of whole programs run on. */
export const backends: Readonly<Record<string, () => BackendDefinition>> = {
  'an IOMMU without tables': () => flatBackend(),
  'AMD-Vi': () => amdVi({ preset: 'qemu-q35-7.2' }),
};
