import { readlinkSync } from 'node:fs';
import {
  done,
  processRefusals,
  UserProcess,
  type DeviceNamespace,
  type IoResult,
  type OpenFile,
  type ProcessOptions,
} from '@ioasis/core';
import { isLeft, right } from 'fp-ts/lib/Either.js';
import type { ClientAddressSpace } from './client-address-space.js';
import type { ClientEvents } from './client-events.js';
import type { ClientFile, ClientFiles, FileOwner } from './client-files.js';
import { FailNthFile, taskOfPath } from './fail-nth-file.js';
import type { TaskFailures } from './task-failures.js';
import { deviceNumbers, deviceWord } from './device-numbers.js';

/** The descriptors of one call: the one it is made on, and the one that a new file will have. */
export interface CallDescriptors {
  readonly fd: number;
  readonly inode: bigint;
  readonly newFd: number;
  readonly newInode: bigint;
  /** The calling thread. */
  readonly task: number;
}

/** What a {@link ClientProcess} is made of besides what every process is. */
export interface ClientProcessOptions extends ProcessOptions {
  readonly addressSpace: ClientAddressSpace;
  /** Number of the running process. */
  readonly osPid: number;
  readonly files: ClientFiles;
  readonly events: ClientEvents;
  /** Failures that threads ask for; undefined: none can be asked for. */
  readonly failures: TaskFailures | undefined;
}

const O_RDWR = 2;
const NONE: CallDescriptors = { fd: -1, inode: 0n, newFd: -1, newInode: 0n, task: 0 };

/** A running program as a process of the machine. Its descriptors are the operating system's. */
export class ClientProcess extends UserProcess implements FileOwner {
  readonly osPid: number;
  readonly client: ClientAddressSpace;
  readonly #namespace: DeviceNamespace;
  readonly #files: ClientFiles;
  readonly #events: ClientEvents;
  readonly #failures: TaskFailures | undefined;
  /** Numbers under which this process opened files. */
  readonly #opened = new Map<number, bigint>();
  #call: CallDescriptors = NONE;
  #newFileUsed = false;

  constructor(options: ClientProcessOptions) {
    super(options);
    this.osPid = options.osPid;
    this.client = options.addressSpace;
    this.#namespace = options.namespace;
    this.#files = options.files;
    this.#events = options.events;
    this.#failures = options.failures;
  }

  /** Runs one call. @returns its result, and whether the new descriptor is in use */
  during<A>(call: CallDescriptors, body: () => A): { readonly result: A; readonly newFile: boolean } {
    this.#call = call;
    this.#newFileUsed = false;
    try {
      const result = this.#failures === undefined ? body() : this.#failures.during(call.task, body);
      return { result, newFile: this.#newFileUsed };
    } finally {
      this.#call = NONE;
    }
  }

  override fileOf(fd: number): OpenFile | undefined {
    if (fd === this.#call.fd) return this.#entryOfCall()?.file;
    const inode = this.#opened.get(fd);
    const known = inode === undefined ? undefined : this.#files.get(inode);
    const link = this.#linkOf(fd);
    if (known !== undefined && link === `socket:[${inode}]`) return known.file;
    const socket = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    if (socket !== undefined) return this.#files.get(BigInt(socket))?.file;
    return link === '' ? undefined : (this.#events.find(this.osPid, fd) ?? new OtherFile(link));
  }

  override open(path: string, flags: number = O_RDWR): IoResult<number> {
    const file = this.#openFile(path, flags);
    if (isLeft(file)) return file;
    const installed = this.#installAt(file.right, path);
    if (isLeft(installed)) file.right.release();
    return installed;
  }

  #openFile(path: string, flags: number): IoResult<OpenFile> {
    const task = this.#failures && taskOfPath(path, this.osPid, this.#call.task);
    if (this.#failures === undefined || task === undefined) return this.#namespace.open(path, { process: this, flags });
    return right(new FailNthFile(this.#failures, task));
  }

  override install(file: OpenFile): IoResult<number> {
    return this.#installAt(file);
  }

  #installAt(file: OpenFile, path?: string): IoResult<number> {
    const { newFd, newInode } = this.#call;
    if (newFd < 0 || this.#newFileUsed || this.#linkOf(newFd) !== `socket:[${newInode}]`) {
      return processRefusals.refuse('FD_LIMIT', { limit: this.limits.nofile });
    }
    this.#files.add(newInode, { file, owner: this, fd: newFd, path });
    this.#opened.set(newFd, newInode);
    this.#newFileUsed = true;
    return right(newFd);
  }

  /** Number of the device file behind the call's descriptor, as {@link deviceWord} has it; 0: it has none. */
  deviceOfCall(): number {
    const path = this.#entryOfCall()?.path;
    const number = path === undefined ? undefined : deviceNumbers(this.#namespace.paths()).get(path);
    return number === undefined ? 0 : deviceWord(number);
  }

  override close(fd: number): IoResult<0> {
    const file = this.fileOf(fd);
    if (file === undefined) return processRefusals.refuse('FD_CLOSED', { fd });
    this.#opened.delete(fd);
    file.release();
    return done;
  }

  override descriptors(): readonly number[] {
    return [...this.#opened.keys()].toSorted((a, b) => a - b);
  }

  closeFile(fd: number, inode: bigint): boolean {
    if (this.#opened.get(fd) !== inode) return false;
    const call = { ...NONE, fd, inode };
    return !isLeft(this.during(call, () => this.close(fd)).result);
  }

  override exit(): void {
    this.#opened.clear();
    super.exit();
  }

  /** The file that the call is made on, if this process opened it or holds it. */
  #entryOfCall(): ClientFile | undefined {
    const { fd, inode } = this.#call;
    const entry = this.#files.get(inode);
    return entry === undefined || entry.owner === this || this.#linkOf(fd) === `socket:[${inode}]` ? entry : undefined;
  }

  #linkOf(fd: number): string {
    try {
      return readlinkSync(`/proc/${this.osPid}/fd/${fd}`);
    } catch {
      return '';
    }
  }
}

/** A descriptor of a program that has nothing to do with the model. */
class OtherFile implements OpenFile {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  release(): void {
    // The program's own.
  }
}
