import { right } from 'fp-ts/lib/Either.js';
import { DeviceNamespace, ProcessFamily, UserProcess, type OpenFile, type ProcessOptions } from '../../src/index.js';
import { testPages } from '../memory/machine-pages.js';

/** A process on a machine whose `/dev` has what the test puts there. */
export interface TestProcess {
  readonly process: UserProcess;
  readonly namespace: DeviceNamespace;
  readonly family: ProcessFamily;
  /** Names of the files whose last descriptor was closed, in order. */
  readonly released: string[];
  /** A file that does nothing but tell that it was released. */
  file(name: string, operations?: Partial<OpenFile>): OpenFile;
}

export function testProcess(options: Partial<ProcessOptions> = {}): TestProcess {
  const namespace = new DeviceNamespace();
  const family = new ProcessFamily();
  const released: string[] = [];
  const file = (name: string, operations: Partial<OpenFile> = {}): OpenFile => ({
    kind: name,
    release: () => void released.push(name),
    ...operations,
  });
  namespace.register('/dev/a', () => right(file('a')));
  const process = new UserProcess({ family, namespace, addressSpace: testPages().space, ...options });
  return { process, namespace, family, released, file };
}
