import { Buffer } from 'node:buffer';
import { iommufdIoctls, vfioIoctls, type IoctlDefinition, type Protection, type StructLayout } from '@ioasis/core';
import { IOMMU_TEST_CMD, TestCommand, TestOp, type CommandLayouts } from '../mock/test-command.js';
import type { NewDescriptor, TraceHeader, TraceStep } from './format.js';
import type { Trace } from './reader.js';

/** Fields of a structure; those that are left out are 0, and `size` or `argsz` is filled in. */
export type StructFields = Readonly<Record<string, bigint | number>>;

/** A step as a caller writes it: its place in the trace and its result are filled in. */
type Unplaced = { readonly op: string } & Readonly<Record<string, unknown>>;

/** Where structures of ioctls lie in the caller's memory. */
const ARGUMENT = 0x100_0000_0000n;
const WORKED = { ret: 0, errno: null };

const HEADER: TraceHeader = {
  header: 1,
  format: 'iommu-trace/1',
  set: 'built',
  kernel: '6.12',
  arch: 'x86_64',
  page_size: 4096,
  hpage_size: 0x20_0000,
  vfio_vfio_provider: 'iommufd',
  machine: 'none',
};

const quantity = (value: bigint | number): string => `0x${value.toString(16)}`;
const definitions: ReadonlyMap<string, IoctlDefinition> = new Map(
  [...iommufdIoctls, ...vfioIoctls].map((it) => [it.name, it]),
);

/**
 * Builds one scenario of a trace from calls: a list of ioctls that can be replayed, compared between machines, and written down. Every step is
 * noted as if it had worked and written nothing; whoever knows better replaces that.
 */
export class TraceBuilder {
  readonly #scenario: string;
  readonly #header: TraceHeader;
  readonly #steps: TraceStep[] = [];

  /** @param header what differs from a trace of 4 KiB pages on x86-64 */
  constructor(scenario: string, header: Partial<TraceHeader> = {}) {
    this.#scenario = scenario;
    this.#header = { ...HEADER, ...header };
    this.#add({ op: 'begin' });
    this.mmap(ARGUMENT, 0x1_0000n);
  }

  get header(): TraceHeader {
    return this.#header;
  }

  /** Steps so far. */
  get steps(): readonly TraceStep[] {
    return this.#steps;
  }

  /** Maps memory; `memfd0` and so on are files that several mappings can show. */
  mmap(addr: bigint, bytes: bigint, prot: Protection = 'rw', kind = 'shared', offset = 0n): TraceStep {
    const memory = { addr: quantity(addr), len: quantity(bytes), prot, kind, off: quantity(offset) };
    return this.#add({ op: 'mmap', ...memory, ...WORKED });
  }

  /** Fills memory with the pattern of a seed. */
  pattern(addr: bigint, bytes: bigint, seed: number): TraceStep {
    return this.#add({ op: 'pattern', addr: quantity(addr), len: quantity(bytes), seed });
  }

  /** Stores bytes. */
  poke(addr: bigint, bytes: Uint8Array): TraceStep {
    return this.#add({ op: 'poke', addr: quantity(addr), data: Buffer.from(bytes).toString('hex') });
  }

  /** Expects bytes. */
  peek(addr: bigint, bytes: Uint8Array): TraceStep {
    return this.#add({ op: 'peek', addr: quantity(addr), data: Buffer.from(bytes).toString('hex') });
  }

  /** Opens a device file under a name. */
  open(fd: string, path: string): TraceStep {
    return this.#add({ op: 'open', fd, path, flags: 'O_RDWR', ...WORKED });
  }

  /** A step that closes a descriptor. */
  close(fd: string, fdnum: number): TraceStep {
    return this.#add({ op: 'close', fd, fdnum, ...WORKED });
  }

  /** A transfer of the edu device behind a VFIO device descriptor. */
  dma(fd: string, dir: 'to-dev' | 'from-dev', iova: bigint, devoff: number, bytes: number): TraceStep {
    const where = { iova: quantity(iova), devoff: quantity(devoff), len: quantity(bytes) };
    return this.#add({ op: 'dma', fd, dir, ...where });
  }

  /**
   * An ioctl with a structure, or a pointer to a number.
   * @param name as in the header, e.g. `IOMMU_IOAS_MAP`
   * @throws RangeError when there is no such ioctl or field
   */
  ioctl(fd: string, name: string, fields: StructFields = {}, newfd?: NewDescriptor): TraceStep {
    const definition = definitions.get(name);
    if (definition?.argument.kind !== 'struct') throw new RangeError(`no ioctl with a structure is called ${name}`);
    const { layout } = definition.argument;
    const length =
      'argsz' in layout.fields ? { argsz: layout.size } : 'size' in layout.fields ? { size: layout.size } : {};
    return this.#pointer(fd, name, definition.request, layout.encode({ ...length, ...fields }), newfd);
  }

  /** An operation of the test ioctl. */
  test(fd: string, operation: keyof CommandLayouts, fields: StructFields = {}): TraceStep {
    const layout: StructLayout = TestCommand[operation];
    const bytes = layout.encode({ size: layout.size, op: TestOp[operation], ...fields });
    return this.#pointer(fd, `IOMMU_TEST_OP_${operation}`, IOMMU_TEST_CMD, bytes);
  }

  /** An ioctl whose argument points to bytes. */
  pointer(fd: string, name: string, bytes: Uint8Array, newfd?: NewDescriptor): TraceStep {
    return this.#pointer(fd, name, requestOf(name), bytes, newfd);
  }

  /** An ioctl whose argument is a number. */
  number(fd: string, name: string, argument: bigint | number = 0): TraceStep {
    const call = { fd, cmd: name, nr: quantity(requestOf(name)), argval: quantity(argument) };
    return this.#add({ op: 'ioctl', ...call, ...WORKED });
  }

  /** Puts another version of the last step in its place, e.g. one with its result. */
  settle(step: TraceStep): void {
    this.#steps[this.#steps.length - 1] = step;
  }

  /** The trace with its scenario ended; the builder may go on. */
  build(file = 'built'): Trace {
    const { length } = this.#steps;
    const end = { seq: length, scenario: this.#scenario, op: 'end' } as const;
    return { file, header: this.#header, headerLine: JSON.stringify(this.#header), steps: [...this.#steps, end] };
  }

  #pointer(fd: string, cmd: string, request: number, bytes: Uint8Array, newfd?: NewDescriptor): TraceStep {
    const block = {
      arg: quantity(ARGUMENT),
      len: quantity(bytes.length),
      in: Buffer.from(bytes).toString('hex'),
      out: '=',
    };
    const made = newfd === undefined ? {} : { newfd };
    return this.#add({ op: 'ioctl', fd, cmd, nr: quantity(request), ...block, ...WORKED, ...made });
  }

  #add(fields: Unplaced): TraceStep {
    const step = { seq: this.#steps.length, scenario: this.#scenario, ...fields } as unknown as TraceStep;
    this.#steps.push(step);
    return step;
  }
}

function requestOf(name: string): number {
  const definition = definitions.get(name);
  if (definition === undefined) throw new RangeError(`no ioctl is called ${name}`);
  return definition.request;
}

/** The text of a trace: `iommu-trace/1`, one line each. */
export const traceText = ({ headerLine, steps }: Trace): string =>
  [headerLine, ...steps.map((step) => JSON.stringify(step))].map((line) => `${line}\n`).join('');
