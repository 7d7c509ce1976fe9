import type { BackendDefinition } from '@ioasis/core';
import { flatBackend } from './flat-backend.js';

/** The IOMMUs that tests of whole programs run on. */
export const backends: Readonly<Record<string, () => BackendDefinition>> = {
  'an IOMMU without tables': () => flatBackend(),
};
