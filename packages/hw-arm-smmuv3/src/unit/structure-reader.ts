import type { PhysicalMemory } from '@ioasis/core';

/** Reads STEs and CDs into 32-bit words, 64 bits at a time: that is all the atomicity that hardware promises (IHI 0070 3.21.3). */
export class StructureReader {
  /** The structure read last, 512 bits. */
  readonly words: Int32Array = new Int32Array(16);
  /** Where it lies, bytes. */
  addressHi = 0;
  addressLo = 0;
  /** Called between two reads of one structure with the number of 64-bit words read so far: a test steps the writer here. */
  betweenReads: ((wordsRead: number) => void) | null = null;
  /** Told of each structure that was read, with its size in bytes. */
  visitor: ((bytes: number) => void) | null = null;
  readonly #memory: PhysicalMemory;
  readonly #isCoherent: boolean;

  /** @param isCoherent whether reads snoop the CPU's caches (IDR0.COHACC) */
  constructor(memory: PhysicalMemory, isCoherent: boolean) {
    this.#memory = memory;
    this.#isCoherent = isCoherent;
  }

  /** Reads `bytes` at entry `index` of a table of such entries; false: no memory there. */
  read(tableHi: number, tableLo: number, index: number, bytes: number): boolean {
    const low = (tableLo >>> 0) + index * bytes;
    this.addressLo = low | 0;
    this.addressHi = (tableHi + Math.floor(low / 0x1_0000_0000)) | 0;
    const memory = this.#memory;
    const lines = this.#isCoherent ? null : memory.lineCache;
    for (let word = 0; word < bytes / 8; word++) {
      if (word > 0 && this.betweenReads !== null) this.betweenReads(word);
      const lo = (this.addressLo + word * 8) | 0;
      if (!(lines === null ? memory.load64(this.addressHi, lo) : lines.deviceLoad64(this.addressHi, lo))) return false;
      const { loadedHi, loadedLo } = lines ?? memory;
      this.words[2 * word] = loadedLo;
      this.words[2 * word + 1] = loadedHi;
    }
    if (this.visitor !== null) this.visitor(bytes);
    return true;
  }
}
