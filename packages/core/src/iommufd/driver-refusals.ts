import type { RefusalRule } from '../errno/index.js';

/** Codes of {@link driverRules}. */
export type DriverRefusalCode =
  | 'DRIVER_E2BIG'
  | 'DRIVER_EIO'
  | 'DRIVER_EINVAL'
  | 'DRIVER_ENOMEM'
  | 'DRIVER_ENOSPC'
  | 'DRIVER_EBUSY'
  | 'DRIVER_ENODEV'
  | 'DRIVER_EOPNOTSUPP'
  | 'DRIVER_EFAULT'
  | 'DRIVER_ENOENT'
  | 'DRIVER_ETIMEDOUT';

/** What a backend refused, by its errno; a backend that answers with another one is broken. */
export const driverRules: Readonly<Record<DriverRefusalCode, RefusalRule>> = {
  DRIVER_E2BIG: {
    errno: 'E2BIG',
    rule: 'The IOMMU driver does not know the end of what the user gave it, and it is not zero',
    source: 'IommuBackend',
  },
  DRIVER_EIO: { errno: 'EIO', rule: 'The IOMMU driver refused what the user gave it', source: 'IommuBackend' },
  DRIVER_EINVAL: {
    errno: 'EINVAL',
    rule: 'The IOMMU driver calls domain and device incompatible',
    source: 'IommuBackend',
  },
  DRIVER_ENOMEM: { errno: 'ENOMEM', rule: 'The IOMMU driver has no memory', source: 'IommuBackend' },
  DRIVER_ENOSPC: { errno: 'ENOSPC', rule: 'The IOMMU has no tag or slot left', source: 'IommuBackend' },
  DRIVER_EBUSY: { errno: 'EBUSY', rule: 'The IOMMU driver is using the device otherwise', source: 'IommuBackend' },
  DRIVER_ENODEV: { errno: 'ENODEV', rule: 'The IOMMU driver cannot serve the device', source: 'IommuBackend' },
  DRIVER_EOPNOTSUPP: {
    errno: 'EOPNOTSUPP',
    rule: 'The IOMMU driver does not support a flag or the type of the data',
    source: 'IommuBackend',
  },
  DRIVER_EFAULT: {
    errno: 'EFAULT',
    rule: 'The IOMMU driver could not read what the user gave it',
    source: 'IommuBackend',
  },
  DRIVER_ENOENT: { errno: 'ENOENT', rule: 'The IOMMU driver did not find what was named', source: 'IommuBackend' },
  DRIVER_ETIMEDOUT: { errno: 'ETIMEDOUT', rule: 'The IOMMU did not answer a command in time', source: 'IommuBackend' },
};
