import { isLeft, right } from 'fp-ts/lib/Either.js';
import type { FieldKinds, StructLayout, StructValues } from '../abi/index.js';
import type { UserAddr } from '../bits/index.js';
import type { IoResult } from '../errno/index.js';
import type { Process } from '../process/index.js';

/** Where the structure of a typed call was, and what the kernel answered. */
export interface StructCall<Kinds extends FieldKinds> {
  readonly result: IoResult<number>;
  /** The structure after the call, also when it was refused. */
  readonly values: StructValues<Kinds>;
}

/** Puts a structure into the process's scratch memory, calls an ioctl with its address, and reads it back: what a C program does. */
export function callWithStruct<Kinds extends FieldKinds>(
  process: Process,
  fd: number,
  request: number,
  layout: StructLayout<Kinds>,
  values: Partial<StructValues<Kinds>>,
): StructCall<Kinds> {
  const { addressSpace, scratch } = process;
  return scratch.borrow(layout.size, (addr) => {
    addressSpace.poke(addr, layout.encode({ ...lengthOf(layout), ...values } as Partial<StructValues<Kinds>>));
    const result = process.ioctl(fd, request, addr);
    return { result, values: layout.decode(addressSpace.peek(addr, layout.size)) };
  });
}

/** The field that tells the kernel how long the structure is: `size` in iommufd, `argsz` in VFIO, none in some. */
function lengthOf<Kinds extends FieldKinds>({ fields, size }: StructLayout<Kinds>): Readonly<Record<string, number>> {
  // A VFIO mapping has a `size` too, that of the memory.
  if ('argsz' in fields) return { argsz: size };
  return 'size' in fields ? { size } : {};
}

/** The structure after a call that succeeded, or why it was refused. */
export function answerOf<Kinds extends FieldKinds>({
  result,
  values,
}: StructCall<Kinds>): IoResult<StructValues<Kinds>> {
  return isLeft(result) ? result : right(values);
}

/** Runs `use` with the address of a copy of `bytes` in the process; afterwards `bytes` holds what is there then. */
export function withBuffer<A>(process: Process, bytes: Uint8Array, use: (addr: UserAddr) => A): A {
  const { addressSpace, scratch } = process;
  return scratch.borrow(bytes.length, (addr) => {
    addressSpace.poke(addr, bytes);
    const result = use(addr);
    bytes.set(addressSpace.peek(addr, bytes.length));
    return result;
  });
}
