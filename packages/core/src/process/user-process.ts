import { isLeft, right } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import type { AddressSpace, Protection } from '../memory/index.js';
import { DescriptorTable } from './descriptor-table.js';
import type { DeviceNamespace } from './device-namespace.js';
import { fileIoctl } from './file-ioctl.js';
import type { PointerBits } from './pointer-bits.js';
import type { ProcessFamily } from './process-family.js';
import {
  ALL_CAPABILITIES,
  PollEvent,
  type Capability,
  type Credentials,
  type OpenFile,
  type Process,
  type ResourceLimits,
} from './process.js';
import { processRefusals } from './refusals.js';
import { ScratchArea } from './scratch-area.js';

/** What a process starts with. */
export interface ProcessOptions {
  /** Who gives the process its number and knows that it lives. */
  readonly family: ProcessFamily;
  readonly namespace: DeviceNamespace;
  readonly addressSpace: AddressSpace;
  /** 64 unless given. A 32-bit program's address space ends at {@link TASK_SIZE_32}; that is the caller's to see to. */
  readonly bits?: PointerBits | undefined;
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

/** The one implementation of {@link Process}. */
export class UserProcess implements Process {
  readonly pid: number;
  readonly bits: PointerBits;
  readonly addressSpace: AddressSpace;
  readonly credentials: Credentials;
  readonly limits: ResourceLimits;
  readonly scratch: ScratchArea;
  readonly #namespace: DeviceNamespace;
  readonly #family: ProcessFamily;
  #descriptors = new DescriptorTable();

  constructor(options: ProcessOptions) {
    this.pid = options.family.admit(this);
    this.bits = options.bits ?? 64;
    this.addressSpace = options.addressSpace;
    this.credentials = {
      capabilities: new Set(options.capabilities ?? ALL_CAPABILITIES),
      user: options.addressSpace.user,
    };
    this.limits = { memlock: DEFAULT_MEMLOCK, nofile: DEFAULT_NOFILE, ...options.limits };
    this.scratch = new ScratchArea(options.addressSpace, this.bits);
    this.#namespace = options.namespace;
    this.#family = options.family;
  }

  capable(capability: Capability): boolean {
    return this.credentials.capabilities.has(capability);
  }

  open(path: string, flags: number = O_RDWR): IoResult<number> {
    if (!this.#mayHaveMore()) return this.#limitReached();
    const file = this.#namespace.open(path, { process: this, flags });
    return isLeft(file) ? file : right(this.#descriptors.add(file.right));
  }

  install(file: OpenFile): IoResult<number> {
    return this.#mayHaveMore() ? right(this.#descriptors.add(file)) : this.#limitReached();
  }

  fileOf(fd: number): OpenFile | undefined {
    return this.#descriptors.get(fd);
  }

  descriptors(): readonly number[] {
    return this.#descriptors.numbers();
  }

  close(fd: number): IoResult<0> {
    if (this.fileOf(fd) === undefined) return closed(fd);
    this.#descriptors.remove(fd);
    return done;
  }

  dup(fd: number): IoResult<number> {
    if (this.fileOf(fd) === undefined) return closed(fd);
    return this.#mayHaveMore() ? right(this.#descriptors.duplicate(fd)) : this.#limitReached();
  }

  ioctl(fd: number, request: number, argument: bigint): IoResult<number> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    // A 32-bit program's registers have no upper half.
    const call = { process: this, request: request >>> 0, argument: BigInt.asUintN(this.bits, argument) };
    const served = fileIoctl(call);
    if (served !== undefined) return served;
    if (this.bits === 32 && file.serves32Bit !== true) {
      return processRefusals.refuse('FILE_NO_COMPAT_IOCTL', { fd, kind: file.kind, request });
    }
    if (file.ioctl === undefined) return processRefusals.refuse('FILE_NO_IOCTL', { fd, kind: file.kind, request });
    return file.ioctl(call);
  }

  read(fd: number, addr: bigint, bytes: number): IoResult<number> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    return file.read?.(this, addr, bytes) ?? processRefusals.refuse('FILE_NO_READ', { fd, kind: file.kind });
  }

  write(fd: number, addr: bigint, bytes: number): IoResult<number> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    return file.write?.(this, addr, bytes) ?? processRefusals.refuse('FILE_NO_WRITE', { fd, kind: file.kind });
  }

  pread(fd: number, addr: bigint, bytes: number, offset: bigint): IoResult<number> {
    if (offset > I64_MAX) return processRefusals.refuse('FILE_OFFSET_NEGATIVE', { fd, offset });
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    if (file.pread !== undefined) return file.pread(this, addr, bytes, offset);
    return processRefusals.refuse(file.read === undefined ? 'FILE_NO_READ' : 'FILE_NO_OFFSET', { fd, kind: file.kind });
  }

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

  poll(fd: number, events: number): number {
    const file = this.fileOf(fd);
    if (file === undefined) return PollEvent.NVAL;
    return (file.poll?.() ?? ALWAYS_READY) & (events | PollEvent.ERR | PollEvent.HUP);
  }

  mmap(fd: number, addr: bigint, bytes: bigint, protection: Protection, offset: bigint): IoResult<bigint> {
    const file = this.fileOf(fd);
    if (file === undefined) return closed(fd);
    return (
      file.mmap?.({ process: this, addr, bytes, protection, offset }) ??
      processRefusals.refuse('FILE_NO_MMAP', { fd, kind: file.kind })
    );
  }

  fork(): IoResult<Process> {
    const addressSpace = this.addressSpace.fork();
    if (isLeft(addressSpace)) return addressSpace;
    const child = new UserProcess({
      family: this.#family,
      namespace: this.#namespace,
      addressSpace: addressSpace.right,
      bits: this.bits,
      capabilities: this.credentials.capabilities,
      limits: this.limits,
    });
    child.#descriptors = this.#descriptors.fork();
    return right(child);
  }

  exit(): void {
    this.#family.dismiss(this);
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
