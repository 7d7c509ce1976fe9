import { ContainerModule } from 'inversify';
import type { ContractDeviation, FidelityFeature, IommuBackend } from '../domain/index.js';
import type { BackendEnvironment } from './backend-environment.js';
import { BACKEND, BACKEND_ENVIRONMENT } from './tokens.js';

/** An IOMMU that a machine can be made with. */
export interface BackendDefinition {
  /** Stable id, as `IommuBackend.id`. */
  readonly id: string;
  /** What of the real unit is modelled, for the fidelity ladder in the docs. Absent: nothing is claimed. */
  readonly fidelity?: readonly FidelityFeature[];
  /** Where the backend differs from the contract on purpose. Absent: nowhere. */
  readonly deviations?: readonly ContractDeviation[];
  /** Makes the backend of one machine. */
  create(environment: BackendEnvironment): IommuBackend;
}

/** The module that gives a machine this backend. */
export const backendModule = (definition: BackendDefinition): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(BACKEND)
      .toResolvedValue((environment: BackendEnvironment) => definition.create(environment), [BACKEND_ENVIRONMENT])
      .inSingletonScope();
  });
