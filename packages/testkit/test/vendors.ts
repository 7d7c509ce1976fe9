import type { BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';

/** Every vendor that has a package. */
export const vendors: readonly BackendDefinition[] = [intelVtd(), armSmmuv3(), amdVi()];
