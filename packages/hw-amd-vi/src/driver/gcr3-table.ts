import { frameAddress, hi32, lo32, type FrameAllocator, type PhysicalMemory } from '@ioasis/core';
import { GCR3_ENTRY } from '../layouts/device-table-entry.js';

/** The GCR3 table of one device that has no PASIDs: one level, of which entry 0 is used (GIoV). */
export class Gcr3Table {
  /** DomainID that tags what caches keep of it: guest tables have one for each device. */
  readonly domainId: number;
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #frame: number;

  /** @param frame zeroed, and the table's from now on */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, frame: number, domainId: number) {
    this.#memory = memory;
    this.#frames = frames;
    this.#frame = frame;
    this.domainId = domainId;
  }

  /** Address of the table, bytes. */
  get address(): bigint {
    return frameAddress(this.#frame);
  }

  /** Points PASID 0 to a root table, or to nothing. */
  set(root: bigint | null): void {
    const entry = root === null ? 0n : GCR3_ENTRY.encode({ V: 1, BASE: root >> 12n });
    this.#memory.store64(hi32(this.address), lo32(this.address), hi32(entry), lo32(entry));
  }

  free(): void {
    this.#frames.free(this.#frame, 0);
  }
}
