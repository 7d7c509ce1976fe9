import type { IoResult } from '../errno/index.js';
import type { AddressSpace, Protection, UserAccount } from '../memory/index.js';
import type { PointerBits } from './pointer-bits.js';
import type { ScratchArea } from './scratch-area.js';

/** Capabilities that the modelled calls ask for (CAP_IPC_LOCK ...). */
export type Capability = 'ipc_lock' | 'sys_resource' | 'sys_rawio';

/** All capabilities, as root has them. */
export const ALL_CAPABILITIES: readonly Capability[] = ['ipc_lock', 'sys_resource', 'sys_rawio'];

/** Who a process is. */
export interface Credentials {
  /** Effective set. */
  readonly capabilities: Set<Capability>;
  readonly user: UserAccount;
}

/** Soft limits. */
export interface ResourceLimits {
  /** RLIMIT_MEMLOCK in bytes; 2^64 - 1 is no limit. */
  memlock: bigint;
  /** RLIMIT_NOFILE: one more than the highest descriptor number. */
  nofile: number;
}

/** Bits of poll(2). */
export const PollEvent = { IN: 0x1, PRI: 0x2, OUT: 0x4, ERR: 0x8, HUP: 0x10, NVAL: 0x20 } as const;

/** A program: memory, credentials, limits and descriptors, and the system calls that work on them. */
export interface Process {
  readonly pid: number;
  /** 32 for a 32-bit program on the 64-bit kernel. */
  readonly bits: PointerBits;
  readonly addressSpace: AddressSpace;
  readonly credentials: Credentials;
  readonly limits: ResourceLimits;
  /** Memory of its own for the arguments of typed calls. */
  readonly scratch: ScratchArea;

  /** Whether the capability is in the effective set. */
  capable(capability: Capability): boolean;

  /** open(2) of a device file, O_RDWR unless told. Refusals: PATH_UNKNOWN, FD_LIMIT, the device's own. @returns the descriptor */
  open(path: string, flags?: number): IoResult<number>;
  /** Gives a file that a call made the lowest free number. Refusals: FD_LIMIT; then the file stays the caller's. */
  install(file: OpenFile): IoResult<number>;
  /** The file behind a descriptor. */
  fileOf(fd: number): OpenFile | undefined;
  /** Open descriptors, ascending. */
  descriptors(): readonly number[];
  /** Refusals: FD_CLOSED. */
  close(fd: number): IoResult<0>;
  /** Refusals: FD_CLOSED, FD_LIMIT. @returns the lowest free number, which refers to the same description */
  dup(fd: number): IoResult<number>;

  /** Refusals: FD_CLOSED, FILE_NO_IOCTL, and the file's own. */
  ioctl(fd: number, request: number, argument: bigint): IoResult<number>;
  /** Refusals: FD_CLOSED, FILE_NO_READ, and the file's own. @returns bytes read */
  read(fd: number, addr: bigint, bytes: number): IoResult<number>;
  /** Refusals: FD_CLOSED, FILE_NO_WRITE, and the file's own. @returns bytes written */
  write(fd: number, addr: bigint, bytes: number): IoResult<number>;
  /** Refusals: FILE_OFFSET_NEGATIVE, FD_CLOSED, FILE_NO_OFFSET, FILE_NO_READ, and the file's own. */
  pread(fd: number, addr: bigint, bytes: number, offset: bigint): IoResult<number>;
  /** Refusals: FILE_OFFSET_NEGATIVE, FD_CLOSED, FILE_NO_OFFSET, FILE_NO_WRITE, and the file's own. */
  pwrite(fd: number, addr: bigint, bytes: number, offset: bigint): IoResult<number>;
  /** poll(2) of one descriptor with timeout 0. @returns revents: 0 = nothing ready; NVAL for a closed descriptor */
  poll(fd: number, events: number): number;
  /** mmap(2) of a descriptor at a fixed address. Refusals: FD_CLOSED, FILE_NO_MMAP, and the file's own. */
  mmap(fd: number, addr: bigint, bytes: bigint, protection: Protection, offset: bigint): IoResult<bigint>;

  /** fork(2): the child shares descriptions and shared memory. Refusals: FORK_NO_MEMORY. */
  fork(): IoResult<Process>;
  /** The end: memory goes first, then the descriptors are closed in ascending order, as the kernel does it. */
  exit(): void;
}

/** One ioctl on its way to a file. */
export interface IoctlCall {
  readonly process: Process;
  /** The 32-bit request number, unsigned. */
  readonly request: number;
  /** The argument, usually an address in the process, as an unsigned 64-bit number. */
  readonly argument: bigint;
}

/** One mmap of a file. Lengths and offsets are bytes. */
export interface MmapCall {
  readonly process: Process;
  readonly addr: bigint;
  readonly bytes: bigint;
  readonly protection: Protection;
  readonly offset: bigint;
}

/**
 * An open file description (Linux: `struct file`): several descriptors may share it after dup and fork. An operation that is
 * absent is refused by the process as the kernel refuses it.
 */
export interface OpenFile {
  /** What the file is: `iommufd`, `vfio-container`, `vfio-group`, `vfio-device`, `iommufd-fault`, `memfd` ... */
  readonly kind: string;
  /** Whether it serves ioctls of 32-bit programs as well (Linux: `compat_ioctl`, here always `compat_ptr_ioctl`); no unless true. */
  readonly serves32Bit?: boolean;
  /** An ioctl with its argument as the program gave it. A file without this answers ENOTTY. */
  ioctl?(call: IoctlCall): IoResult<number>;
  /** Reads up to `bytes` bytes into the process's memory. @returns bytes read */
  read?(process: Process, addr: bigint, bytes: number): IoResult<number>;
  /** Writes `bytes` bytes of the process’s memory. @returns bytes written */
  write?(process: Process, addr: bigint, bytes: number): IoResult<number>;
  /** Read at an offset: device files. */
  pread?(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number>;
  /** Write at an offset: device files. */
  pwrite?(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number>;
  /** The events of {@link PollEvent} that hold now, out of all; the process masks them. */
  poll?(): number;
  /** Maps a part of the file. @returns the address in the process */
  mmap?(call: MmapCall): IoResult<bigint>;
  /** The last descriptor is closed. */
  release(): void;
}
