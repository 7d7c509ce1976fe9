import { isLeft } from 'fp-ts/lib/Either.js';
import { Errno, vfioIoctls, VfioRequest, iommufdIoctls, type IoResult, type StructLayout } from '@ioasis/core';
import {
  BUFFER,
  DEVICE,
  GROUP,
  OTHER_DEVICE,
  OTHER_GROUP,
  TestMachine,
  type TestMachineOptions,
} from '../support/vfio-machine.js';
import { Random } from './random.js';

/** Where the program keeps arguments; the pages around are not mapped, and one page is read-only. */
const ARGUMENTS = 0x600_0000_0000n;
const READ_ONLY = ARGUMENTS + 0x1_0000n;
const NOWHERE = 0x7000_0000_0000n;
const PATHS = [
  '/dev/vfio/vfio',
  '/dev/vfio/vfio',
  '/dev/iommu',
  `/dev/vfio/${GROUP}`,
  `/dev/vfio/${OTHER_GROUP}`,
  '/dev/vfio/devices/vfio0',
  '/dev/vfio/devices/vfio1',
];
const requests = [...vfioIoctls, ...iommufdIoctls];
const MOST_DESCRIPTORS = 12;

/** What a run came to. */
export interface FuzzReport {
  readonly calls: number;
  readonly succeeded: number;
  /** How often each errno was met. */
  readonly errnos: ReadonlyMap<string, number>;
}

/**
 * Random calls on the VFIO files and /dev/iommu of one machine: right and wrong numbers, structures and pointers, in random order, on several
 * containers and groups. Every call must end in success or in a documented errno; an exception is the test's failure.
 */
export class FuzzRun {
  readonly test: TestMachine;
  readonly #random: Random;
  readonly #errnos = new Map<string, number>();
  #calls = 0;
  #succeeded = 0;

  constructor(seed: number, options: TestMachineOptions) {
    this.#random = new Random(seed);
    this.test = new TestMachine(options);
    const { process } = this.test;
    process.limits.nofile = MOST_DESCRIPTORS;
    this.test.map(0x4000n, ARGUMENTS);
    process.addressSpace.mmap(READ_ONLY, 0x1000n, 'r', { kind: 'private' });
  }

  run(steps: number): FuzzReport {
    for (let step = 0; step < steps; step++) this.#step();
    return { calls: this.#calls, succeeded: this.#succeeded, errnos: this.#errnos };
  }

  #step(): void {
    const random = this.#random;
    const { process } = this.test;
    const kind = random.below(100);
    if (kind < 8) this.#count(process.open(random.pick(PATHS)));
    else if (kind < 12) this.#count(process.close(this.#descriptor()));
    else if (kind < 14) this.#count(process.dup(this.#descriptor()));
    else if (kind < 16)
      this.#count(process.pread(this.#descriptor(), this.#pointer(), random.below(64), this.#offset()));
    else if (kind < 18)
      this.#count(process.pwrite(this.#descriptor(), this.#pointer(), random.below(16), this.#offset()));
    else if (kind < 20) this.#changeProcess();
    else this.#ioctl();
  }

  #ioctl(): void {
    const random = this.#random;
    const { process } = this.test;
    const definition = random.pick(requests);
    const request = random.chance(3) ? 0x3b60 + random.below(0x48) : definition.request;
    const argument = this.#argument(
      definition.argument.kind === 'struct' ? definition.argument.layout : undefined,
      definition.request,
    );
    this.#count(process.ioctl(this.#descriptor(), request, argument));
  }

  #argument(layout: StructLayout | undefined, request: number): bigint {
    const random = this.#random;
    if (random.chance(3)) return random.pick([0n, NOWHERE, READ_ONLY, ARGUMENTS + 0x3ff0n, 0xffff_ffff_ffff_fff0n]);
    if (layout === undefined) return this.#plainArgument(request);
    const bytes = new Uint8Array(layout.size + 40);
    const view = new DataView(bytes.buffer);
    for (const { kind, offset } of Object.values(layout.fields)) {
      if (kind === 'u64') view.setBigUint64(offset, this.#number64(), true);
      else if (kind === 'u32' || kind === 's32') view.setUint32(offset, this.#number32(), true);
      else if (kind === 'u16') view.setUint16(offset, random.below(4), true);
    }
    view.setUint32(0, random.chance(90) ? layout.size : random.below(64), true);
    for (let at = layout.size; at < bytes.length; at += 8) view.setBigUint64(at, this.#number64(), true);
    this.test.process.addressSpace.poke(ARGUMENTS, bytes);
    return ARGUMENTS;
  }

  #plainArgument(request: number): bigint {
    const random = this.#random;
    const { addressSpace } = this.test.process;
    if (request === VfioRequest.GROUP_GET_DEVICE_FD) {
      const name = random.pick([DEVICE, OTHER_DEVICE, DEVICE + ' ', DEVICE + ' x', 'nothing']);
      addressSpace.poke(ARGUMENTS, Uint8Array.from([...name].map((letter) => letter.charCodeAt(0)).concat(0)));
      return ARGUMENTS;
    }
    if (request === VfioRequest.GROUP_SET_CONTAINER) {
      addressSpace.poke(ARGUMENTS, Uint8Array.of(random.below(MOST_DESCRIPTORS), 0, 0, 0));
      return ARGUMENTS;
    }
    return BigInt(random.below(12));
  }

  #number32(): number {
    const random = this.#random;
    return random.chance(90) ? random.below(8) : random.below(0x1_0000_0000);
  }

  /** Mostly pages of the buffer and small IOVAs, sometimes the borders of everything. */
  #number64(): bigint {
    const random = this.#random;
    const page = BigInt(random.below(24)) * 0x1000n;
    switch (random.below(12)) {
      case 0:
        return random.pick([0n, 1n, 0x7f_ffff_f000n, 0xfee0_0000n, 0xffff_ffff_ffff_f000n, 0xffff_ffff_ffff_ffffn]);
      case 1:
        return random.word64();
      case 2:
        return page + BigInt(random.below(0x1000));
      case 3:
      case 4:
      case 5:
        return BUFFER + page;
      default:
        return page;
    }
  }

  #offset(): bigint {
    const random = this.#random;
    return (BigInt(random.below(10)) << 40n) | BigInt(random.below(0x100));
  }

  #pointer(): bigint {
    return this.#random.pick([ARGUMENTS, READ_ONLY, NOWHERE, ARGUMENTS + 0x3fffn]);
  }

  #descriptor(): number {
    return this.#random.below(MOST_DESCRIPTORS + 1);
  }

  /** Changes what the process may do and what it has in memory. */
  #changeProcess(): void {
    const random = this.#random;
    const { process } = this.test;
    const { capabilities } = process.credentials;
    const page = BUFFER + BigInt(random.below(24)) * 0x1000n;
    switch (random.below(6)) {
      case 0:
        capabilities.delete(random.pick(['ipc_lock', 'sys_rawio', 'sys_resource']));
        return;
      case 1:
        for (const capability of ['ipc_lock', 'sys_rawio', 'sys_resource'] as const) capabilities.add(capability);
        return;
      case 2:
        process.limits.memlock = BigInt(random.below(64)) * 0x1000n;
        return;
      case 3:
        process.addressSpace.munmap(page, 0x1000n);
        return;
      case 4:
        process.addressSpace.mprotect(page, 0x1000n, random.pick(['r', 'rw', '']));
        return;
      default:
        process.addressSpace.mmap(BUFFER, 0x1_8000n, 'rw', { kind: random.pick(['private', 'shared']) });
    }
  }

  #count(result: IoResult<unknown>): void {
    this.#calls++;
    if (!isLeft(result)) {
      this.#succeeded++;
      return;
    }
    const { errno, code, rule } = result.left;
    if (!(errno in Errno) || code === '' || rule === '') throw new Error(`undocumented refusal ${errno} ${code}`);
    this.#errnos.set(errno, (this.#errnos.get(errno) ?? 0) + 1);
  }
}
