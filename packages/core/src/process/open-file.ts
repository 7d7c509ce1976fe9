import type { IoResult } from '../errno/index.js';
import type { Protection } from '../memory/index.js';
import type { Process } from './process.js';

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

/** Bits of poll(2). */
export const PollEvent = { IN: 0x1, PRI: 0x2, OUT: 0x4, ERR: 0x8, HUP: 0x10, NVAL: 0x20 } as const;

/**
 * An open file description (Linux: `struct file`): several descriptors may share it after dup and fork. An operation that is
 * absent is refused by the process as the kernel refuses it.
 */
export interface OpenFile {
  /** What the file is: `iommufd`, `vfio-container`, `vfio-group`, `vfio-device`, `iommufd-fault`, `memfd` ... */
  readonly kind: string;
  ioctl?(call: IoctlCall): IoResult<number>;
  /** Reads up to `bytes` bytes into the process's memory. @returns bytes read */
  read?(process: Process, addr: bigint, bytes: number): IoResult<number>;
  write?(process: Process, addr: bigint, bytes: number): IoResult<number>;
  /** Read at an offset: device files. */
  pread?(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number>;
  pwrite?(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number>;
  /** The events of {@link PollEvent} that hold now, out of all; the process masks them. */
  poll?(): number;
  mmap?(call: MmapCall): IoResult<bigint>;
  /** The last descriptor is closed. */
  release(): void;
}
