import { isLeft, right } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import type { AddressSpace, Protection, UserAccount } from '../memory/index.js';
import { DescriptorTable } from './descriptor-table.js';
import type { DeviceNamespace } from './device-namespace.js';
import { PollEvent, type OpenFile } from './open-file.js';
import { processRefusals } from './refusals.js';
import { ScratchArea } from './scratch-area.js';

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

/** What a process starts with. */
export interface ProcessOptions {
  readonly pid: number;
  readonly namespace: DeviceNamespace;
  readonly addressSpace: AddressSpace;
  readonly capabilities?: Iterable<Capability> | undefined;
  readonly limits?: Partial<ResourceLimits> | undefined;
}

/** RLIMIT_MEMLOCK of a fresh process since Linux 5.16, bytes. */
export const DEFAULT_MEMLOCK: bigint = 8n << 20n;
/** RLIMIT_NOFILE of a fresh process. */
export const DEFAULT_NOFILE = 1024;

const O_RDWR = 2;
const I64_MAX = 0x7fff_ffff_ffff_ffffn;
/** What poll says of a file that cannot be waited for: always ready. */
const ALWAYS_READY: number = PollEvent.IN | PollEvent.OUT;

/** A program: memory, credentials, limits and descriptors, and the system calls that work on them. */
export class Process {
  readonly pid: number;
  readonly addressSpace: AddressSpace;
  readonly credentials: Credentials;
  readonly limits: ResourceLimits;
  /** Memory of its own for the arguments of typed calls. */
  readonly scratch: ScratchArea;
  readonly #namespace: DeviceNamespace;
  #descriptors = new DescriptorTable();

  constructor(options: ProcessOptions) {
    this.pid = options.pid;
    this.addressSpace = options.addressSpace;
    this.credentials = {
      capabilities: new Set(options.capabilities ?? ALL_CAPABILITIES),
      user: options.addressSpace.user,
    };
    this.limits = { memlock: DEFAULT_MEMLOCK, nofile: DEFAULT_NOFILE, ...options.limits };
    this.scratch = new ScratchArea(options.addressSpace);
    this.#namespace = options.namespace;
  }

  /** Whether the capability is in the effective set. */
  capable(capability: Capability): boolean {
    return this.credentials.capabilities.has(capability);
  }

  /** open(2) of a device file. Refusals: PATH_UNKNOWN, FD_LIMIT, and what the device's open refuses. @returns the descriptor */
  open(path: string, flags: number = O_RDWR): IoResult<number> {
    if (!this.#mayHaveMore()) return this.#limitReached();
    const file = this.#namespace.open(path, { process: this, flags });
    return isLeft(file) ? file : right(this.#descriptors.add(file.right));
  }

  /**
   * Gives a file that a call made a descriptor, the lowest free number. Refusals: FD_LIMIT; then the file stays the caller's.
   */
  install(file: OpenFile): IoResult<number> {
    return this.#mayHaveMore() ? right(this.#descriptors.add(file)) : this.#limitReached();
  }

  /** The file behind a descriptor. */
  fileOf(fd: number): OpenFile | undefined {
    return this.#descriptors.get(fd);
  }

  /** Open descriptors, ascending. */
  descriptors(): readonly number[] {
    return this.#descriptors.numbers();
  }

  /** Refusals: FD_CLOSED. */
  close(fd: number): IoResult<0> {
    if (this.fileOf(fd) === undefined) return closed(fd);
    this.#descriptors.remove(fd);
    return done;
  }

  /** Refusals: FD_CLOSED, FD_LIMIT. @returns the lowest free number, which refers to the same description */
  dup(fd: number): IoResult<number> {
    if (this.fileOf(fd) === undefined) return closed(fd);
    return this.#mayHaveMore() ? right(this.#descriptors.duplicate(fd)) : this.#limitReached();
  }

  /** Refusals: FD_CLOSED, FILE_NO_IOCTL, and the file's own. */
  ioctl(fd: number, request: number, argument: bigint): IoResult<number> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    if (file.ioctl === undefined) return processRefusals.refuse('FILE_NO_IOCTL', { fd, kind: file.kind, request });
    return file.ioctl({ process: this, request: request >>> 0, argument: BigInt.asUintN(64, argument) });
  }

  /** Refusals: FD_CLOSED, FILE_NO_READ, and the file's own. @returns bytes read */
  read(fd: number, addr: bigint, bytes: number): IoResult<number> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    return file.read?.(this, addr, bytes) ?? processRefusals.refuse('FILE_NO_READ', { fd, kind: file.kind });
  }

  /** Refusals: FD_CLOSED, FILE_NO_WRITE, and the file's own. @returns bytes written */
  write(fd: number, addr: bigint, bytes: number): IoResult<number> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    return file.write?.(this, addr, bytes) ?? processRefusals.refuse('FILE_NO_WRITE', { fd, kind: file.kind });
  }

  /** Refusals: FILE_OFFSET_NEGATIVE, FD_CLOSED, FILE_NO_OFFSET, FILE_NO_READ, and the file's own. */
  pread(fd: number, addr: bigint, bytes: number, offset: bigint): IoResult<number> {
    if (offset > I64_MAX) return processRefusals.refuse('FILE_OFFSET_NEGATIVE', { fd, offset });
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    if (file.pread !== undefined) return file.pread(this, addr, bytes, offset);
    return processRefusals.refuse(file.read === undefined ? 'FILE_NO_READ' : 'FILE_NO_OFFSET', { fd, kind: file.kind });
  }

  /** Refusals: FILE_OFFSET_NEGATIVE, FD_CLOSED, FILE_NO_OFFSET, FILE_NO_WRITE, and the file's own. */
  pwrite(fd: number, addr: bigint, bytes: number, offset: bigint): IoResult<number> {
    if (offset > I64_MAX) return processRefusals.refuse('FILE_OFFSET_NEGATIVE', { fd, offset });
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    if (file.pwrite !== undefined) return file.pwrite(this, addr, bytes, offset);
    return processRefusals.refuse(file.write === undefined ? 'FILE_NO_WRITE' : 'FILE_NO_OFFSET', {
      fd,
      kind: file.kind,
    });
  }

  /** poll(2) of one descriptor with timeout 0. @returns revents: 0 = nothing ready; NVAL for a closed descriptor */
  poll(fd: number, events: number): number {
    const file = this.fileOf(fd);
    if (file === undefined) return PollEvent.NVAL;
    return (file.poll?.() ?? ALWAYS_READY) & (events | PollEvent.ERR | PollEvent.HUP);
  }

  /** mmap(2) of a descriptor at a fixed address. Refusals: FD_CLOSED, FILE_NO_MMAP, and the file's own. */
  mmap(fd: number, addr: bigint, bytes: bigint, protection: Protection, offset: bigint): IoResult<bigint> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    return (
      file.mmap?.({ process: this, addr, bytes, protection, offset }) ??
      processRefusals.refuse('FILE_NO_MMAP', { fd, kind: file.kind })
    );
  }

  /** fork(2): the child shares descriptions and shared memory. Refusals: FORK_NO_MEMORY. */
  fork(pid: number): IoResult<Process> {
    const addressSpace = this.addressSpace.fork();
    if (isLeft(addressSpace)) return addressSpace;
    const child = new Process({
      pid,
      namespace: this.#namespace,
      addressSpace: addressSpace.right,
      capabilities: this.credentials.capabilities,
      limits: this.limits,
    });
    child.#descriptors = this.#descriptors.fork();
    return right(child);
  }

  /** The end of the process: memory goes first, then the descriptors are closed in ascending order, as the kernel does it. */
  exit(): void {
    this.addressSpace.unmapAll();
    for (const fd of this.descriptors()) this.#descriptors.remove(fd);
  }

  #mayHaveMore(): boolean {
    return this.#descriptors.lowestFree() < this.limits.nofile;
  }

  #limitReached(): IoResult<never> {
    return processRefusals.refuse('FD_LIMIT', { limit: this.limits.nofile });
  }
}

function closed(fd: number): IoResult<never> {
  return processRefusals.refuse('FD_CLOSED', { fd });
}
