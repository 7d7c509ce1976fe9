import { Buffer } from 'node:buffer';
import { hex, type AddressSpace, type IoResult, type MappingBacking } from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { CallRecord } from './event.js';
import { intercept } from './intercept.js';

const outcome = (result: IoResult<unknown>): { readonly ret: number; readonly errno: string | null } =>
  isLeft(result) ? { ret: -1, errno: result.left.errno } : { ret: 0, errno: null };

/** Tells what a program does to its memory: mappings and its own stores, not what a call does on the way. */
export function recordMemory(space: AddressSpace, emit: (record: CallRecord) => void): void {
  const files: object[] = [];
  let depth = 0;
  const outermost = <A>(call: () => A, record: (result: A) => CallRecord | undefined): A => {
    depth++;
    const result = call();
    depth--;
    const told = depth === 0 ? record(result) : undefined;
    if (told !== undefined) emit(told);
    return result;
  };
  const kindOf = (backing: MappingBacking): string | undefined => {
    if (backing.kind !== 'file') return backing.kind === 'pfn' ? undefined : backing.kind;
    if (!files.includes(backing.file)) files.push(backing.file);
    return `memfd${files.indexOf(backing.file)}`;
  };
  intercept(
    space,
    'mmap',
    (mmap) => (addr, bytes, prot, backing) =>
      outermost(
        () => mmap(addr, bytes, prot, backing),
        (result) => {
          const kind = kindOf(backing);
          const off = hex(backing.kind === 'file' ? backing.offset : 0n);
          // Device memory is mapped through the device's file.
          if (kind === undefined) return undefined;
          return { op: 'mmap', addr: hex(addr), len: hex(bytes), prot, kind, off, ...outcome(result) };
        },
      ),
  );
  intercept(
    space,
    'munmap',
    (munmap) => (addr, bytes) =>
      outermost(
        () => munmap(addr, bytes),
        (result) => ({ op: 'munmap', addr: hex(addr), len: hex(bytes), ...outcome(result) }),
      ),
  );
  intercept(
    space,
    'mprotect',
    (mprotect) => (addr, bytes, prot) =>
      outermost(
        () => mprotect(addr, bytes, prot),
        (result) => ({ op: 'mprotect', addr: hex(addr), len: hex(bytes), prot, ...outcome(result) }),
      ),
  );
  intercept(
    space,
    'poke',
    (poke) => (addr, bytes) =>
      outermost(
        () => poke(addr, bytes),
        () => ({ op: 'poke', addr: hex(addr), data: Buffer.from(bytes).toString('hex') }),
      ),
  );
}
