import type { BackendDefinition } from '@ioasis/core';
import { ContainerModule } from 'inversify';

/** An inversify module that binds `BACKEND`, perhaps with services of its own, under the name that tests print and select it by. */
export interface BackendModule {
  readonly id: string;
  readonly module: ContainerModule;
}

/** An IOMMU that tests can be run on: a vendor's definition such as `intelVtd()`, or a module with a name. */
export type BackendSource = BackendDefinition | BackendModule;

/** What `createMachine({ backend })` takes of a source; a module without a name as it is. */
export function backendOf(source: BackendSource | ContainerModule): BackendDefinition | ContainerModule {
  if (source instanceof ContainerModule) return source;
  return 'module' in source ? source.module : source;
}
