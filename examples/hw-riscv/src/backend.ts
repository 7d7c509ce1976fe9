import {
  Errno,
  HwptFlag,
  type BackendDefinition,
  type BackendEnvironment,
  type ContractDeviation,
  type DeviceCapabilities,
  type HwInfo,
  type HwptUserData,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type NestedDomain,
  type ReservedRegion,
} from '@ioasis/core';
import { FirstStageDomain } from './driver/domain.js';
import type { LoggedFault } from './driver/fault-reader.js';
import { RiscvDriver } from './driver/riscv-driver.js';
import { riscvFidelity } from './fidelity.js';
import { riscvConfiguration, type RiscvIommuOptions } from './options.js';
import { RiscvIommuUnit } from './unit/riscv-iommu-unit.js';

const DEVIATIONS: readonly ContractDeviation[] = [
  { clause: 'write-only', why: 'a PTE with W and without R is no page' },
];

/** One RISC-V IOMMU with its driver, for all devices of a machine. */
export class RiscvBackend implements IommuBackend {
  readonly id = 'riscv';
  readonly unit: RiscvIommuUnit;
  readonly #driver: RiscvDriver;

  constructor({ memory, tableFrames }: BackendEnvironment, options: RiscvIommuOptions) {
    let driver: RiscvDriver | null = null;
    this.unit = new RiscvIommuUnit({ memory, options, interrupt: () => driver?.handleFaults() });
    driver = new RiscvDriver({ memory, frames: tableFrames, mmio: this.unit, relax: () => this.unit.step(1) });
    this.#driver = driver;
  }

  /** Faults that the unit recorded and the driver has read, oldest first. */
  get faults(): readonly LoggedFault[] {
    return this.#driver.faults;
  }

  unitOf(): RiscvIommuUnit {
    return this.unit;
  }

  addDevice(device: IommuDevice): number {
    return this.#driver.addDevice(device);
  }

  removeDevice(device: IommuDevice): void {
    this.#driver.detach(device);
  }

  capabilitiesOf(): DeviceCapabilities {
    return {
      cacheCoherency: true,
      enforceCacheCoherency: false,
      dirtyTracking: this.#driver.hasDirtyTracking,
      // Doorbells are pages like any other: a device reaches those that are mapped for it.
      msiIsolated: true,
      maxPasidLog2: 0,
    };
  }

  reservedRegions(): readonly ReservedRegion[] {
    return [];
  }

  hwInfo(): HwInfo {
    return { type: 0, data: new Uint8Array() };
  }

  allocPaging(_device: IommuDevice, flags: number, data: HwptUserData | undefined): IommuDomain | number {
    if ((flags & ~HwptFlag.DIRTY_TRACKING) !== 0 || data !== undefined) return Errno.EOPNOTSUPP;
    const isTracked = (flags & HwptFlag.DIRTY_TRACKING) !== 0;
    if (isTracked && !this.#driver.hasDirtyTracking) return Errno.EOPNOTSUPP;
    return this.#driver.allocDomain(isTracked);
  }

  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    if (pasid !== undefined) return Errno.EOPNOTSUPP;
    if (!(domain instanceof FirstStageDomain)) return Errno.EINVAL;
    this.#driver.attach(device, domain);
    return 0;
  }

  detach(device: IommuDevice): void {
    this.#driver.detach(device);
  }
}

/**
 * A RISC-V IOMMU for `createMachine`.
 * @throws RangeError for wrong options, with one message that names the path, the value and what is allowed
 */
export function riscvIommu(options: RiscvIommuOptions = {}): BackendDefinition {
  return {
    id: 'riscv',
    fidelity: riscvFidelity(riscvConfiguration(options)),
    deviations: DEVIATIONS,
    create: (environment) => new RiscvBackend(environment, options),
  };
}
