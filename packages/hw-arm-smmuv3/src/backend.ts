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
import { SmmuDomain } from './driver/domain.js';
import type { LoggedEvent } from './driver/event-reader.js';
import { SmmuV3Driver } from './driver/smmu-v3-driver.js';
import { smmuV3Fidelity } from './fidelity.js';
import { smmuV3Configuration, type SmmuV3Options } from './options.js';
import { SmmuV3Unit } from './unit/smmu-v3-unit.js';
import { NO_PORTS } from './unit/unit-ports.js';

/** Where Linux maps MSI doorbells: their writes are translated like any other. */
const RESERVED: readonly ReservedRegion[] = [{ kind: 'sw-msi', start: 0x800_0000n, last: 0x80f_ffffn }];

/** `linux-6.12` has no hardware information for this unit. */
const NO_INFO: HwInfo = { type: 0, data: new Uint8Array() };

/** Stage 1 only: S2AP has such a page. */
const READABLE: ContractDeviation = {
  clause: 'write-only',
  why: 'AP[2:1] knows no page that can be written and not read',
};
const ALWAYS_DIFFERENT: readonly ContractDeviation[] = [
  { clause: 'tracking-off', why: 'the hardware tracks from the start, and Linux 6.12 has no switch' },
  { clause: 'dirty-again', why: 'Linux 6.12 invalidates nothing when it cleans pages' },
];
/** IHI 0070 4.4.1.1: a TTL hint that does not match an entry need not drop it. */
const CUT_STAYS: ContractDeviation = {
  clause: 'cut',
  why: 'Linux 6.12 names the level of the small pages in the range invalidation, which need not drop the large one',
};

/** One SMMUv3 with Linux's driver, for all devices of a machine. */
export class SmmuV3Backend implements IommuBackend {
  readonly id = 'arm-smmuv3';
  readonly unit: SmmuV3Unit;
  readonly #driver: SmmuV3Driver;

  constructor(environment: BackendEnvironment, options: SmmuV3Options) {
    const { memory, tableFrames, pageSize } = environment;
    let driver: SmmuV3Driver | null = null;
    this.unit = new SmmuV3Unit({
      memory,
      options,
      ports: { ...NO_PORTS, interrupt: (source) => source === 'eventq' && driver?.handleEvents() },
    });
    driver = new SmmuV3Driver({
      memory,
      frames: tableFrames,
      mmio: this.unit,
      pageSize,
      domainStage: options.domainStage,
      relax: () => this.unit.step(1),
    });
    this.#driver = driver;
  }

  /** Events that the unit recorded and the driver has read, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#driver.events;
  }

  /** What the driver logged about errors of its command queue, oldest first; Linux's lines behind driver and device. */
  get commandErrors(): readonly string[] {
    return this.#driver.commandErrors;
  }

  unitOf(): SmmuV3Unit {
    return this.unit;
  }

  addDevice(device: IommuDevice): number {
    return this.#driver.addDevice(device);
  }

  removeDevice(device: IommuDevice): void {
    this.#driver.removeDevice(device);
  }

  capabilitiesOf(): DeviceCapabilities {
    return {
      cacheCoherency: this.#driver.isCoherent,
      enforceCacheCoherency: false,
      dirtyTracking: this.#driver.hasDirtyTracking,
      msiIsolated: true,
      maxPasidLog2: 0,
    };
  }

  reservedRegions(): readonly ReservedRegion[] {
    return RESERVED;
  }

  hwInfo(): HwInfo {
    return NO_INFO;
  }

  allocPaging(_device: IommuDevice, flags: number, data: HwptUserData | undefined): IommuDomain | number {
    if ((flags & ~HwptFlag.DIRTY_TRACKING) !== 0 || data !== undefined) return Errno.EOPNOTSUPP;
    const isTracked = (flags & HwptFlag.DIRTY_TRACKING) !== 0;
    if (isTracked && !this.#driver.hasDirtyTracking) return Errno.EOPNOTSUPP;
    return this.#driver.allocDomain(isTracked);
  }

  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    if (pasid !== undefined) return Errno.EOPNOTSUPP;
    return domain instanceof SmmuDomain ? this.#driver.attach(device, domain) : Errno.EINVAL;
  }

  detach(device: IommuDevice): void {
    this.#driver.detach(device);
  }
}

/**
 * An SMMUv3 for `createMachine`.
 * @throws RangeError for wrong options, with one message that names the path, the value and what is allowed
 */
export function armSmmuv3(options: SmmuV3Options = {}): BackendDefinition {
  const configuration = smmuV3Configuration(options);
  const { rangeInvalidation, stage1 } = configuration.capabilities;
  const readable = stage1 && options.domainStage !== 2 ? [READABLE] : [];
  const cuts = rangeInvalidation ? [CUT_STAYS] : [];
  return {
    id: 'arm-smmuv3',
    fidelity: smmuV3Fidelity(configuration),
    deviations: [...readable, ...ALWAYS_DIFFERENT, ...cuts],
    create: (environment) => new SmmuV3Backend(environment, options),
  };
}
