import { Buffer } from 'node:buffer';
import { isLeft } from 'fp-ts/lib/Either.js';
import { ALL_CAPABILITIES, PollEvent, type IoResult, type Process } from '@ioasis/core';
import { EduDriver } from '../devices/index.js';
import { TraceDescriptors } from './descriptors.js';
import type { NumberIoctl, PointerIoctl, StepOf, TraceStep } from './format.js';
import type { StepOutcome } from './outcome.js';
import { UserMemory } from './user-memory.js';

/** What the recorder polled for. */
const POLLED: number = PollEvent.IN | PollEvent.OUT | PollEvent.PRI;

/** `ret` and `errno` of a call. An address that a call returns is recorded as 0. */
function resultOf(result: IoResult<unknown>): StepOutcome {
  if (isLeft(result)) return { ret: -1, errno: result.left.errno, refusal: result.left };
  return { ret: typeof result.right === 'number' ? result.right : 0, errno: null };
}
const success: StepOutcome = { ret: 0, errno: null };

/** One scenario in progress: a process and what its descriptors are called. */
export class TraceRun {
  readonly #process: Process;
  readonly #memory: UserMemory;
  readonly #descriptors = new TraceDescriptors();

  constructor(process: Process) {
    this.#process = process;
    this.#memory = new UserMemory(process.addressSpace);
  }

  /** As {@link perform}; an exception is a bug of ioasis, and is told as the step's outcome instead of ending the scenario. */
  attempt(step: TraceStep): StepOutcome {
    try {
      return this.perform(step);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { exception: text.split('\n').slice(0, 4).join(' ') };
    }
  }

  /** Does what a step says and returns what came of it; nothing is compared here. */
  perform(step: TraceStep): StepOutcome {
    const process = this.#process;
    switch (step.op) {
      case 'begin':
      case 'note':
      case 'sysfile':
        return {};
      case 'end':
        process.exit();
        this.#memory.release();
        return {};
      case 'open':
        return this.#open(step);
      case 'close': {
        const closed = resultOf(process.close(this.#descriptors.here(step.fd)));
        this.#descriptors.remove(step.fd);
        return closed;
      }
      case 'mmap':
        return resultOf(this.#memory.map(step));
      case 'munmap':
        return resultOf(this.#memory.unmap(step));
      case 'mprotect':
        return resultOf(this.#memory.protect(step));
      case 'pattern':
        this.#memory.fillPattern(step);
        return {};
      case 'poke':
        this.#memory.store(step.addr, step.data);
        return {};
      case 'peek':
        return { data: this.#memory.load(step.addr, step.data.length / 2) };
      case 'ioctl':
        return 'arg' in step ? this.#pointerIoctl(step) : this.#numberIoctl(step);
      case 'read':
      case 'write':
        return this.#transfer(step);
      case 'poll': {
        const revents = process.poll(this.#descriptors.here(step.fd), POLLED);
        return { ret: revents === 0 ? 0 : 1, errno: null, revents };
      }
      case 'rlimit':
        process.limits.memlock = BigInt(step.memlock);
        return success;
      case 'caps':
        this.#dropCapabilities(step);
        return success;
      case 'dma':
        this.#deviceOf(step).transfer(
          step.dir === 'to-dev' ? 'to-device' : 'from-device',
          BigInt(step.iova),
          Number(step.devoff),
          Number(step.len),
        );
        return {};
      case 'config': {
        const bytes = this.#deviceOf(step).readConfig(Number(step.off), step.data.length / 2);
        return { data: Buffer.from(bytes).toString('hex') };
      }
    }
  }

  #deviceOf({ fd }: StepOf<'dma' | 'config'>): EduDriver {
    return new EduDriver(this.#process, this.#descriptors.here(fd));
  }

  #open(step: StepOf<'open'>): StepOutcome {
    const opened = this.#process.open(step.path);
    if (isLeft(opened)) return resultOf(opened);
    this.#descriptors.add(step.fd, step.fdnum, opened.right);
    return { ...success, fdnum: opened.right };
  }

  #numberIoctl(step: NumberIoctl): StepOutcome {
    const called = this.#process.ioctl(this.#descriptors.here(step.fd), Number(step.nr), BigInt(step.argval));
    return { ...resultOf(called), ...this.#madeDescriptor(step, called, '') };
  }

  #pointerIoctl(step: PointerIoctl): StepOutcome {
    const sent = this.#descriptors.translate(step, step.in);
    this.#memory.store(step.arg, sent);
    const bufs = step.bufs ?? [];
    for (const buffer of bufs) this.#memory.store(buffer.addr, buffer.in);
    const called = this.#process.ioctl(this.#descriptors.here(step.fd), Number(step.nr), BigInt(step.arg));
    const out = this.#memory.load(step.arg, Number(step.len));
    const made = this.#madeDescriptor(step, called, out);
    return {
      ...resultOf(called),
      ...made,
      sent,
      wanted: step.out === '=' ? sent : this.#wanted(step, made.newfd?.fdnum),
      out,
      bufs: bufs.map((buffer) => this.#memory.load(buffer.addr, Number(buffer.len))),
    };
  }

  /** Registers the descriptor of a call that made one, here and in the recording. */
  #madeDescriptor(step: PointerIoctl | NumberIoctl, called: IoResult<number>, out: string): Pick<StepOutcome, 'newfd'> {
    if (step.newfd === undefined || isLeft(called)) return {};
    const { name, off, fdnum: recorded } = step.newfd;
    const block = Buffer.from(out, 'hex');
    if (off !== -1 && off + 4 > block.length) return {};
    const fdnum = off === -1 ? called.right : block.readInt32LE(off);
    this.#descriptors.add(name, recorded, fdnum);
    return { newfd: { ...step.newfd, fdnum } };
  }

  /** The recorded block after the call, with our descriptor numbers where it holds descriptors. */
  #wanted(step: PointerIoctl, made: number | undefined): string {
    const wanted = this.#descriptors.translate(step, step.out);
    const off = step.newfd?.off ?? -1;
    if (made === undefined || off < 0) return wanted;
    const number = Buffer.alloc(4);
    number.writeInt32LE(made);
    return wanted.slice(0, off * 2) + number.toString('hex') + wanted.slice(off * 2 + 8);
  }

  #transfer(step: StepOf<'read'> | StepOf<'write'>): StepOutcome {
    const fd = this.#descriptors.here(step.fd);
    const bytes = Number(step.len);
    if (step.op === 'write') {
      this.#memory.store(step.addr, step.in);
      return resultOf(this.#process.write(fd, BigInt(step.addr), bytes));
    }
    const result = resultOf(this.#process.read(fd, BigInt(step.addr), bytes));
    return { ...result, out: this.#memory.load(step.addr, bytes) };
  }

  #dropCapabilities(step: StepOf<'caps'>): void {
    const dropped = step.dropped.split(/[ ,|]+/);
    const { capabilities } = this.#process.credentials;
    for (const capability of ALL_CAPABILITIES) {
      if (dropped.includes(capability)) capabilities.delete(capability);
      else capabilities.add(capability);
    }
  }
}
