export { type ContractClause, type ContractDeviation } from './contract-deviation.js';
export { fidelityRow, optionalFidelity, type FidelityFeature, type FidelityState } from './fidelity.js';
export {
  HwptFlag,
  type DeviceCapabilities,
  type HwInfo,
  type IommuBackend,
  type IommuDevice,
  type IommuGroup,
  type PageRequest,
  type PageResponseCode,
  type ReservedKind,
  type ReservedRegion,
} from './iommu-backend.js';
export {
  DIRTY_NO_CLEAR,
  type DirtySink,
  type DomainDirtyOps,
  type IommuDomain,
  type NestedDomain,
} from './iommu-domain.js';
export { IotlbGather } from './iotlb-gather.js';
export { Prot } from './prot.js';
export { RunMapper } from './map-run.js';
export { copyUserEntry, copyUserStruct, type HwptUserData, type UserDataArray } from './user-data.js';
