import type { IommufdContext, IommuGroup, OpenFile } from '@ioasis/core';

/** The classic container as its groups see it. */
export interface GroupContainer {
  /** Whether the container has a type, so that devices can be opened. */
  readonly hasType: boolean;
  /** The group leaves; the last one takes the type and all mappings with it. */
  detach(group: VfioGroup): void;
}

/** An IOMMU group with at least one device bound to vfio-pci (`struct vfio_group`). */
export class VfioGroup {
  readonly iommu: IommuGroup;
  /** The group was made up for a device without IOMMU. */
  readonly noIommu: boolean;
  /** The open `/dev/vfio/GROUP`; there is one at most. */
  openedFile: OpenFile | undefined;
  /** The classic container that the group is in. */
  container: GroupContainer | undefined;
  /** 1 for the group in a classic container and 1 for each open device. */
  containerUsers = 0;
  /** The iommufd that serves as container. */
  iommufd: IommufdContext | undefined;
  /** Devices bound through their own files. */
  boundDeviceFiles = 0;

  constructor(iommu: IommuGroup, noIommu: boolean) {
    this.iommu = iommu;
    this.noIommu = noIommu;
  }

  /** Path of its file. */
  get path(): string {
    return `/dev/vfio/${this.noIommu ? 'noiommu-' : ''}${this.iommu.id}`;
  }

  /** Whether it is in a container of either kind. */
  get inContainer(): boolean {
    return this.container !== undefined || this.iommufd !== undefined;
  }
}
