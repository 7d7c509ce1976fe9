import type { RefusalRule } from '../errno/index.js';

const main = 'Linux 6.12 drivers/iommu/iommufd/main.c';
const device = 'Linux 6.12 drivers/iommu/iommufd/device.c';
const fault = 'Linux 6.12 drivers/iommu/iommufd/fault.c';

/** Codes of {@link deviceRules}. */
export type DeviceRefusalCode =
  | 'DEVICE_NOT_FOUND'
  | 'BIND_NOT_COHERENT'
  | 'BIND_MSI_NOT_ISOLATED'
  | 'BIND_GROUP_OWNED'
  | 'ATTACH_TARGET_NOT_FOUND'
  | 'ATTACH_TARGET_KIND'
  | 'ATTACH_GROUP_ELSEWHERE'
  | 'ATTACH_NO_PAGE_REQUESTS'
  | 'ATTACH_VIRTUAL_FUNCTION'
  | 'ATTACH_NO_MEMORY'
  | 'REPLACE_NOT_ATTACHED'
  | 'HW_INFO_FLAGS'
  | 'HW_INFO_RESERVED_FIELD'
  | 'HW_INFO_NOT_WRITABLE'
  | 'ACCESS_NOT_ATTACHED'
  | 'ACCESS_BUSY';

/** Devices, groups, hardware information and kernel accesses. */
export const deviceRules: Readonly<Record<DeviceRefusalCode, RefusalRule>> = {
  DEVICE_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'dev_id must be that of a device bound to this open file',
    source: `${main} iommufd_get_object`,
  },
  BIND_NOT_COHERENT: {
    errno: 'EINVAL',
    rule: 'DMA of the device must be coherent with the caches',
    source: `${device} iommufd_device_bind`,
  },
  BIND_MSI_NOT_ISOLATED: {
    errno: 'EPERM',
    rule: 'Interrupts of the device must be isolated, unless unsafe interrupts are allowed',
    source: `${device} iommufd_device_bind`,
    hint: 'enable interrupt remapping or allowUnsafeInterrupts',
  },
  BIND_GROUP_OWNED: {
    errno: 'EPERM',
    rule: 'All devices of a group that are in use must belong to one open file',
    source: 'Linux 6.12 drivers/iommu/iommu.c iommu_device_claim_dma_owner',
  },
  ATTACH_TARGET_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'pt_id must be that of an IOAS or of a page table of this open file',
    source: `${device} iommufd_device_change_pt`,
  },
  ATTACH_TARGET_KIND: {
    errno: 'EINVAL',
    rule: 'A device attaches to an IOAS or to a page table, not to another kind of object',
    source: `${device} iommufd_device_change_pt`,
  },
  ATTACH_GROUP_ELSEWHERE: {
    errno: 'EINVAL',
    rule: 'All devices of a group use one page table',
    source: `${device} iommufd_hw_pagetable_attach`,
    hint: "attach to the page table of the group, or replace the group's",
  },
  ATTACH_VIRTUAL_FUNCTION: {
    errno: 'EINVAL',
    rule: "a page table with a fault queue takes no virtual function, whose page requests are its physical function's",
    source: 'iommufd_fault_iopf_enable',
    hint: 'allocate the page table without a fault queue',
  },
  ATTACH_NO_PAGE_REQUESTS: {
    errno: 'ENODEV',
    rule: 'A page table with a fault queue needs a device whose IOMMU takes page requests',
    source: `${fault} iommufd_fault_iopf_enable`,
  },
  ATTACH_NO_MEMORY: {
    errno: 'ENOMEM',
    rule: 'The attachment must fit the memory budget',
    source: `${device} iommufd_hwpt_attach_device`,
  },
  REPLACE_NOT_ATTACHED: {
    errno: 'EINVAL',
    rule: 'Only a device that is attached can be moved',
    source: `${device} iommufd_device_do_replace`,
    hint: 'attach first',
  },
  HW_INFO_FLAGS: { errno: 'EOPNOTSUPP', rule: 'flags must be 0', source: `${device} iommufd_get_hw_info` },
  HW_INFO_RESERVED_FIELD: {
    errno: 'EOPNOTSUPP',
    rule: '__reserved must be 0',
    source: `${device} iommufd_get_hw_info`,
  },
  HW_INFO_NOT_WRITABLE: {
    errno: 'EFAULT',
    rule: 'The data buffer must be writable for data_len bytes',
    source: `${device} iommufd_get_hw_info`,
  },
  ACCESS_NOT_ATTACHED: {
    errno: 'ENOENT',
    rule: 'A kernel access must be attached to an IOAS',
    source: `${device} iommufd_access_replace, iommufd_access_pin_pages, iommufd_access_rw`,
  },
  ACCESS_BUSY: {
    errno: 'EBUSY',
    rule: 'A kernel access cannot move while it is being moved',
    source: `${device} iommufd_access_change_ioas`,
  },
};
