import type { Clock } from '../hardware/index.js';
import type { IommufdHost, KernelProfile } from '../iommufd/index.js';
import type { FailureSource, FrameAllocator, MemoryBudget, PageFrames, PhysicalMemory } from '../memory/index.js';
import type { DeviceNamespace, ProcessFamily } from '../process/index.js';
import type { DeviceBus } from './device-bus.js';

/** What a machine is made of besides its IOMMU and devices. */
export interface MachineParts {
  readonly memory: PhysicalMemory;
  /** Frames of page tables and units. */
  readonly tableFrames: FrameAllocator;
  /** Frames of programs. */
  readonly pages: PageFrames;
  readonly clock: Clock;
  /** `/dev`. */
  readonly namespace: DeviceNamespace;
  readonly processes: ProcessFamily;
  /** Plugged devices and their groups. */
  readonly bus: DeviceBus;
  readonly kernel: KernelProfile;
  /** Limits what the kernel holds for programs. */
  readonly budget: MemoryBudget;
  readonly failure: FailureSource | null;
  /** What all open /dev/iommu files share; VFIO takes part in it. */
  readonly iommufd: IommufdHost;
}
