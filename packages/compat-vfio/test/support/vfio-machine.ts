import { isLeft, type Either } from 'fp-ts/lib/Either.js';
import {
  createMachine,
  describeRefusal,
  type BackendDefinition,
  type FailureSource,
  type KernelProfile,
  type Machine,
  type PageSize,
  type Process,
  type Refusal,
} from '@ioasis/core';
import { EduDevice } from '@ioasis/testkit';
import { vfio, VfioContainerClient, VfioDeviceClient, VfioGroupClient, type VfioOptions } from '../../src/index.js';
import { flatBackend } from './flat-backend.js';

/** First device of the test machine and its group. */
export const DEVICE = '0000:00:01.0';
export const GROUP = 1;
/** Second device, in a group of its own. */
export const OTHER_DEVICE = '0000:00:02.0';
export const OTHER_GROUP = 2;
/** Where tests map their buffer. */
export const BUFFER = 0x200_0000_0000n;

/** The value of a result that must not be a refusal. */
export function must<A>(result: Either<Refusal, A>): A {
  if (isLeft(result)) throw new Error(describeRefusal(result.left));
  return result.right;
}

/** Errno of a refusal, or the number of a success. */
export const outcome = (result: Either<Refusal, unknown>): string | number =>
  isLeft(result) ? result.left.errno : typeof result.right === 'number' ? result.right : 0;

/** Code of a refusal, or `ok`. */
export const codeOf = (result: Either<Refusal, unknown>): string => (isLeft(result) ? result.left.code : 'ok');

/** What a test machine is made of. */
export interface TestMachineOptions extends VfioOptions {
  readonly backend?: BackendDefinition;
  readonly kernel?: KernelProfile;
  readonly failure?: FailureSource;
  readonly pageSize?: PageSize;
  /** Group of the second device; a group of its own unless given. */
  readonly otherGroup?: number;
}

/** A machine with two edu devices and a process. */
export class TestMachine {
  readonly machine: Machine;
  readonly edu = new EduDevice();
  readonly otherEdu = new EduDevice({ bar0: 0xfeb0_0000 });
  readonly process: Process;

  constructor({
    backend = flatBackend(),
    kernel,
    failure,
    pageSize,
    otherGroup = OTHER_GROUP,
    ...options
  }: TestMachineOptions = {}) {
    this.machine = createMachine({
      backend,
      ...(kernel === undefined ? {} : { kernel }),
      ...(failure === undefined ? {} : { failure }),
      ...(pageSize === undefined ? {} : { pageSize }),
      services: [vfio(options)],
      devices: [
        { function: this.edu, address: DEVICE, group: GROUP },
        { function: this.otherEdu, address: OTHER_DEVICE, group: otherGroup },
      ],
    });
    this.process = this.machine.spawn();
    this.map(0x10_0000n);
  }

  /** Maps `bytes` of shared memory at {@link BUFFER} for reading and writing. */
  map(bytes: bigint, at: bigint = BUFFER): void {
    must(this.process.addressSpace.mmap(at, bytes, 'rw', { kind: 'shared' }));
  }

  container(path?: string): VfioContainerClient {
    return must(VfioContainerClient.open(this.process, path));
  }

  group(id: number = GROUP): VfioGroupClient {
    return must(VfioGroupClient.open(this.process, id));
  }

  device(index = 0): VfioDeviceClient {
    return must(VfioDeviceClient.open(this.process, index));
  }

  /** A container with the first group and a type. */
  container1(type: number): { readonly container: VfioContainerClient; readonly group: VfioGroupClient } {
    const container = this.container();
    const group = this.group();
    must(group.setContainer(container));
    must(container.setIommu(type));
    return { container, group };
  }
}
