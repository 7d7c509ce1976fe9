import * as t from 'io-ts';
import type { Protection } from '@ioasis/core';
import { HexBytes, Integer, Quantity, textLike } from '../jsonl/index.js';

/*
 * `iommu-trace/1`, as fixtures/README.md describes it. Steps stay the JSON objects they were: what is not understood here survives
 * into an emitted trace, and the order of keys with it.
 */

/** Line 1 of a trace. */
export interface TraceHeader {
  readonly header: 1;
  readonly format: 'iommu-trace/1';
  readonly set: string;
  readonly kernel: string;
  readonly arch: string;
  /** Bytes. */
  readonly page_size: number;
  /** Bytes. */
  readonly hpage_size: number;
  /** Who serves `/dev/vfio/vfio`. */
  readonly vfio_vfio_provider: string;
  /** `none`, `q35+vtd`, ... */
  readonly machine: string;
}

/** Checks a {@link TraceHeader}. */
export const TraceHeader: t.Type<TraceHeader> = t.readonly(
  t.type({
    header: t.literal(1),
    format: t.literal('iommu-trace/1'),
    set: t.string,
    kernel: t.string,
    arch: t.string,
    page_size: Integer,
    hpage_size: Integer,
    vfio_vfio_provider: t.string,
    machine: t.string,
  }),
);

interface Common {
  readonly seq: number;
  readonly scenario: string;
}

/** `ret` and `errno` of a call: the value and null, or -1 and the symbolic name. */
export interface CallResult {
  readonly ret: number;
  readonly errno: string | null;
}

/** A descriptor that a call made: its name from here on, its number, and where the number was returned (-1: as the return value). */
export interface NewDescriptor {
  readonly name: string;
  readonly fdnum: number;
  readonly off: number;
}

/** Memory that an ioctl's argument points to. */
interface WatchedBuffer {
  readonly addr: Quantity;
  readonly len: Quantity;
  readonly in: string;
  /** `=`: as `in`. */
  readonly out: string;
}

type Op<Name extends string, Fields, Result = object> = Common & { readonly op: Name } & Readonly<Fields> & Result;

/** ioctl with a pointer: the bytes there before and after. */
export type PointerIoctl = Op<
  'ioctl',
  { fd: string; cmd: string; nr: Quantity; arg: Quantity; len: Quantity; in: string; out: string },
  CallResult
> & { readonly bufs?: readonly WatchedBuffer[]; readonly newfd?: NewDescriptor };

/** ioctl whose argument is a plain number. */
export type NumberIoctl = Op<'ioctl', { fd: string; cmd: string; nr: Quantity; argval: Quantity }, CallResult> & {
  readonly newfd?: NewDescriptor;
};

/** One step of a trace. */
export type TraceStep =
  | Op<'begin', object>
  | Op<'end', object>
  | (Op<'open', { fd: string; path: string; flags: string }, CallResult> & { readonly fdnum?: number })
  | Op<'close', { fd: string; fdnum: number }, CallResult>
  | Op<'mmap', { addr: Quantity; len: Quantity; prot: Protection; kind: string; off: Quantity }, CallResult>
  | Op<'munmap', { addr: Quantity; len: Quantity }, CallResult>
  | Op<'mprotect', { addr: Quantity; len: Quantity; prot: Protection }, CallResult>
  | Op<'pattern', { addr: Quantity; len: Quantity; seed: number }>
  | Op<'poke', { addr: Quantity; data: string }>
  | Op<'peek', { addr: Quantity; data: string }>
  | PointerIoctl
  | NumberIoctl
  | Op<'read', { fd: string; addr: Quantity; len: Quantity; out: string }, CallResult>
  | Op<'write', { fd: string; addr: Quantity; len: Quantity; in: string }, CallResult>
  | Op<'poll', { fd: string; revents: number }, CallResult>
  | Op<'rlimit', { memlock: Quantity }, CallResult>
  | Op<'caps', { dropped: string }, CallResult>
  | Op<'dma', { fd: string; dir: 'to-dev' | 'from-dev'; iova: Quantity; devoff: Quantity; len: Quantity }>
  | Op<'config', { fd: string; off: Quantity; data: string }>
  | Op<'sysfile', { path: string }>
  | Op<'note', { text: string }>;

/** Name of a kind of step. */
export type TraceOp = TraceStep['op'];

/** The steps of one kind. */
export type StepOf<Name extends TraceOp> = Extract<TraceStep, { readonly op: Name }>;

const common = { seq: Integer, scenario: t.string };
const result = { ret: Integer, errno: t.union([t.string, t.null]) };
const memory = { addr: Quantity, len: Quantity };
const outBytes = textLike('a string of hexadecimal bytes or "="', /^(?:=|(?:[0-9a-f]{2})*)$/i);
const protection = t.keyof({ '': null, r: null, w: null, rw: null }, 'any of r and w, or empty');
const mappingKind = textLike('private, shared, huge2m or memfd<N>', /^(?:private|shared|huge2m|memfd\d+)$/);
const newfd = t.partial({ newfd: t.type({ name: t.string, fdnum: Integer, off: Integer }) });
const ioctl = { ...common, op: t.literal('ioctl'), fd: t.string, cmd: t.string, nr: Quantity, ...result };

/** The table below is what ties the codecs to {@link TraceStep}; io-ts would have to repeat every type. */
const asStep = (codec: t.Mixed): t.Type<TraceStep> => codec as t.Type<TraceStep>;
const step = (op: string, fields: t.Props): t.Type<TraceStep> =>
  asStep(t.type({ ...common, op: t.literal(op), ...fields }));

const pointerIoctl: t.Type<TraceStep> = asStep(
  t.intersection([
    t.type({ ...ioctl, arg: Quantity, len: Quantity, in: HexBytes, out: outBytes }),
    t.partial({ bufs: t.array(t.type({ ...memory, in: HexBytes, out: outBytes })) }),
    newfd,
  ]),
);
const numberIoctl: t.Type<TraceStep> = asStep(t.intersection([t.type({ ...ioctl, argval: Quantity }), newfd]));

const codecs: Readonly<Record<Exclude<TraceOp, 'ioctl'>, t.Type<TraceStep>>> = {
  begin: step('begin', {}),
  end: step('end', {}),
  open: asStep(
    t.intersection([
      step('open', { fd: t.string, path: t.string, flags: t.string, ...result }),
      t.partial({ fdnum: Integer }),
    ]),
  ),
  close: step('close', { fd: t.string, fdnum: Integer, ...result }),
  mmap: step('mmap', { ...memory, prot: protection, kind: mappingKind, off: Quantity, ...result }),
  munmap: step('munmap', { ...memory, ...result }),
  mprotect: step('mprotect', { ...memory, prot: protection, ...result }),
  pattern: step('pattern', { ...memory, seed: Integer }),
  poke: step('poke', { addr: Quantity, data: HexBytes }),
  peek: step('peek', { addr: Quantity, data: HexBytes }),
  read: step('read', { fd: t.string, ...memory, out: HexBytes, ...result }),
  write: step('write', { fd: t.string, ...memory, in: HexBytes, ...result }),
  poll: step('poll', { fd: t.string, revents: Integer, ...result }),
  rlimit: step('rlimit', { memlock: Quantity, ...result }),
  caps: step('caps', { dropped: t.string, ...result }),
  dma: step('dma', {
    fd: t.string,
    dir: t.keyof({ 'to-dev': null, 'from-dev': null }),
    iova: Quantity,
    devoff: Quantity,
    len: Quantity,
  }),
  config: step('config', { fd: t.string, off: Quantity, data: HexBytes }),
  sysfile: step('sysfile', { path: t.string }),
  note: step('note', { text: t.string }),
};

/** Every kind of step, in the order of the format's description. */
export const traceOps: readonly string[] = [...Object.keys(codecs), 'ioctl'];

/** The codec for a parsed line; undefined when its `op` is unknown. */
export function codecOf(line: Readonly<Record<string, unknown>>): t.Type<TraceStep> | undefined {
  const op = line['op'];
  if (op === 'ioctl') return 'argval' in line ? numberIoctl : pointerIoctl;
  return typeof op === 'string' && Object.hasOwn(codecs, op) ? codecs[op as keyof typeof codecs] : undefined;
}
