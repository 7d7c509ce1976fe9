import { frameAddress, hi32, join64, lo32, type FrameAllocator, type PhysicalMemory } from '@ioasis/core';

const FRAME_BYTES = 4096;

/**
 * Memory for structures and queues that the CPU shares with the unit, as Linux's `dma_alloc_coherent` gives it: where the unit does not
 * snoop the CPU's caches, no store stays in them.
 */
export class SharedMemory {
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #isCoherent: boolean;

  /** @param isCoherent whether the unit snoops (IDR0.COHACC) */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, isCoherent: boolean) {
    this.#memory = memory;
    this.#frames = frames;
    this.#isCoherent = isCoherent;
  }

  /** 2^order zeroed frames. @returns the address of the first byte, or undefined without memory */
  allocate(order: number): bigint | undefined {
    const frame = this.#frames.allocate(order);
    if (frame < 0) return undefined;
    const address = frameAddress(frame);
    this.flush(hi32(address), lo32(address), FRAME_BYTES << order);
    return address;
  }

  /** Gives frames of {@link allocate} back. */
  free(address: bigint, order: number): void {
    this.#frames.free(Number(address >> 12n), order);
  }

  /** The aligned 64-bit word at `address`. */
  load64(address: bigint): bigint {
    const memory = this.#memory;
    memory.load64(hi32(address), lo32(address));
    return join64(memory.loadedHi, memory.loadedLo);
  }

  store64(address: bigint, value: bigint): void {
    const hi = hi32(address);
    const lo = lo32(address);
    this.#memory.store64(hi, lo, hi32(value), lo32(value));
    this.flush(hi, lo, 8);
  }

  /** `[pa, pa + bytes)` was written: the lines go back to memory, where the unit does not snoop. */
  flush(paHi: number, paLo: number, bytes: number): void {
    if (!this.#isCoherent) this.#memory.lineCache?.flush(paHi, paLo, bytes);
  }
}
