import { structLayout, u32, u64, type StructLayout, type U32, type U64 } from '@ioasis/core';

/** IOMMU_TEST_CMD of a kernel built for the self test. */
export const IOMMU_TEST_CMD = 0x3ba0;

/** Bytes of `struct iommu_test_cmd`, and of it up to its last field. */
export const TEST_COMMAND_SIZE = 72;
export const TEST_COMMAND_MIN_SIZE = 68;

/** Values of `op`. */
export const TestOp = {
  ADD_RESERVED: 1,
  MOCK_DOMAIN: 2,
  MD_CHECK_MAP: 3,
  MD_CHECK_REFS: 4,
  CREATE_ACCESS: 5,
  DESTROY_ACCESS_PAGES: 6,
  ACCESS_PAGES: 7,
  ACCESS_RW: 8,
  SET_TEMP_MEMORY_LIMIT: 9,
  MOCK_DOMAIN_REPLACE: 10,
  ACCESS_REPLACE_IOAS: 11,
  MOCK_DOMAIN_FLAGS: 12,
  DIRTY: 13,
  MD_CHECK_IOTLB: 14,
  TRIGGER_IOPF: 15,
} as const;

/** Name of a test operation. */
export type TestOpName = keyof typeof TestOp;

type Head = U32<'size' | 'op' | 'id' | '__reserved'>;
const head = { size: u32(0), op: u32(4), id: u32(8), __reserved: u32(12) };
const layoutOf = <Kinds extends Readonly<Record<string, 'u32' | 'u64'>>>(
  op: string,
  fields: StructLayout<Head & Kinds>['fields'],
): StructLayout<Head & Kinds> => structLayout({ name: `iommu_test_cmd.${op}`, size: TEST_COMMAND_SIZE, fields });

/** A layout for each operation. */
export interface CommandLayouts {
  readonly ADD_RESERVED: StructLayout<Head & U64<'start' | 'length'>>;
  readonly MOCK_DOMAIN: StructLayout<Head & U32<'out_stdev_id' | 'out_hwpt_id' | 'out_idev_id' | 'dev_flags'>>;
  readonly MD_CHECK_MAP: StructLayout<Head & U64<'iova' | 'length' | 'uptr'>>;
  readonly MD_CHECK_REFS: StructLayout<Head & U64<'length' | 'uptr'> & U32<'refs'>>;
  readonly CREATE_ACCESS: StructLayout<Head & U32<'out_access_fd' | 'flags'>>;
  readonly DESTROY_ACCESS_PAGES: StructLayout<Head & U32<'access_pages_id'>>;
  readonly ACCESS_PAGES: StructLayout<Head & U32<'flags' | 'out_access_pages_id'> & U64<'iova' | 'length' | 'uptr'>>;
  readonly ACCESS_RW: StructLayout<Head & U64<'iova' | 'length' | 'uptr'> & U32<'flags'>>;
  readonly SET_TEMP_MEMORY_LIMIT: StructLayout<Head & U32<'limit'>>;
  readonly MOCK_DOMAIN_REPLACE: StructLayout<Head & U32<'pt_id'>>;
  readonly ACCESS_REPLACE_IOAS: StructLayout<Head & U32<'ioas_id'>>;
  readonly DIRTY: StructLayout<Head & U32<'flags'> & U64<'iova' | 'length' | 'page_size' | 'uptr' | 'out_nr_dirty'>>;
  readonly MD_CHECK_IOTLB: StructLayout<Head & U32<'slot' | 'iotlb'>>;
  readonly TRIGGER_IOPF: StructLayout<Head & U32<'dev_id' | 'pasid' | 'grpid' | 'perm'> & U64<'addr'>>;
}

/** The structure as each operation sees it (Linux 6.12 iommufd_test.h): 16 bytes of head, then a union. */
export const TestCommand: CommandLayouts = {
  ADD_RESERVED: layoutOf('add_reserved', { ...head, start: u64(16), length: u64(24) }),
  MOCK_DOMAIN: layoutOf('mock_domain', {
    ...head,
    out_stdev_id: u32(16, 'out'),
    out_hwpt_id: u32(20, 'out'),
    out_idev_id: u32(24, 'out'),
    dev_flags: u32(28),
  }),
  MD_CHECK_MAP: layoutOf('check_map', {
    ...head,
    iova: u64(16),
    length: u64(24),
    uptr: u64(32),
  }),
  MD_CHECK_REFS: layoutOf('check_refs', {
    ...head,
    length: u64(16),
    uptr: u64(24),
    refs: u32(32),
  }),
  CREATE_ACCESS: layoutOf('create_access', {
    ...head,
    out_access_fd: u32(16, 'out'),
    flags: u32(20),
  }),
  DESTROY_ACCESS_PAGES: layoutOf('destroy_access_pages', { ...head, access_pages_id: u32(16) }),
  ACCESS_PAGES: layoutOf('access_pages', {
    ...head,
    flags: u32(16),
    out_access_pages_id: u32(20, 'out'),
    iova: u64(24),
    length: u64(32),
    uptr: u64(40),
  }),
  ACCESS_RW: layoutOf('access_rw', {
    ...head,
    iova: u64(16),
    length: u64(24),
    uptr: u64(32),
    flags: u32(40),
  }),
  SET_TEMP_MEMORY_LIMIT: layoutOf('memory_limit', { ...head, limit: u32(16) }),
  MOCK_DOMAIN_REPLACE: layoutOf('mock_domain_replace', { ...head, pt_id: u32(16, 'inout') }),
  ACCESS_REPLACE_IOAS: layoutOf('access_replace_ioas', { ...head, ioas_id: u32(16) }),
  DIRTY: layoutOf('dirty', {
    ...head,
    flags: u32(16),
    iova: u64(24),
    length: u64(32),
    page_size: u64(40),
    uptr: u64(48),
    out_nr_dirty: u64(56, 'out'),
  }),
  MD_CHECK_IOTLB: layoutOf('check_iotlb', { ...head, slot: u32(16), iotlb: u32(20) }),
  TRIGGER_IOPF: layoutOf('trigger_iopf', {
    ...head,
    dev_id: u32(16),
    pasid: u32(20),
    grpid: u32(24),
    perm: u32(28),
    addr: u64(32),
  }),
} as const;
