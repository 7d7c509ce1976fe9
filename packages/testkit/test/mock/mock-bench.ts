import { isLeft, isRight, type Either } from 'fp-ts/lib/Either.js';
import { vfio } from '@ioasis/compat-vfio';
import {
  createMachine,
  describeRefusal,
  IommufdClient,
  IommufdContext,
  type CreateMachine,
  type Machine,
  type Process,
  type Refusal,
} from '@ioasis/core';
import { iommufdTest, MockBackend, MockClient, mockBackend } from '@ioasis/testkit';

/** Where the memory of the program starts, and its pages. */
export const DATA = 0x20_0000_0000n;
export const PAGE = 0x1000n;
/** Start of the aperture of mock domains. */
export const APERTURE = 0x100_0000n;

/** The value of a call that must succeed. */
export function ok<A>(result: Either<Refusal, A>): A {
  if (isLeft(result)) throw new Error(describeRefusal(result.left));
  return result.right;
}

/** The errno of a call; `ok` when it succeeded. */
export const errnoOf = (result: Either<Refusal, unknown>): string => (isRight(result) ? 'ok' : result.left.errno);
/** The code of a refusal; `ok` when there was none. */
export const codeOf = (result: Either<Refusal, unknown>): string => (isRight(result) ? 'ok' : result.left.code);

/** A machine with the kernel's mock IOMMU and a program that has /dev/iommu open and `pages` pages of memory at {@link DATA}. */
export class MockBench {
  readonly machine: Machine;
  readonly backend: MockBackend;
  readonly process: Process;
  readonly iommufd: IommufdClient;
  readonly mock: MockClient;
  readonly context: IommufdContext;

  constructor(options: Partial<CreateMachine> = {}, pages = 64n) {
    this.machine = createMachine({
      backend: mockBackend(),
      services: [vfio({ personality: 'iommufd' }), iommufdTest],
      ...options,
    });
    const { backend } = this.machine;
    if (!(backend instanceof MockBackend)) throw new Error('the machine has another backend');
    this.backend = backend;
    this.process = this.machine.spawn();
    ok(this.process.addressSpace.mmap(DATA, pages * PAGE, 'rw', { kind: 'shared' }));
    this.iommufd = ok(IommufdClient.open(this.process));
    this.mock = new MockClient(this.process, this.iommufd.fd);
    const file = this.process.fileOf(this.iommufd.fd);
    if (!(file instanceof IommufdContext)) throw new Error('/dev/iommu opens something else');
    this.context = file;
  }

  /** Ends everything and tells what is left: leaks, and rules that were broken on the way. */
  close(): { readonly leaks: object; readonly violations: readonly string[] } {
    const leaks = this.machine.close();
    return { leaks, violations: this.backend.violations() };
  }
}

/** What {@link MockBench.close} tells when all is well. */
export const CLEAN = {
  leaks: { userFrames: 0, pins: 0, lockedPages: 0, chargedBytes: 0, tableFrames: 0, objects: [] },
  violations: [],
};
