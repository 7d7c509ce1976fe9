import {
  copyUserStruct,
  Errno,
  HwptFlag,
  type BackendDefinition,
  type ContractDeviation,
  type DeviceCapabilities,
  type HwInfo,
  type HwptUserData,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type NestedDomain,
  type PageRequest,
  type ReservedRegion,
} from '@ioasis/core';
import {
  MOCK_HW_INFO_REGISTER,
  MOCK_HW_INFO_TYPE,
  MOCK_HWPT_DATA_BYTES,
  MOCK_HWPT_DATA_TYPE,
  MockDeviceFlag,
} from './constants.js';
import { MockDomain } from './mock-domain.js';
import { MockNestedDomain } from './mock-nested-domain.js';
import { MockUnit } from './mock-unit.js';

/** A device behind the mock IOMMU; each has a group of its own. */
export interface MockDevice extends IommuDevice {
  /** OR of `MockDeviceFlag`. */
  readonly mockFlags: number;
}

const flagsOf = (device: IommuDevice): number => ('mockFlags' in device ? (device as MockDevice).mockFlags : 0);

/** The kernel's mock IOMMU as a backend like any other. Devices of other kinds get the mock's defaults. */
export class MockBackend implements IommuBackend {
  readonly id = 'mock';
  readonly unit: MockUnit = new MockUnit();
  onPageRequest?: (request: PageRequest) => void;
  readonly #domains = new Set<MockDomain>();

  unitOf(): MockUnit {
    return this.unit;
  }

  addDevice(): number {
    return 0;
  }

  removeDevice(device: IommuDevice): void {
    this.unit.domains.delete(device.requesterId);
  }

  capabilitiesOf(device: IommuDevice): DeviceCapabilities {
    return {
      cacheCoherency: true,
      enforceCacheCoherency: false,
      dirtyTracking: (flagsOf(device) & MockDeviceFlag.NO_DIRTY) === 0,
      msiIsolated: true,
      maxPasidLog2: 0,
    };
  }

  reservedRegions(): readonly ReservedRegion[] {
    return [];
  }

  hwInfo(): HwInfo {
    const data = new Uint8Array(8);
    new DataView(data.buffer).setUint32(4, MOCK_HW_INFO_REGISTER, true);
    return { type: MOCK_HW_INFO_TYPE, data };
  }

  allocPaging(device: IommuDevice, flags: number, data: HwptUserData | undefined): IommuDomain | number {
    if ((flags & ~(HwptFlag.NEST_PARENT | HwptFlag.DIRTY_TRACKING)) !== 0 || data !== undefined)
      return Errno.EOPNOTSUPP;
    const mockFlags = flagsOf(device);
    const isTracked = (flags & HwptFlag.DIRTY_TRACKING) !== 0;
    if (isTracked && (mockFlags & MockDeviceFlag.NO_DIRTY) !== 0) return Errno.EOPNOTSUPP;
    const domain = new MockDomain((mockFlags & MockDeviceFlag.HUGE_IOVA) !== 0, isTracked);
    this.#domains.add(domain);
    return domain;
  }

  allocNested(_device: IommuDevice, parent: IommuDomain, flags: number, data: HwptUserData): NestedDomain | number {
    if (data.type !== MOCK_HWPT_DATA_TYPE || flags !== 0) return Errno.EOPNOTSUPP;
    if (!(parent instanceof MockDomain)) return Errno.EINVAL;
    const config = copyUserStruct(data, MOCK_HWPT_DATA_TYPE, MOCK_HWPT_DATA_BYTES, MOCK_HWPT_DATA_BYTES);
    if (typeof config === 'number') return config;
    return new MockNestedDomain(new DataView(config.buffer).getUint32(0, true));
  }

  attach(device: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    if (pasid !== undefined) return Errno.EOPNOTSUPP;
    if (!(domain instanceof MockDomain) && !(domain instanceof MockNestedDomain)) return Errno.EINVAL;
    const isTracked = domain instanceof MockDomain && domain.dirty !== undefined;
    if (isTracked && (flagsOf(device) & MockDeviceFlag.NO_DIRTY) !== 0) return Errno.EINVAL;
    if (domain instanceof MockDomain) this.unit.domains.set(device.requesterId, domain);
    return 0;
  }

  detach(device: IommuDevice): void {
    this.unit.domains.delete(device.requesterId);
  }

  reportPageResponse(): void {}

  /** Rules of the mock that were broken by anything that used it. */
  violations(): readonly string[] {
    return [...this.#domains].flatMap((domain) => domain.violations);
  }
}

const DEVIATIONS: readonly ContractDeviation[] = [
  { clause: 'rights', why: 'the mock notes where pages are, not what they allow' },
  { clause: 'holes', why: 'the mock takes it for an error of its user (WARN) and goes on' },
];

/** A machine's IOMMU that is the kernel's mock. */
export const mockBackend = (): BackendDefinition => ({
  id: 'mock',
  deviations: DEVIATIONS,
  create: () => new MockBackend(),
});
