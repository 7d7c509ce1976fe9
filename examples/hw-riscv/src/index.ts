/** A RISC-V IOMMU for ioasis: table format, the unit and its driver. */
export { RiscvBackend, riscvIommu } from './backend.js';
export type { LoggedFault } from './driver/fault-reader.js';
export { firstStageFormat, inputBits, type StageLevels } from './format/first-stage.js';
export { riscvConfiguration, type RiscvIommuConfiguration, type RiscvIommuOptions } from './options.js';
export { RiscvIommuUnit, type RiscvIommuEnvironment } from './unit/riscv-iommu-unit.js';
export type { RiscvFault } from './unit/fault.js';
