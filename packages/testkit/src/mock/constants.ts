/*
 * Facts of the kernel's mock IOMMU (Linux 6.12 drivers/iommu/iommufd/selftest.c, iommufd_test.h).
 */

/** IOVAs that mock domains translate, inclusive. */
export const MOCK_APERTURE: { readonly start: bigint; readonly last: bigint } = {
  start: 0x100_0000n,
  last: 0x7fff_ffffn,
};

/** log2 bytes of a mock IO page: half of a 4 KiB page, and of a huge one. */
export const MOCK_IO_PAGE_SHIFT = 11;
/** Huge IO pages of a device with `MockDeviceFlag.HUGE_IOVA`, as a power of two of bytes. */
export const MOCK_HUGE_PAGE_SHIFT = 20;

/** Flags of a mock device. */
export const MockDeviceFlag = { NO_DIRTY: 1, HUGE_IOVA: 2 } as const;

/** Type of GET_HW_INFO, and its register. */
export const MOCK_HW_INFO_TYPE = 0xfeed_beef;
export const MOCK_HW_INFO_REGISTER = 0xdead_beef;

/** Data type of a nested page table: one 32-bit IOTLB value. */
export const MOCK_HWPT_DATA_TYPE = 0xdead;
export const MOCK_HWPT_DATA_BYTES = 4;

/** Data type of HWPT_INVALIDATE: two 32-bit words, flags and IOTLB id. */
export const MOCK_INVALIDATE_TYPE = 0xdead_beef;
export const MOCK_INVALIDATE_BYTES = 8;
export const MOCK_INVALIDATE_ALL = 1;

/** IOTLB entries of a nested page table. */
export const MOCK_IOTLB_ENTRIES = 4;
