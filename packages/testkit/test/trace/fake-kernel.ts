import { right } from 'fp-ts/lib/Either.js';
import {
  AddressSpace,
  DeviceNamespace,
  FrameAllocator,
  PageFrames,
  PhysicalMemory,
  ProcessFamily,
  UserProcess,
  type Process,
  UserAccount,
  type IoctlCall,
  type IoResult,
  type OpenFile,
} from '@ioasis/core';
import { readTrace, type ReplayMachine, type Trace, type TraceStep } from '../../src/index.js';

const RAM = { start: 0n, last: 0x3ff_ffffn };

/** A kernel whose files do what a test says. `skip` descriptors are taken before the scenario starts. */
export function fakeMachine(
  files: Readonly<Record<string, OpenFile>>,
  skip = 0,
): ReplayMachine & { spawned: Process[] } {
  const spawned: Process[] = [];
  return {
    spawned,
    spawn() {
      const memory = new PhysicalMemory({ windows: [RAM], arena: RAM });
      const frames = new FrameAllocator(memory, { firstFrame: 0, frames: 0x4000 });
      const namespace = new DeviceNamespace();
      for (const [path, file] of Object.entries(files)) namespace.register(path, () => right(file));
      const addressSpace = new AddressSpace({ pages: new PageFrames(memory, frames, 4096), user: new UserAccount() });
      const process = new UserProcess({ family: new ProcessFamily(), namespace, addressSpace });
      for (let i = 0; i < skip; i++) process.install(fakeFile({}));
      spawned.push(process);
      return process;
    },
  };
}

/** A file with some operations. */
export const fakeFile = (operations: Partial<OpenFile>): OpenFile => ({
  kind: 'fake',
  release: () => {},
  ...operations,
});

/** A file whose ioctls all go to one function. */
export const ioctlFile = (ioctl: (call: IoctlCall) => IoResult<number>): OpenFile => fakeFile({ ioctl });

const HEADER = {
  header: 1,
  format: 'iommu-trace/1',
  set: 'test',
  kernel: '6.12.117',
  arch: 'x86_64',
  page_size: 4096,
  hpage_size: 2097152,
  vfio_vfio_provider: 'iommufd',
  machine: 'none',
  seed: 1,
};

/** Text of a trace. */
export const traceText = (steps: readonly object[]): string =>
  [HEADER, ...steps].map((line) => `${JSON.stringify(line)}\n`).join('');

/** Fields of a step besides its place in the trace. */
export type TraceFields = { readonly op: string } & Record<string, unknown>;

/** A trace of one scenario around the given steps. */
export function traceOf(...steps: readonly TraceFields[]): Trace {
  const all = [{ op: 'begin', desc: 'a test' }, ...steps, { op: 'end' }];
  const text = traceText(all.map((step, seq) => ({ seq, scenario: 'test/one', ...step })));
  const read = readTrace('test.jsonl', new TextEncoder().encode(text));
  if (read._tag === 'Left') throw new Error(`line ${read.left.line}: ${read.left.reason}`);
  return read.right;
}

/** `ret` and `errno` of a call that works. */
export const worked = { ret: 0, errno: null } as const;

/** Steps that open `path` as `name`. */
export const open = (name: string, path: string, fdnum: number): TraceFields => ({
  op: 'open',
  fd: name,
  path,
  flags: 'O_RDWR',
  fdnum,
  ...worked,
});

/** A step that maps 16 pages of private memory. */
export const mapMemory = (addr = '0x10000000000', prot = 'rw'): TraceFields => ({
  op: 'mmap',
  addr,
  len: '0x10000',
  prot,
  kind: 'private',
  off: '0x0',
  ...worked,
});

/** An ioctl with a block at 0x10000000000. */
export const ioctl = (
  fd: string,
  fields: { readonly nr: string; readonly in: string } & Record<string, unknown>,
): TraceFields => ({
  op: 'ioctl',
  fd,
  cmd: 'NR',
  arg: '0x10000000000',
  len: fields.in.length / 2,
  ...worked,
  out: '=',
  bufs: [],
  ...fields,
});

/** The recorded step of a kind in a trace. */
export function stepOf(trace: Trace, op: TraceStep['op']): TraceStep {
  const found = trace.steps.find((step) => step.op === op);
  if (found === undefined) throw new Error(`no ${op} in the trace`);
  return found;
}
