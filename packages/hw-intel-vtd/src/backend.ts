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
import { isLeft } from 'fp-ts/lib/Either.js';
import { SecondStageDomain, type DomainHost, type SecondStageTraits } from './driver/domain.js';
import type { LoggedFault } from './driver/fault-reader.js';
import { UserDomain } from './driver/nested-domain.js';
import { readUserStage } from './driver/user-stage.js';
import { VtdDriver } from './driver/vtd-driver.js';
import { vtdFidelity } from './fidelity.js';
import { decodeVtdOptions, type VtdOptions } from './options.js';
import { VtdUnit } from './unit/vtd-unit.js';

/** `IOMMU_HW_INFO_TYPE_INTEL_VTD` */
const HW_INFO_TYPE = 1;
/** `IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17`: Linux reports the erratum for every unit. */
const HW_INFO_FLAGS = 1;

const DEVIATIONS: readonly ContractDeviation[] = [
  { clause: 'write-only', why: "Linux's driver sets R in every second-stage leaf" },
];

/** One unit of a machine. */
export interface VtdUnitSpec {
  readonly options?: VtdOptions;
  /** Names of its devices, `0000:00:01.0`. Absent: all that no other unit names. */
  readonly devices?: readonly string[];
}

/** A unit with its driver. */
interface DrivenUnit {
  readonly unit: VtdUnit;
  readonly driver: VtdDriver;
  readonly devices: readonly string[] | undefined;
  readonly reserved: readonly ReservedRegion[];
}

/** The VT-d units of a machine with Linux's driver. Domains may span units. */
export class VtdBackend implements IommuBackend, DomainHost {
  readonly id = 'intel-vtd';
  readonly #environment: BackendEnvironment;
  readonly #units: readonly DrivenUnit[];

  /** @throws RangeError for wrong options, and without memory for the units' structures */
  constructor(environment: BackendEnvironment, specs: readonly VtdUnitSpec[]) {
    this.#environment = environment;
    this.#units = specs.map((spec) => drive(environment, spec));
  }

  /** The units, in the order of their options. */
  get units(): readonly VtdUnit[] {
    return this.#units.map(({ unit }) => unit);
  }

  /** The first unit, which most machines have alone. */
  get unit(): VtdUnit {
    return this.#units[0]!.unit;
  }

  /** Faults that units recorded and the driver has read, unit by unit, oldest first. */
  get faults(): readonly LoggedFault[] {
    return this.#units.flatMap(({ driver }) => driver.faults);
  }

  unitOf(device: IommuDevice): VtdUnit {
    return this.#of(device).unit;
  }

  addDevice(device: IommuDevice): number {
    return this.#find(device)?.driver.addDevice(device) ?? Errno.ENODEV;
  }

  removeDevice(device: IommuDevice): void {
    this.#of(device).driver.removeDevice(device);
  }

  capabilitiesOf(device: IommuDevice): DeviceCapabilities {
    const { driver } = this.#of(device);
    return {
      cacheCoherency: true,
      enforceCacheCoherency: driver.traits.snoopControl,
      dirtyTracking: driver.traits.hasDirtyTracking,
      msiIsolated: true,
      maxPasidLog2: driver.pasidBits,
    };
  }

  reservedRegions(device: IommuDevice): readonly ReservedRegion[] {
    return this.#of(device).reserved;
  }

  /** `struct iommu_hw_info_vtd`: flags, a reserved word, CAP and ECAP. */
  hwInfo(device: IommuDevice): HwInfo {
    const { cap, ecap } = this.#of(device).driver.traits;
    const data = new Uint8Array(24);
    const view = new DataView(data.buffer);
    view.setUint32(0, HW_INFO_FLAGS, true);
    view.setBigUint64(8, cap, true);
    view.setBigUint64(16, ecap, true);
    return { type: HW_INFO_TYPE, data };
  }

  allocPaging(device: IommuDevice, flags: number, data: HwptUserData | undefined): IommuDomain | number {
    const { traits } = this.#of(device).driver;
    if ((flags & ~(HwptFlag.NEST_PARENT | HwptFlag.DIRTY_TRACKING)) !== 0) return Errno.EOPNOTSUPP;
    const isNestParent = (flags & HwptFlag.NEST_PARENT) !== 0;
    const isTracked = (flags & HwptFlag.DIRTY_TRACKING) !== 0;
    if (isNestParent && !traits.hasNesting) return Errno.EOPNOTSUPP;
    if (data !== undefined || (isTracked && !traits.hasDirtyTracking)) return Errno.EOPNOTSUPP;
    const { memory, tableFrames } = this.#environment;
    return SecondStageDomain.make(this, this.#traitsFor(device), { isTracked, isNestParent }, memory, tableFrames);
  }

  allocNested(device: IommuDevice, parent: IommuDomain, flags: number, data: HwptUserData): NestedDomain | number {
    if (!this.#of(device).driver.traits.hasNesting || flags !== 0) return Errno.EOPNOTSUPP;
    const stage = readUserStage(data);
    if (stage === Errno.EOPNOTSUPP) return stage;
    if (!(parent instanceof SecondStageDomain) || !parent.isNestParent) return Errno.EINVAL;
    return typeof stage === 'number' ? stage : new UserDomain(parent, stage);
  }

  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    const { driver } = this.#of(device);
    if (pasid !== undefined && driver.pasidBits === 0) return Errno.EOPNOTSUPP;
    if (pasid !== undefined && (pasid < 1 || pasid >= 2 ** driver.pasidBits)) return Errno.EINVAL;
    const isOurs = domain instanceof SecondStageDomain || domain instanceof UserDomain;
    return isOurs ? driver.attach(device, domain, pasid) : Errno.EINVAL;
  }

  detach(device: IommuDevice, pasid?: number): void {
    this.#of(device).driver.detach(device, pasid);
  }

  get flushLines(): DomainHost['flushLines'] {
    const walker = this.#units.find(({ driver }) => !driver.traits.isCoherent)?.driver;
    return walker === undefined ? null : (paHi, paLo, bytes) => walker.flushLines(paHi, paLo, bytes);
  }

  setTracking(domain: SecondStageDomain, enabled: boolean): void {
    for (const { driver } of this.#units) driver.setTracking(domain, enabled);
  }

  /** Levels of the device's unit; what all units must understand is what all of them have. */
  #traitsFor(device: IommuDevice): SecondStageTraits {
    const { traits } = this.#of(device).driver;
    const all = this.#units.map(({ driver }) => driver.traits);
    const widths = this.#units.map(({ unit }) => unit.configuration.capabilities.hostAddressWidth);
    return {
      levels: traits.levels,
      addressWidth: traits.addressWidth,
      hostAddressWidth: Math.min(...widths),
      superpage2M: all.every(({ superpage2M }) => superpage2M),
      superpage1G: all.every(({ superpage1G }) => superpage1G),
      snoopControl: all.every(({ snoopControl }) => snoopControl),
    };
  }

  #find({ name }: IommuDevice): DrivenUnit | undefined {
    const named = this.#units.find(({ devices }) => devices?.includes(name));
    return named ?? this.#units.find(({ devices }) => devices === undefined);
  }

  #of(device: IommuDevice): DrivenUnit {
    const found = this.#find(device);
    if (found === undefined) throw new RangeError(`intelVtd: no unit serves ${device.name}`);
    return found;
  }
}

function drive({ memory, tableFrames, clock }: BackendEnvironment, spec: VtdUnitSpec): DrivenUnit {
  let driver: VtdDriver | null = null;
  const options = spec.options ?? {};
  const unit = new VtdUnit({ memory, options, clock, interrupts: () => driver?.handleFaults() });
  driver = new VtdDriver({ memory, frames: tableFrames, mmio: unit, relax: () => unit.step(1) });
  const reserved: ReservedRegion[] = [{ kind: 'msi', ...unit.configuration.msiWindow }];
  return { unit, driver, devices: spec.devices, reserved };
}

/**
 * A VT-d unit for `createMachine`.
 * @throws RangeError for wrong options, with one message that names the path, the value and what is allowed
 */
export function intelVtd(options: VtdOptions = {}): BackendDefinition {
  return intelVtdUnits([{ options }]);
}

/**
 * Several VT-d units for one machine, each with its devices: what DMAR's remapping units with their device scopes are. The definition's
 * `fidelity` is that of the first.
 * @throws RangeError for wrong options, and for no unit at all
 */
export function intelVtdUnits(specs: readonly VtdUnitSpec[]): BackendDefinition {
  const [first] = specs.map(({ options }) => {
    const decoded = decodeVtdOptions(options ?? {});
    if (isLeft(decoded)) throw new RangeError(decoded.left);
    return decoded.right;
  });
  if (first === undefined) throw new RangeError('intelVtdUnits: a machine has at least one unit');
  return {
    id: 'intel-vtd',
    fidelity: vtdFidelity(first),
    deviations: DEVIATIONS,
    create: (environment) => new VtdBackend(environment, specs),
  };
}
