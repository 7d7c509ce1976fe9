import { refusalTable, type RefusalTable } from '../errno/index.js';

/** Codes of this room. */
export type MemoryCode =
  | 'MMAP_OFFSET_MISALIGNED'
  | 'MMAP_EMPTY'
  | 'MMAP_BEYOND_TASK'
  | 'MMAP_ADDRESS_MISALIGNED'
  | 'MMAP_HUGE_MISALIGNED'
  | 'MUNMAP_RANGE'
  | 'MUNMAP_HUGE_SPLIT'
  | 'MPROTECT_MISALIGNED'
  | 'MPROTECT_HUGE_SPLIT'
  | 'MPROTECT_HOLE'
  | 'FORK_NO_MEMORY';

/** What the system calls on an address space refuse. */
export const memoryRefusals: RefusalTable<MemoryCode> = refusalTable('memory', {
  MMAP_OFFSET_MISALIGNED: {
    errno: 'EINVAL',
    rule: 'the file offset of a mapping is a multiple of the page size',
    source: 'mmap(2)',
  },
  MMAP_EMPTY: { errno: 'EINVAL', rule: 'a mapping has at least one byte', source: 'mmap(2)' },
  MMAP_BEYOND_TASK: {
    errno: 'ENOMEM',
    rule: 'a mapping ends at or below the highest address of a program (TASK_SIZE)',
    source: 'mmap(2), get_unmapped_area of Linux',
  },
  MMAP_ADDRESS_MISALIGNED: {
    errno: 'EINVAL',
    rule: 'a fixed address is a multiple of the page size',
    source: 'mmap(2), MAP_FIXED',
  },
  MMAP_HUGE_MISALIGNED: {
    errno: 'EINVAL',
    rule: 'a mapping of huge pages starts at a multiple of 2 MiB',
    source: 'prepare_hugepage_range of Linux',
  },
  MUNMAP_RANGE: {
    errno: 'EINVAL',
    rule: 'munmap takes a page-aligned address, at least one byte, and ends at or below TASK_SIZE',
    source: 'munmap(2)',
  },
  MUNMAP_HUGE_SPLIT: {
    errno: 'EINVAL',
    rule: 'a mapping of huge pages is removed in multiples of 2 MiB',
    source: 'munmap(2), huge page mappings',
  },
  MPROTECT_MISALIGNED: { errno: 'EINVAL', rule: 'mprotect takes a page-aligned address', source: 'mprotect(2)' },
  MPROTECT_HUGE_SPLIT: {
    errno: 'EINVAL',
    rule: 'protection of a mapping of huge pages changes in multiples of 2 MiB',
    source: 'hugetlb_vm_op_split of Linux',
  },
  MPROTECT_HOLE: {
    errno: 'ENOMEM',
    rule: 'every page of the range is mapped; pages before the first hole were changed',
    source: 'mprotect(2)',
  },
  FORK_NO_MEMORY: {
    errno: 'ENOMEM',
    rule: 'pinned private pages are copied for the child, which needs free memory',
    source: 'fork(2), copy_present_page of Linux',
  },
});
