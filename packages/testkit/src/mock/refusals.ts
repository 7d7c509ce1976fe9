import { refusalTable, type RefusalRule, type RefusalTable } from '@ioasis/core';

const source = 'Linux 6.12 drivers/iommu/iommufd/selftest.c';

/** Codes of {@link mockRefusals}. */
export type MockRefusalCode =
  | 'TEST_OP_UNKNOWN'
  | 'TEST_RESERVED_EMPTY'
  | 'TEST_RESERVED_OVERFLOW'
  | 'TEST_DEVICE_FLAGS'
  | 'TEST_DEVICE_NOT_FOUND'
  | 'TEST_CHECK_UNALIGNED'
  | 'TEST_CHECK_OVERFLOW'
  | 'TEST_CHECK_UNREADABLE'
  | 'TEST_CHECK_MAP'
  | 'TEST_CHECK_REFS'
  | 'TEST_CHECK_IOTLB'
  | 'TEST_PAGE_TABLE_NOT_FOUND'
  | 'TEST_PAGE_TABLE_KIND'
  | 'TEST_ACCESS_FLAGS'
  | 'TEST_ACCESS_FD'
  | 'TEST_ACCESS_NO_PIN'
  | 'TEST_ACCESS_TOO_LONG'
  | 'TEST_ACCESS_PAGES_DIFFER'
  | 'TEST_ACCESS_ITEM'
  | 'TEST_ACCESS_USER_MEMORY'
  | 'TEST_MEMORY_LIMIT'
  | 'TEST_DIRTY_ARGUMENT'
  | 'TEST_DIRTY_TOO_LONG'
  | 'TEST_DIRTY_OFF'
  | 'TEST_DIRTY_UNREADABLE'
  | 'TEST_IOPF_DEVICE';

const rules: Readonly<Record<MockRefusalCode, RefusalRule>> = {
  TEST_OP_UNKNOWN: { errno: 'EOPNOTSUPP', rule: 'op is one of the fifteen test operations', source },
  TEST_RESERVED_EMPTY: { errno: 'EINVAL', rule: 'a reserved range has at least one byte', source },
  TEST_RESERVED_OVERFLOW: { errno: 'EOVERFLOW', rule: 'a reserved range ends at 2^64 - 1 at the latest', source },
  TEST_DEVICE_FLAGS: {
    errno: 'EINVAL',
    rule: 'a mock device has the flags 1 (no dirty tracking) and 2 (huge IO pages)',
    source,
  },
  TEST_DEVICE_NOT_FOUND: { errno: 'ENOENT', rule: 'the id is that of a mock device', source },
  TEST_CHECK_UNALIGNED: { errno: 'EINVAL', rule: 'addresses and length are multiples of the page', source },
  TEST_CHECK_OVERFLOW: { errno: 'EOVERFLOW', rule: 'the user page is not the last of the 64-bit space', source },
  TEST_CHECK_UNREADABLE: { errno: 'EFAULT', rule: 'the user range is mapped and readable', source },
  TEST_CHECK_MAP: { errno: 'EINVAL', rule: 'every IO page leads to the memory behind the user range', source },
  TEST_CHECK_REFS: { errno: 'EIO', rule: 'every page is pinned exactly as often as asked', source },
  TEST_CHECK_IOTLB: { errno: 'EINVAL', rule: 'the IOTLB slot exists and holds the value', source },
  TEST_PAGE_TABLE_NOT_FOUND: { errno: 'ENOENT', rule: 'the id is that of a page table of the asked kind', source },
  TEST_PAGE_TABLE_KIND: { errno: 'EINVAL', rule: "the page table is one of the mock's", source },
  TEST_ACCESS_FLAGS: { errno: 'EOPNOTSUPP', rule: 'only known flags', source },
  TEST_ACCESS_FD: { errno: 'EBADFD', rule: 'the descriptor is that of a test access', source },
  TEST_ACCESS_NO_PIN: { errno: 'EOPNOTSUPP', rule: 'the access was made for pinning', source },
  TEST_ACCESS_TOO_LONG: { errno: 'ENOMEM', rule: 'at most 16 MiB at once', source },
  TEST_ACCESS_PAGES_DIFFER: { errno: 'EBADE', rule: 'the pinned pages are those behind the user range', source },
  TEST_ACCESS_ITEM: { errno: 'ENOENT', rule: 'the access has pinned pages of this id', source },
  TEST_ACCESS_USER_MEMORY: { errno: 'EFAULT', rule: 'the buffer of the program is accessible', source },
  TEST_MEMORY_LIMIT: { errno: 'EINVAL', rule: 'the limit holds at least one element of a batch: 12 bytes', source },
  TEST_DIRTY_ARGUMENT: {
    errno: 'EINVAL',
    rule: 'page size, length and bitmap are given, and the range is made of pages',
    source,
  },
  TEST_DIRTY_TOO_LONG: { errno: 'EOVERFLOW', rule: 'the bitmap has at most 16 MiB', source },
  TEST_DIRTY_OFF: { errno: 'EINVAL', rule: 'dirty tracking is on', source },
  TEST_DIRTY_UNREADABLE: { errno: 'EFAULT', rule: 'the bitmap is readable', source },
  TEST_IOPF_DEVICE: { errno: 'EINVAL', rule: 'the device is a mock device', source },
};

/** Why a test operation is refused. */
export const mockRefusals: RefusalTable<MockRefusalCode> = refusalTable('mock', rules);
