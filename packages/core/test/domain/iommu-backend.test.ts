import { describe, expect, it } from 'vitest';
import { HwptFlag, Prot } from '../../src/index.js';

describe('numbers of the ABI', () => {
  // include/uapi/linux/iommufd.h, enum iommufd_hwpt_alloc_flags
  it('names the flags of HWPT_ALLOC', () => {
    expect(HwptFlag).toEqual({ NEST_PARENT: 1 << 0, DIRTY_TRACKING: 1 << 1, FAULT_ID_VALID: 1 << 2 });
  });

  // include/linux/iommu.h, IOMMU_READ and following
  it('names the permissions of a mapping', () => {
    expect(Prot).toEqual({ READ: 1, WRITE: 2, CACHE: 4, NOEXEC: 8, MMIO: 16, PRIV: 32 });
  });
});
