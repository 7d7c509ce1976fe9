import { isLeft } from 'fp-ts/lib/Either.js';
import { userAddr, type UserAddr } from '../bits/index.js';
import { describeRefusal } from '../errno/index.js';
import type { AddressSpace } from '../memory/index.js';
import type { PointerBits } from './pointer-bits.js';

/** Where it begins, below the stack of 64-bit and of 32-bit programs. */
const BASE: Readonly<Record<PointerBits, bigint>> = { 64: 0x7ff0_0000_0000n, 32: 0xe000_0000n };
const BYTES = 0x1000_0000;
const ALIGNMENT = 16;

/**
 * Memory in a process for the arguments of typed calls, used like a stack. It is a mapping of its own, 256 MiB at 0x7ff000000000 (0xe0000000 in a 32-bit
 * program), made at the first use; untouched parts cost nothing.
 */
export class ScratchArea {
  readonly #addressSpace: AddressSpace;
  readonly #base: bigint;
  #used = 0;
  #mapped = false;

  constructor(addressSpace: AddressSpace, bits: PointerBits) {
    this.#addressSpace = addressSpace;
    this.#base = BASE[bits];
  }

  /**
   * Runs `use` with the address of `bytes` bytes, aligned to 16; they are free again when it returns. What they hold at first is
   * whatever an earlier call left.
   */
  borrow<A>(bytes: number, use: (addr: UserAddr) => A): A {
    const before = this.#used;
    const end = before + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    if (end > BYTES) throw new RangeError(`scratch area of ${BYTES} bytes cannot hold ${bytes} more`);
    if (!this.#mapped) this.#map();
    this.#used = end;
    try {
      return use(userAddr(this.#base + BigInt(before)));
    } finally {
      this.#used = before;
    }
  }

  #map(): void {
    const mapped = this.#addressSpace.mmap(this.#base, BigInt(BYTES), 'rw', { kind: 'private' });
    if (isLeft(mapped)) throw new Error(describeRefusal(mapped.left));
    this.#mapped = true;
  }
}
