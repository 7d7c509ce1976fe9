import type { PhysicalMemory, WordLayout } from '@ioasis/core';

/** Told of each structure that was read; the reader's fields say where it lies and what is in it. */
export type StructureVisitor = (layout: WordLayout<string>, reader: StructureReader) => void;

/** Reads root, context and PASID structures and queue entries into 32-bit words. */
export class StructureReader {
  /** The structure read last; the largest has 512 bits. */
  readonly words: Int32Array = new Int32Array(16);
  /** Where it lies, bytes. */
  addressHi = 0;
  addressLo = 0;
  visitor: StructureVisitor | null = null;
  /** False: reads do not snoop the CPU's caches. */
  isCoherent = true;
  readonly #memory: PhysicalMemory;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /**
   * Reads entry `index` of a table of such structures.
   * @returns false: no memory there
   */
  read(tableHi: number, tableLo: number, index: number, layout: WordLayout<string>): boolean {
    const memory = this.#memory;
    const lines = this.isCoherent ? null : memory.lineCache;
    const bytes = layout.bits / 8;
    // Tables are page-aligned and shorter than 4 GiB: an entry may lie behind the next 4 GiB boundary, its words do not cross it.
    const low = (tableLo >>> 0) + index * bytes;
    this.addressLo = low | 0;
    this.addressHi = (tableHi + (low >= 0x1_0000_0000 ? 1 : 0)) | 0;
    for (let word = 0; word < bytes / 4; word += 2) {
      const lo = (this.addressLo + word * 4) | 0;
      if (!(lines === null ? memory.load64(this.addressHi, lo) : lines.deviceLoad64(this.addressHi, lo))) return false;
      const { loadedHi, loadedLo } = lines ?? memory;
      this.words[word] = loadedLo;
      this.words[word + 1] = loadedHi;
    }
    if (this.visitor !== null) this.visitor(layout, this);
    return true;
  }
}
