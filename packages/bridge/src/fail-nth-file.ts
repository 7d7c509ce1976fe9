import { existsSync } from 'node:fs';
import { Buffer } from 'node:buffer';
import { refusalTable, type IoResult, type OpenFile, type Process, type RefusalTable } from '@ioasis/core';
import { right } from 'fp-ts/lib/Either.js';
import type { TaskFailures } from './task-failures.js';

const refusals: RefusalTable<'FAIL_NTH_FAULT' | 'FAIL_NTH_NUMBER'> = refusalTable('bridge', {
  FAIL_NTH_FAULT: {
    errno: 'EFAULT',
    rule: 'the buffer can be read, or written',
    source: 'proc_fail_nth_read and proc_fail_nth_write of Linux',
  },
  FAIL_NTH_NUMBER: {
    errno: 'EINVAL',
    rule: 'an unsigned 32-bit number is written',
    source: 'proc_fail_nth_write of Linux',
  },
});

const PATH = /^\/proc\/(self|thread-self|\d+)(?:\/task\/(\d+))?\/fail-nth$/;
const NUMBER = /^\+?(0x[0-9a-f]+|\d+)\n?$/i;
/** Longest number that Linux reads, bytes. */
const MOST_BYTES = 34;
const LARGEST = 0xffff_ffff;

/** The thread that a path names `fail-nth` of, seen from a thread of a process; undefined: it is another path, or there is no such thread. */
export function taskOfPath(path: string, pid: number, task: number): number | undefined {
  const [, owner, member] = PATH.exec(path) ?? [];
  if (owner === undefined) return undefined;
  const process = owner === 'self' || owner === 'thread-self' ? pid : Number(owner);
  const thread = member === undefined ? (owner === 'thread-self' ? task : process) : Number(member);
  return existsSync(`/proc/${process}/task/${thread}`) ? thread : undefined;
}

/** `/proc/PID/task/TID/fail-nth`: what is written arms, what is read is left. */
export class FailNthFile implements OpenFile {
  readonly kind: string = 'fail-nth';
  readonly #failures: TaskFailures;
  readonly #task: number;
  #position = 0n;

  constructor(failures: TaskFailures, task: number) {
    this.#failures = failures;
    this.#task = task;
  }

  read(process: Process, addr: bigint, bytes: number): IoResult<number> {
    const result = this.pread(process, addr, bytes, this.#position);
    if (result._tag === 'Right') this.#position += BigInt(result.right);
    return result;
  }

  pread(process: Process, addr: bigint, bytes: number, offset: bigint): IoResult<number> {
    const text = Buffer.from(`${this.#failures.left(this.#task)}\n`);
    if (offset >= BigInt(text.length)) return right(0);
    const part = text.subarray(Number(offset)).subarray(0, bytes);
    const copied = this.#failures.during(0, () => process.addressSpace.copyOut(addr, part));
    return copied === part.length ? right(copied) : refusals.refuse('FAIL_NTH_FAULT', { addr });
  }

  write(process: Process, addr: bigint, bytes: number): IoResult<number> {
    const into = new Uint8Array(Math.min(bytes, MOST_BYTES));
    const copied = this.#failures.during(0, () => process.addressSpace.copyIn(addr, into));
    if (copied < into.length) return refusals.refuse('FAIL_NTH_FAULT', { addr });
    const text = NUMBER.exec(Buffer.from(into).toString('latin1'))?.[1];
    const nth = text === undefined ? Number.NaN : Number(text);
    if (!(nth <= LARGEST)) return refusals.refuse('FAIL_NTH_NUMBER', { bytes });
    this.#failures.arm(this.#task, nth);
    return right(bytes);
  }

  pwrite(process: Process, addr: bigint, bytes: number): IoResult<number> {
    return this.write(process, addr, bytes);
  }

  release(): void {
    // What was armed stays so: it belongs to the thread.
  }
}
