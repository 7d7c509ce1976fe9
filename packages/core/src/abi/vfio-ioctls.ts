import type { IoctlDefinition } from './ioctl.js';
import * as structs from './vfio-structs.js';
import type { StructLayout } from './struct-layout.js';

/**
 * Request numbers of the VFIO files: `_IO(';', 100 + n)`. Numbers repeat between kinds of file (0x3b70 is GET_INFO of a container and another ioctl of a
 * device), so a dispatcher starts from the kind of the descriptor.
 */
export const VfioRequest = {
  GET_API_VERSION: 0x3b64,
  CHECK_EXTENSION: 0x3b65,
  SET_IOMMU: 0x3b66,
  GROUP_GET_STATUS: 0x3b67,
  GROUP_SET_CONTAINER: 0x3b68,
  GROUP_UNSET_CONTAINER: 0x3b69,
  GROUP_GET_DEVICE_FD: 0x3b6a,
  DEVICE_GET_INFO: 0x3b6b,
  DEVICE_GET_REGION_INFO: 0x3b6c,
  DEVICE_GET_IRQ_INFO: 0x3b6d,
  DEVICE_SET_IRQS: 0x3b6e,
  DEVICE_RESET: 0x3b6f,
  DEVICE_GET_PCI_HOT_RESET_INFO: 0x3b70,
  DEVICE_PCI_HOT_RESET: 0x3b71,
  DEVICE_QUERY_GFX_PLANE: 0x3b72,
  DEVICE_GET_GFX_DMABUF: 0x3b73,
  DEVICE_IOEVENTFD: 0x3b74,
  DEVICE_FEATURE: 0x3b75,
  DEVICE_BIND_IOMMUFD: 0x3b76,
  DEVICE_ATTACH_IOMMUFD_PT: 0x3b77,
  DEVICE_DETACH_IOMMUFD_PT: 0x3b78,
  IOMMU_GET_INFO: 0x3b70,
  IOMMU_MAP_DMA: 0x3b71,
  IOMMU_UNMAP_DMA: 0x3b72,
  IOMMU_ENABLE: 0x3b73,
  IOMMU_DISABLE: 0x3b74,
  IOMMU_DIRTY_PAGES: 0x3b75,
} as const;

/** Name of a VFIO ioctl, without the `VFIO_` of the header. */
export type VfioIoctlName = keyof typeof VfioRequest;

/** Which file an ioctl belongs to. */
export type VfioFileKind = 'container' | 'group' | 'device';

/** One VFIO ioctl with the kind of file that has it. */
export interface VfioIoctlDefinition extends IoctlDefinition {
  readonly file: VfioFileKind;
}

const define = (
  file: VfioFileKind,
  name: VfioIoctlName,
  argument: IoctlDefinition['argument'],
): VfioIoctlDefinition => ({
  file,
  name: `VFIO_${name}`,
  request: VfioRequest[name],
  argument,
});
const struct = (layout: StructLayout): IoctlDefinition['argument'] => ({ kind: 'struct', layout });
const none: IoctlDefinition['argument'] = { kind: 'none' };

/** VFIO ioctls with their arguments, by kind of file. */
export const vfioIoctls: readonly VfioIoctlDefinition[] = [
  define('container', 'GET_API_VERSION', none),
  define('container', 'CHECK_EXTENSION', { kind: 'value', meaning: 'extension' }),
  define('container', 'SET_IOMMU', { kind: 'value', meaning: 'IOMMU type' }),
  define('container', 'IOMMU_GET_INFO', struct(structs.VfioIommuType1Info)),
  define('container', 'IOMMU_MAP_DMA', struct(structs.VfioIommuType1DmaMap)),
  define('container', 'IOMMU_UNMAP_DMA', struct(structs.VfioIommuType1DmaUnmap)),
  define('container', 'IOMMU_DIRTY_PAGES', struct(structs.VfioIommuType1DirtyBitmap)),
  define('group', 'GROUP_GET_STATUS', struct(structs.VfioGroupStatus)),
  define('group', 'GROUP_SET_CONTAINER', { kind: 's32-pointer', meaning: 'container descriptor' }),
  define('group', 'GROUP_UNSET_CONTAINER', none),
  define('group', 'GROUP_GET_DEVICE_FD', { kind: 'value', meaning: 'pointer to the device name' }),
  define('device', 'DEVICE_GET_INFO', struct(structs.VfioDeviceInfo)),
  define('device', 'DEVICE_GET_REGION_INFO', struct(structs.VfioRegionInfo)),
  define('device', 'DEVICE_GET_IRQ_INFO', struct(structs.VfioIrqInfo)),
  define('device', 'DEVICE_SET_IRQS', struct(structs.VfioIrqSet)),
  define('device', 'DEVICE_RESET', none),
  define('device', 'DEVICE_BIND_IOMMUFD', struct(structs.VfioDeviceBindIommufd)),
  define('device', 'DEVICE_ATTACH_IOMMUFD_PT', struct(structs.VfioDeviceAttachIommufdPt)),
  define('device', 'DEVICE_DETACH_IOMMUFD_PT', struct(structs.VfioDeviceDetachIommufdPt)),
];

/** Numbers of CHECK_EXTENSION and SET_IOMMU. */
export const VfioExtension = {
  TYPE1: 1,
  SPAPR_TCE: 2,
  TYPE1V2: 3,
  DMA_CC: 4,
  EEH: 5,
  TYPE1_NESTING: 6,
  SPAPR_TCE_V2: 7,
  NOIOMMU: 8,
  UNMAP_ALL: 9,
  UPDATE_VADDR: 10,
} as const;
