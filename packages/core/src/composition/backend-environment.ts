import type { Clock } from '../hardware/index.js';
import type { KernelProfile } from '../iommufd/index.js';
import type { FailureSource, FrameAllocator, PageSize, PhysicalMemory } from '../memory/index.js';

/** What a machine offers to its IOMMU and the driver. */
export interface BackendEnvironment {
  readonly memory: PhysicalMemory;
  /** Where page tables and the structures of units come from. */
  readonly tableFrames: FrameAllocator;
  readonly clock: Clock;
  /** PAGE_SIZE of the machine, bytes. */
  readonly pageSize: PageSize;
  /** Which kernel's driver is modelled. */
  readonly kernel: KernelProfile;
  /** Numbered failure points, kind `backend`; null = none. */
  readonly failure: FailureSource | null;
}
