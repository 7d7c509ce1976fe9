import { Buffer } from 'node:buffer';
import {
  ALL_CAPABILITIES,
  DEFAULT_MEMLOCK,
  hex,
  PollEvent,
  type IoctlDefinition,
  type IoResult,
  type Process,
} from '@ioasis/core';
import { isLeft, right } from 'fp-ts/lib/Either.js';
import type { NewDescriptor } from '../trace/format.js';
import type { CallRecord } from './event.js';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';
import { ioctlOf } from './ioctl-name.js';
import { recordMemory } from './memory-recorder.js';
import { pointedMemory } from './watched-buffers.js';

/** Bytes of a structure at most: more is a wrong size that the kernel refuses. */
const MOST_BYTES = 4096;

/** A part of a record. */
type Fields = Readonly<Record<string, unknown>>;

const outcome = (result: IoResult<unknown>): Fields =>
  isLeft(result)
    ? { ret: -1, errno: result.left.errno }
    : { ret: typeof result.right === 'number' ? result.right : 0, errno: null };

/**
 * Puts the system calls of one process, and what it does to its memory, into a stream in the form of `iommu-trace/1`. Device files are
 * read and written by position, for which the format has no step; limits that change later and a forked child begins with memory that is not recorded.
 */
export function recordCalls(process: Process, stream: EventStream): void {
  const recorder = new CallRecorder(process, stream);
  recorder.begin();
  recordMemory(process.addressSpace, (record) => recorder.emit(record));
  intercept(process, 'open', (open) => (path, flags) => {
    const result = open(path, flags);
    const fdnum = isLeft(result) ? {} : { fdnum: result.right };
    const fd = isLeft(result) ? 'none' : recorder.name(result.right);
    recorder.emit({ op: 'open', fd, path, flags: 'O_RDWR', ...fdnum, ...outcome(isLeft(result) ? result : opened) });
    return result;
  });
  intercept(process, 'close', (close) => (fd) => {
    const call = { op: 'close', fd: recorder.nameOf(fd), fdnum: fd } as const;
    const result = close(fd);
    recorder.emit({ ...call, ...outcome(result) });
    return result;
  });
  intercept(process, 'ioctl', (ioctl) => (fd, request, argument) => {
    const definition = ioctlOf(process.fileOf(fd)?.kind ?? '', request >>> 0);
    return recorder.ioctl(fd, request >>> 0, argument, definition, () => ioctl(fd, request, argument));
  });
  intercept(process, 'read', (read) => (fd, addr, bytes) => {
    const result = read(fd, addr, bytes);
    const call = { op: 'read', fd: recorder.nameOf(fd), addr: hex(addr), len: bytes } as const;
    recorder.emit({ ...call, ...outcome(result), out: recorder.load(addr, bytes) });
    return result;
  });
  intercept(process, 'write', (write) => (fd, addr, bytes) => {
    const call = { op: 'write', fd: recorder.nameOf(fd), addr: hex(addr), len: bytes } as const;
    const sent = recorder.load(addr, bytes);
    const result = write(fd, addr, bytes);
    recorder.emit({ ...call, in: sent, ...outcome(result) });
    return result;
  });
  intercept(process, 'poll', (poll) => (fd, events) => {
    // The format's polls ask for all of them.
    const revents = poll(fd, PollEvent.IN | PollEvent.OUT | PollEvent.PRI);
    recorder.emit({ op: 'poll', fd: recorder.nameOf(fd), revents, ret: revents === 0 ? 0 : 1, errno: null });
    return poll(fd, events);
  });
  intercept(process, 'exit', (exit) => () => {
    exit();
    recorder.emit({ op: 'end' });
  });
}

/** A descriptor is recorded beside a return value of 0. */
const opened: IoResult<number> = right(0);

/** What is needed to write one process's calls down: names of descriptors, and memory. */
class CallRecorder {
  readonly #process: Process;
  readonly #stream: EventStream;
  readonly #names = new Map<number, string>();
  #lastName = 0;

  constructor(process: Process, stream: EventStream) {
    this.#process = process;
    this.#stream = stream;
  }

  emit(record: CallRecord): void {
    this.#stream.emit({ kind: 'system-call', pid: this.#process.pid, record });
  }

  /** In what the process differs from root's. */
  begin(): void {
    const { limits, credentials } = this.#process;
    const worked = { ret: 0, errno: null };
    if (limits.memlock !== DEFAULT_MEMLOCK) this.emit({ op: 'rlimit', memlock: hex(limits.memlock), ...worked });
    const dropped = ALL_CAPABILITIES.filter((capability) => !credentials.capabilities.has(capability));
    if (dropped.length > 0) this.emit({ op: 'caps', dropped: dropped.join(','), ...worked });
  }

  load(addr: bigint, bytes: number): string {
    return Buffer.from(this.#process.addressSpace.peek(addr, bytes)).toString('hex');
  }

  /** Names a new descriptor. */
  name(fd: number): string {
    const name = `${this.#process.fileOf(fd)?.kind ?? 'file'}-${++this.#lastName}`;
    this.#names.set(fd, name);
    return name;
  }

  nameOf(fd: number): string {
    return this.#names.get(fd) ?? `closed-${fd}`;
  }

  ioctl(
    fd: number,
    request: number,
    argument: bigint,
    definition: IoctlDefinition | undefined,
    call: () => IoResult<number>,
  ): IoResult<number> {
    const made = {
      op: 'ioctl',
      fd: this.nameOf(fd),
      cmd: definition?.name ?? hex(BigInt(request)),
      nr: hex(BigInt(request)),
    } as const;
    const length = this.#lengthOf(definition, argument);
    if (length === 0) {
      const before = new Set(this.#process.descriptors());
      const result = call();
      this.emit({ ...made, argval: hex(argument), ...outcome(result), ...this.#newDescriptor(before, result, '') });
      return result;
    }
    const sent = this.load(argument, length);
    const pointed = definition === undefined ? [] : pointedMemory(definition, Buffer.from(sent, 'hex'));
    const buffers = pointed.map(({ addr, bytes }) => ({ addr, bytes, in: this.load(addr, bytes) }));
    const before = new Set(this.#process.descriptors());
    const result = call();
    const out = this.load(argument, length);
    const bufs = buffers.map((buffer) => ({
      addr: hex(buffer.addr),
      len: buffer.bytes,
      in: buffer.in,
      out: this.load(buffer.addr, buffer.bytes),
    }));
    const block = { arg: hex(argument), len: length, in: sent, ...outcome(result), out, bufs };
    this.emit({ ...made, ...block, ...this.#newDescriptor(before, result, out) });
    return result;
  }

  /** Bytes that an ioctl's argument points to; 0: it is a number. */
  #lengthOf(definition: IoctlDefinition | undefined, argument: bigint): number {
    switch (definition?.argument.kind) {
      case 's32-pointer':
        return 4;
      case 'value':
        return definition.argument.meaning.startsWith('pointer') ? this.#textLength(argument) : 0;
      case 'struct': {
        const { fields, size } = definition.argument.layout;
        if (!('size' in fields) && !('argsz' in fields)) return size;
        const told = this.#process.addressSpace.peek(argument, 4);
        return told.length < 4 ? size : Math.min(MOST_BYTES, Math.max(4, Buffer.from(told).readUInt32LE()));
      }
      default:
        return 0;
    }
  }

  /** Bytes of a text in memory with its end. */
  #textLength(addr: bigint): number {
    const end = this.#process.addressSpace.peek(addr, MOST_BYTES).indexOf(0);
    return end < 0 ? MOST_BYTES : end + 1;
  }

  /** The descriptor that a call made, and where it returned its number. */
  #newDescriptor(before: ReadonlySet<number>, result: IoResult<number>, out: string): { newfd?: NewDescriptor } {
    const fdnum = this.#process.descriptors().find((fd) => !before.has(fd));
    if (fdnum === undefined || isLeft(result)) return {};
    const name = this.name(fdnum);
    if (result.right === fdnum) return { newfd: { name, fdnum, off: -1 } };
    const block = Buffer.from(out, 'hex');
    for (let off = block.length - 4; off >= 0; off -= 4) {
      if (block.readInt32LE(off) === fdnum) return { newfd: { name, fdnum, off } };
    }
    return {};
  }
}
