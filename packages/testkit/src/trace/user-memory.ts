import { Buffer } from 'node:buffer';
import { MemoryFile, type AddressSpace, type IoResult, type MappingBacking } from '@ioasis/core';
import type { StepOf } from './format.js';

/** Size of the file behind the mappings `memfd0`, `memfd1` ... of a scenario, bytes. */
const MEMFD_BYTES = 64n << 20n;

/** The caller's memory as a trace drives it: mappings, and stores and loads that the recorder made itself. */
export class UserMemory {
  readonly #space: AddressSpace;
  readonly #files = new Map<string, MemoryFile>();

  constructor(space: AddressSpace) {
    this.#space = space;
  }

  map(step: StepOf<'mmap'>): IoResult<unknown> {
    return this.#space.mmap(BigInt(step.addr), BigInt(step.len), step.prot, this.#backing(step));
  }

  unmap(step: StepOf<'munmap'>): IoResult<0> {
    return this.#space.munmap(BigInt(step.addr), BigInt(step.len));
  }

  protect(step: StepOf<'mprotect'>): IoResult<0> {
    return this.#space.mprotect(BigInt(step.addr), BigInt(step.len), step.prot);
  }

  /** The scenario is over; its files lose their last holder. */
  release(): void {
    for (const file of this.#files.values()) file.drop();
    this.#files.clear();
  }

  /** Stores bytes without regard to protection, as replay rule 2 asks; bytes without a mapping are dropped. */
  store(addr: number | string, hex: string): void {
    if (hex !== '') this.#space.poke(BigInt(addr), Buffer.from(hex, 'hex'));
  }

  /** The readable bytes of a range, from its start to the first one that is not. */
  load(addr: number | string, bytes: number): string {
    return Buffer.from(this.#space.peek(BigInt(addr), bytes)).toString('hex');
  }

  /** Byte i becomes (seed + 7 i + 13 floor(i / 256)) mod 256. */
  fillPattern(step: StepOf<'pattern'>): void {
    const bytes = new Uint8Array(Number(step.len));
    for (let i = 0; i < bytes.length; i++) bytes[i] = step.seed + 7 * i + 13 * (i >> 8);
    this.#space.poke(BigInt(step.addr), bytes);
  }

  #backing({ kind, off }: StepOf<'mmap'>): MappingBacking {
    if (kind === 'private' || kind === 'shared' || kind === 'huge2m') return { kind };
    return { kind: 'file', file: this.#file(kind), offset: BigInt(off) };
  }

  /** The file of a name; it lives as long as the scenario, whether it is mapped or not. */
  #file(name: string): MemoryFile {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const file = new MemoryFile(this.#space.pages, MEMFD_BYTES);
    file.hold();
    this.#files.set(name, file);
    return file;
  }
}
