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
import { AmdViDriver } from './driver/amd-vi-driver.js';
import type { LoggedEvent } from './driver/event-reader.js';
import { PagingDomain } from './driver/paging-domain.js';
import type { PageTables } from './driver/table-traits.js';
import { amdViFidelity } from './fidelity.js';
import { amdViConfiguration, type AmdViConfiguration, type AmdViOptions } from './options.js';
import { AmdViUnit } from './unit/amd-vi-unit.js';

/** MSI window, and the HyperTransport ranges just under 1 TiB. */
const RESERVED: readonly ReservedRegion[] = [
  { kind: 'msi', start: 0xfee0_0000n, last: 0xfeef_ffffn },
  { kind: 'reserved', start: 0xfd_0000_0000n, last: 0xff_ffff_ffffn },
];

/** `linux-6.12` has no hardware information for this unit. */
const NO_INFO: HwInfo = { type: 0, data: new Uint8Array() };

const READABLE: ContractDeviation = {
  clause: 'write-only',
  why: 'a present entry of guest (v2) tables can be read: the format has no bit against it',
};

/** The tables that domains get: guest tables need GTSup and GIoSup, and without them Linux falls back to host tables. */
const usableTables = ({ pageTables, capabilities }: AmdViConfiguration): PageTables =>
  pageTables === 'v2' && capabilities.guestTranslation && capabilities.guestWithoutPasid ? 'v2' : 'v1';

/** One AMD IOMMU with Linux's driver, for all devices of a machine. */
export class AmdViBackend implements IommuBackend {
  readonly id = 'amd-vi';
  readonly unit: AmdViUnit;
  readonly #driver: AmdViDriver;

  constructor(environment: BackendEnvironment, options: AmdViOptions) {
    const { memory, tableFrames } = environment;
    let driver: AmdViDriver | null = null;
    this.unit = new AmdViUnit({
      memory,
      options,
      interrupt: (source) => {
        if (source === 'event-log') driver?.handleEvents();
      },
    });
    driver = new AmdViDriver({
      memory,
      frames: tableFrames,
      mmio: this.unit,
      npCache: this.unit.configuration.npCache,
      pageTables: usableTables(this.unit.configuration),
      relax: () => this.unit.step(1),
    });
    this.#driver = driver;
  }

  /** Events that the unit logged and the driver has read, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#driver.events;
  }

  unitOf(): AmdViUnit {
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
      enforceCacheCoherency: true,
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
    return this.#driver.allocDomain((flags & HwptFlag.DIRTY_TRACKING) !== 0);
  }

  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    if (pasid !== undefined) return Errno.EOPNOTSUPP;
    return domain instanceof PagingDomain ? this.#driver.attach(device, domain) : Errno.EINVAL;
  }

  detach(device: IommuDevice): void {
    this.#driver.detach(device);
  }
}

/**
 * An AMD IOMMU for `createMachine`.
 * @throws RangeError for wrong options, with one message that names the path, the value and what is allowed
 */
export function amdVi(options: AmdViOptions = {}): BackendDefinition {
  const configuration = amdViConfiguration(options);
  return {
    id: 'amd-vi',
    fidelity: amdViFidelity(configuration),
    deviations: usableTables(configuration) === 'v2' ? [READABLE] : [],
    create: (environment) => new AmdViBackend(environment, options),
  };
}
