import type { IommuDevice } from '../domain/index.js';
import type { DmaEngine, InterruptSink, PciFunction } from '../hardware/index.js';

/** A device to plug. */
export interface DeviceSpec {
  readonly function: PciFunction;
  /** `0000:00:01.0`: segment, bus, device, function, in hex. */
  readonly address: string;
  /** Number of its IOMMU group; devices of one group share their page table. */
  readonly group: number;
  /** Whether it is a virtual function (SR-IOV). */
  readonly virtualFunction?: boolean;
}

/** A plugged device: the function, its requester identity and its way to memory. */
export interface MachineDevice {
  readonly iommu: IommuDevice;
  readonly function: PciFunction;
  readonly port: DmaEngine;
  /** Where its interrupts go; null: they are lost. Whoever drives the device sets it. */
  interrupts: InterruptSink | null;
}
