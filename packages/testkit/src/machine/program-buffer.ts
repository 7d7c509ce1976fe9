import { FRAME_BYTES, type Process } from '@ioasis/core';

/** Memory of a test's program, whole pages. Offsets and lengths are bytes. */
export class ProgramBuffer {
  /** Address in the program. */
  readonly va: bigint;
  readonly bytes: bigint;
  readonly #process: Process;

  constructor(process: Process, va: bigint, bytes: bigint) {
    this.#process = process;
    this.va = va;
    this.bytes = bytes;
  }

  /** What the program reads. */
  read(offset: number, bytes: number): Uint8Array {
    return this.#process.addressSpace.peek(this.va + BigInt(offset), bytes);
  }

  /** The program writes. */
  write(offset: number, data: Uint8Array): void {
    this.#process.addressSpace.poke(this.va + BigInt(offset), data);
  }

  /**
   * Physical address of a byte: where DMA to it must arrive. Its page is pinned for a moment, so a private page becomes the program's own, as
   * a map makes it.
   * @throws RangeError for a byte outside
   */
  paOf(offset: number): bigint {
    const { addressSpace } = this.#process;
    const at = this.va + BigInt(offset);
    const pageBytes = BigInt(addressSpace.pageSize);
    const frames = new Float64Array(1);
    const isInside = offset >= 0 && BigInt(offset) < this.bytes;
    if (!isInside || addressSpace.pinPages(Number(at / pageBytes), 1, false, frames, 0) === 0) {
      throw new RangeError(`no page at offset ${offset} of a buffer of ${this.bytes} bytes`);
    }
    addressSpace.unpinPages(frames, 0, 1);
    return BigInt(frames[0]!) * BigInt(FRAME_BYTES) + (at % pageBytes);
  }
}
