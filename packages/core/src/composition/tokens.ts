import type { ServiceIdentifier } from 'inversify';
import type { IommuBackend } from '../domain/index.js';
import type { BackendEnvironment } from './backend-environment.js';
import type { MachineParts } from './machine-parts.js';
import type { MachineService } from './machine-service.js';

/** The IOMMU of a machine; a backend's module binds it. */
export const BACKEND: ServiceIdentifier<IommuBackend> = Symbol.for('ioasis.backend');
/** What a backend is made from; the machine binds it. */
export const BACKEND_ENVIRONMENT: ServiceIdentifier<BackendEnvironment> = Symbol.for('ioasis.backend-environment');
/** Services of a machine; any number may be bound. They start in order of binding. */
export const MACHINE_SERVICE: ServiceIdentifier<MachineService> = Symbol.for('ioasis.machine-service');
/** The rest of a machine; the machine binds it. */
export const MACHINE_PARTS: ServiceIdentifier<MachineParts> = Symbol.for('ioasis.machine-parts');
