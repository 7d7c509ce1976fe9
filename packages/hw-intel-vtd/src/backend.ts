import {
  Errno,
  HwptFlag,
  type BackendDefinition,
  type BackendEnvironment,
  type DeviceCapabilities,
  type HwInfo,
  type HwptUserData,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type NestedDomain,
  type ReservedRegion,
} from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import { SecondStageDomain } from './driver/domain.js';
import type { LoggedFault } from './driver/fault-reader.js';
import { VtdDriver } from './driver/vtd-driver.js';
import { decodeVtdOptions, type VtdOptions } from './options.js';
import { VtdUnit } from './unit/vtd-unit.js';

/** `IOMMU_HW_INFO_TYPE_INTEL_VTD` */
const HW_INFO_TYPE = 1;
/** `IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17`: Linux reports the erratum for every unit. */
const HW_INFO_FLAGS = 1;

/** One VT-d unit with Linux's driver, for all devices of a machine. */
export class VtdBackend implements IommuBackend {
  readonly id = 'intel-vtd';
  readonly unit: VtdUnit;
  readonly #driver: VtdDriver;
  readonly #reserved: readonly ReservedRegion[];

  constructor(environment: BackendEnvironment, options: VtdOptions) {
    const { memory, tableFrames, clock } = environment;
    let driver: VtdDriver | null = null;
    this.unit = new VtdUnit({ memory, options, clock, interrupts: () => driver?.handleFaults() });
    const { capabilities, msiWindow } = this.unit.configuration;
    driver = new VtdDriver({
      memory,
      frames: tableFrames,
      mmio: this.unit,
      hostAddressWidth: capabilities.hostAddressWidth,
      relax: () => this.unit.step(1),
    });
    this.#driver = driver;
    this.#reserved = [{ kind: 'msi', ...msiWindow }];
  }

  /** Faults that the unit recorded and the driver has read, oldest first. */
  get faults(): readonly LoggedFault[] {
    return this.#driver.faults;
  }

  unitOf(): VtdUnit {
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
      enforceCacheCoherency: this.#driver.traits.snoopControl,
      dirtyTracking: this.#driver.hasDirtyTracking,
      msiIsolated: true,
      maxPasidLog2: 0,
    };
  }

  reservedRegions(): readonly ReservedRegion[] {
    return this.#reserved;
  }

  /** `struct iommu_hw_info_vtd`: flags, a reserved word, CAP and ECAP. */
  hwInfo(): HwInfo {
    const data = new Uint8Array(24);
    const view = new DataView(data.buffer);
    view.setUint32(0, HW_INFO_FLAGS, true);
    view.setBigUint64(8, this.#driver.cap, true);
    view.setBigUint64(16, this.#driver.ecap, true);
    return { type: HW_INFO_TYPE, data };
  }

  allocPaging(_device: IommuDevice, flags: number, data: HwptUserData | undefined): IommuDomain | number {
    if ((flags & ~(HwptFlag.NEST_PARENT | HwptFlag.DIRTY_TRACKING)) !== 0) return Errno.EOPNOTSUPP;
    const isNestParent = (flags & HwptFlag.NEST_PARENT) !== 0;
    const isTracked = (flags & HwptFlag.DIRTY_TRACKING) !== 0;
    if (isNestParent && !this.#driver.hasNesting) return Errno.EOPNOTSUPP;
    if (data !== undefined || (isTracked && !this.#driver.hasDirtyTracking)) return Errno.EOPNOTSUPP;
    return this.#driver.allocDomain({ isTracked, isNestParent });
  }

  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    if (pasid !== undefined) return Errno.EOPNOTSUPP;
    return domain instanceof SecondStageDomain ? this.#driver.attach(device, domain) : Errno.EINVAL;
  }

  detach(device: IommuDevice): void {
    this.#driver.detach(device);
  }
}

/**
 * A VT-d unit for `createMachine`.
 * @throws RangeError for wrong options, with one message that names the path, the value and what is allowed
 */
export function intelVtd(options: VtdOptions = {}): BackendDefinition {
  const decoded = decodeVtdOptions(options);
  if (isLeft(decoded)) throw new RangeError(decoded.left);
  return { id: 'intel-vtd', create: (environment) => new VtdBackend(environment, options) };
}
