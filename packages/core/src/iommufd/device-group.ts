import type { IommuDevice, IommuGroup } from '../domain/index.js';
import type { AttachHandle } from './fault-queue.js';
import type { HwPageTable } from './hwpt.js';

/** A bound device as its group sees it. */
export interface GroupMember {
  readonly device: IommuDevice;
}

/** Bound devices that the hardware cannot tell apart; they share one page table (`struct iommufd_group`). */
export class DeviceGroup {
  readonly group: IommuGroup;
  /** Bound devices of the group. */
  bound = 0;
  /** The page table of the whole group; undefined: DMA is blocked. */
  hwpt: HwPageTable | undefined;
  handle: AttachHandle | undefined;
  /** Attached devices in order of attachment. */
  readonly attached: GroupMember[] = [];
  /** Start of the MSI window that the driver asked for. */
  msiWindow: bigint | undefined;

  constructor(group: IommuGroup) {
    this.group = group;
  }
}
