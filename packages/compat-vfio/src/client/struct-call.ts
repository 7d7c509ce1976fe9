import type { IoResult, Process } from '@ioasis/core';

/** What a call with a structure came to: the result, and the structure as the kernel left it, also after a refusal. */
export interface StructAnswer {
  readonly result: IoResult<number>;
  readonly bytes: Uint8Array;
}

/** An ioctl on a structure in the program's memory: the bytes are stored there, the call is made, the bytes are read back. */
export function structCall(process: Process, fd: number, request: number, bytes: Uint8Array): StructAnswer {
  return process.scratch.borrow(bytes.length, (address) => {
    process.addressSpace.poke(address, bytes);
    const result = process.ioctl(fd, request, address);
    return { result, bytes: process.addressSpace.peek(address, bytes.length) };
  });
}
