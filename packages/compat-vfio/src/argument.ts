import { right } from 'fp-ts/lib/Either.js';
import type { FieldKind, IoctlCall, IoResult, StructLayout, StructValues } from '@ioasis/core';
import { vfioRefusals } from './refusals.js';

const { refuse } = vfioRefusals;

/** The argument of an ioctl as the kernel copied it in: only the first `minSize` bytes, the rest reads as zero. */
export interface Argument<Fields extends Readonly<Record<string, FieldKind>>> {
  readonly values: StructValues<Fields>;
  /** The bytes that were copied in, zero-extended to the whole structure: what an answer starts from. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * Copies a structure in. Every VFIO structure begins with `argsz`, which must cover its first version.
 *
 * Refusals: VFIO_ARGUMENT_UNREADABLE, VFIO_ARGSZ.
 */
export function copyArgument<Fields extends Readonly<Record<string, FieldKind>>>(
  call: IoctlCall,
  layout: StructLayout<Fields>,
): IoResult<Argument<Fields>> {
  const argument = copyStruct(call, layout, 0n);
  if (argument._tag === 'Left') return argument;
  const argsz = argument.right.view.getUint32(0, true);
  if (argsz < layout.minSize) return refuse('VFIO_ARGSZ', { struct: layout.name, argsz, atLeast: layout.minSize });
  return argument;
}

/** Copies a structure in that lies `offset` bytes behind the argument. Refusals: VFIO_ARGUMENT_UNREADABLE. */
export function copyStruct<Fields extends Readonly<Record<string, FieldKind>>>(
  { process, argument }: IoctlCall,
  layout: StructLayout<Fields>,
  offset: bigint,
): IoResult<Argument<Fields>> {
  const bytes = new Uint8Array(layout.size);
  const address = BigInt.asUintN(64, argument + offset);
  const copied = process.addressSpace.copyIn(address, bytes.subarray(0, layout.minSize));
  if (copied < layout.minSize) {
    return refuse('VFIO_ARGUMENT_UNREADABLE', {
      struct: layout.name,
      address,
      readable: copied,
      needed: layout.minSize,
    });
  }
  return right({ values: layout.decode(bytes), bytes, view: new DataView(bytes.buffer) });
}

/** Copies bytes out `offset` bytes behind the argument. Refusals: VFIO_ANSWER_UNWRITABLE. */
export function answer({ process, argument }: IoctlCall, bytes: Uint8Array, offset = 0): IoResult<0> {
  const address = BigInt.asUintN(64, argument + BigInt(offset));
  const copied = process.addressSpace.copyOut(address, bytes);
  return copied === bytes.length
    ? right(0)
    : refuse('VFIO_ANSWER_UNWRITABLE', { address, writable: copied, bytes: bytes.length });
}
