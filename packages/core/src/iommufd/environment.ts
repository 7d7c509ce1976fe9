import type { IommuDevice, IommuGroup } from '../domain/index.js';
import type { TempMemory } from '../io-pagetable/index.js';
import type { FailureSource, MemoryBudget } from '../memory/index.js';
import type { DmaOwnership } from './dma-ownership.js';
import type { KernelProfile } from './kernel-profile.js';
import type { PageRequestRouter } from './page-request-router.js';

/** An open /dev/iommu as leak reports see it. */
export interface OpenContext {
  /** Kind and id of every object. */
  objectNames(): readonly string[];
}

/** What all open /dev/iommu files of a machine share. */
export interface IommufdEnvironment {
  readonly profile: KernelProfile;
  /** PAGE_SIZE of the machine, bytes. */
  readonly pageSize: number;
  /** Alignment up to which an automatic IOVA follows the memory's (size of a transparent huge page), bytes. */
  readonly hugePageSize: number;
  /** Stands for the memory cgroup that limits a user of iommufd. */
  readonly budget: MemoryBudget;
  readonly failure: FailureSource | null;
  readonly ownership: DmaOwnership;
  readonly pageRequests: PageRequestRouter;
  /** Whether a device may be bound although its interrupts are not isolated (module parameter allow_unsafe_interrupts). */
  readonly allowUnsafeInterrupts: boolean;
  /** Temporary memory of a batch of frames, the same for all address spaces (the self test lowers it). */
  readonly tempMemory: TempMemory;
  /** A kernel with CONFIG_IOMMUFD_TEST, where IOAS_COPY can name its source by the number of an area. */
  selfTest: boolean;
  /** Open files, until their last object is gone. */
  readonly contexts: Set<OpenContext>;
  /** All devices of a group, bound or not: they are attached together. */
  groupMembers(group: IommuGroup): readonly IommuDevice[];
}
