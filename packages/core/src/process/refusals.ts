import { refusalTable, type RefusalTable } from '../errno/index.js';

/** Codes of this room. */
export type ProcessCode =
  | 'FD_CLOSED'
  | 'FD_LIMIT'
  | 'PATH_UNKNOWN'
  | 'FILE_NO_IOCTL'
  | 'FILE_NO_COMPAT_IOCTL'
  | 'FILE_NO_SIGNALS'
  | 'FILE_IOCTL_ARGUMENT'
  | 'FILE_NO_READ'
  | 'FILE_NO_WRITE'
  | 'FILE_NO_OFFSET'
  | 'FILE_OFFSET_NEGATIVE'
  | 'FILE_NO_MMAP';

/** What the system calls on descriptors refuse before a file sees them. */
export const processRefusals: RefusalTable<ProcessCode> = refusalTable('process', {
  FD_CLOSED: { errno: 'EBADF', rule: 'the descriptor is open', source: 'every call on a descriptor' },
  FD_LIMIT: {
    errno: 'EMFILE',
    rule: 'a process has at most RLIMIT_NOFILE descriptors',
    source: 'open(2), alloc_fd of Linux',
    hint: 'close descriptors that are no longer used',
  },
  PATH_UNKNOWN: {
    errno: 'ENOENT',
    rule: 'the path is a device file of this machine',
    source: 'open(2)',
    hint: 'Machine.namespace.paths() lists what there is',
  },
  FILE_NO_IOCTL: { errno: 'ENOTTY', rule: 'the file has ioctls', source: 'ioctl(2), vfs_ioctl of Linux' },
  FILE_NO_COMPAT_IOCTL: {
    errno: 'ENOTTY',
    rule: 'the file has ioctls for 32-bit programs',
    source: 'compat_sys_ioctl of Linux; iommufd_fops has no compat_ioctl',
    hint: 'run a 64-bit program',
  },
  FILE_NO_SIGNALS: { errno: 'ENOTTY', rule: 'the file sends signals', source: 'FIOASYNC, ioctl_fioasync of Linux' },
  FILE_IOCTL_ARGUMENT: {
    errno: 'EFAULT',
    rule: 'the number behind the argument of an ioctl that all files have can be read, or written',
    source: 'do_vfs_ioctl of Linux',
  },
  FILE_NO_READ: { errno: 'EINVAL', rule: 'the file can be read', source: 'read(2), vfs_read of Linux' },
  FILE_NO_WRITE: { errno: 'EINVAL', rule: 'the file can be written', source: 'write(2), vfs_write of Linux' },
  FILE_NO_OFFSET: {
    errno: 'ESPIPE',
    rule: 'the file has positions',
    source: 'pread(2), FMODE_PREAD of Linux',
    hint: 'use read or write',
  },
  FILE_OFFSET_NEGATIVE: { errno: 'EINVAL', rule: 'the offset is not negative as a signed number', source: 'pread(2)' },
  FILE_NO_MMAP: { errno: 'ENODEV', rule: 'the file can be mapped', source: 'mmap(2), do_mmap of Linux' },
});
