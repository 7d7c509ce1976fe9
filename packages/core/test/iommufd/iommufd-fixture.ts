import { isLeft, isRight, type Either } from 'fp-ts/lib/Either.js';
import {
  createMachine,
  describeRefusal,
  IommufdClient,
  IommufdContext,
  type CreateMachine,
  type IommuDevice,
  type IommufdDevice,
  type Machine,
  type Process,
  type Refusal,
} from '../../src/index.js';
import { testFunction } from '../composition/test-backend.js';
import { scriptedBackend, type Script } from './scripted-backend.js';

/** Memory of the program that tests map: 64 pages at {@link DATA}. */
export const DATA = 0x20_0000_0000n;

/** The value of a call that must succeed. */
export function ok<A>(result: Either<Refusal, A>): A {
  if (isLeft(result)) throw new Error(describeRefusal(result.left));
  return result.right;
}

/** `EINVAL MAP_FLAGS` of a call that must be refused; `done` when it was not. */
export const why = (result: Either<Refusal, unknown>): string =>
  isRight(result) ? 'done' : `${result.left.errno} ${result.left.code}`;

/** A machine with devices behind a scripted backend, and a program that has /dev/iommu open. */
export interface Bench {
  readonly machine: Machine;
  readonly script: Script;
  readonly process: Process;
  readonly client: IommufdClient;
  readonly context: IommufdContext;
  /** Device n, from 0. */
  device(n: number): IommuDevice;
  bind(n: number): IommufdDevice;
}

/** @param groups group number of each device */
export function bench(groups: readonly number[] = [1, 2], options: Partial<CreateMachine> = {}): Bench {
  const script = scriptedBackend();
  const devices = groups.map((group, n) => ({ function: testFunction(), address: `0000:00:0${n + 1}.0`, group }));
  const machine = createMachine({ backend: script.definition, devices, ...options });
  const process = machine.spawn();
  ok(process.addressSpace.mmap(DATA, 0x4_0000n, 'rw', { kind: 'private' }));
  const client = ok(IommufdClient.open(process));
  const context = process.fileOf(client.fd);
  if (!(context instanceof IommufdContext)) throw new Error('/dev/iommu opens something else');
  const device = (n: number): IommuDevice => {
    const found = machine.devices[n];
    if (found === undefined) throw new Error(`there is no device ${n}`);
    return found.iommu;
  };
  return {
    machine,
    script,
    process,
    client,
    context,
    device,
    bind: (n) => ok(context.bindDevice(device(n), script.backend())),
  };
}
