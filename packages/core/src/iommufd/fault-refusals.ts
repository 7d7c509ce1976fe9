import type { RefusalRule } from '../errno/index.js';

const main = 'Linux 6.12 drivers/iommu/iommufd/main.c';
const fault = 'Linux 6.12 drivers/iommu/iommufd/fault.c';

/** Codes of {@link faultRules}. */
export type FaultRefusalCode =
  | 'FAULT_NOT_FOUND'
  | 'FAULT_ALLOC_FLAGS'
  | 'FAULT_READ_SIZE'
  | 'FAULT_READ_TOO_SHORT'
  | 'FAULT_READ_NOT_WRITABLE'
  | 'FAULT_WRITE_SIZE'
  | 'FAULT_WRITE_UNREADABLE'
  | 'FAULT_WRITE_CODE'
  | 'FAULT_WRITE_COOKIE';

/** Fault queues and their descriptors. */
export const faultRules: Readonly<Record<FaultRefusalCode, RefusalRule>> = {
  FAULT_NOT_FOUND: {
    errno: 'ENOENT',
    rule: 'fault_id must be that of a fault queue',
    source: `${main} iommufd_get_object`,
  },
  FAULT_ALLOC_FLAGS: { errno: 'EOPNOTSUPP', rule: 'flags must be 0', source: `${fault} iommufd_fault_alloc` },
  FAULT_READ_SIZE: {
    errno: 'ESPIPE',
    rule: 'A read of a fault queue takes a multiple of 40 bytes',
    source: `${fault} iommufd_fault_fops_read`,
  },
  FAULT_READ_TOO_SHORT: {
    errno: 'EINVAL',
    rule: 'The buffer must hold the whole first group of page requests',
    source: `${fault} iommufd_fault_fops_read`,
  },
  FAULT_READ_NOT_WRITABLE: {
    errno: 'EFAULT',
    rule: 'The buffer must be writable; the group stays queued',
    source: `${fault} iommufd_fault_fops_read`,
  },
  FAULT_WRITE_SIZE: {
    errno: 'ESPIPE',
    rule: 'A write to a fault queue takes a multiple of 8 bytes',
    source: `${fault} iommufd_fault_fops_write`,
  },
  FAULT_WRITE_UNREADABLE: {
    errno: 'EFAULT',
    rule: 'The answers must be readable',
    source: `${fault} iommufd_fault_fops_write`,
  },
  FAULT_WRITE_CODE: {
    errno: 'EINVAL',
    rule: 'An answer is SUCCESS (0) or INVALID (1)',
    source: `${fault} iommufd_fault_fops_write`,
  },
  FAULT_WRITE_COOKIE: {
    errno: 'EINVAL',
    rule: 'The cookie must be that of a group that was read and not yet answered',
    source: `${fault} iommufd_fault_fops_write`,
  },
};
