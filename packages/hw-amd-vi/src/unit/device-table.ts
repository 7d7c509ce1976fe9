import type { PhysicalMemory } from '@ioasis/core';
import { DTE_BYTES } from '../layouts/device-table-entry.js';
import { DEVICE_TABLE_SEGMENTS } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';
import { DeviceEntry } from './device-entry.js';

/** How many bits of an entry hardware reads at once; a writer may come in between two reads. */
export type DteFetchBits = 64 | 128 | 256;

/** Why an entry could not be read. */
export type DeviceTableMiss = 'beyond-table' | 'no-memory';

/** The device table in memory: base and segment registers, and how entries are fetched (48882 2.2.2, 3.4.12). */
export class DeviceTable {
  /** Where the last entry lies, bytes. */
  entryHi = 0;
  entryLo = 0;
  /** The last entry, as fetched. */
  readonly words: Int32Array = new Int32Array(DTE_BYTES / 4);
  /**
   * Called between two reads of one entry, with the number of 64-bit words read so far: a test steps the writer here to see torn
   * entries.
   */
  betweenReads: ((wordsRead: number) => void) | null = null;
  readonly #memory: PhysicalMemory;
  readonly #capabilities: Capabilities;
  readonly #fetchWords: number;
  /** By segment: base address and number of entries. */
  readonly #baseHi: Int32Array = new Int32Array(DEVICE_TABLE_SEGMENTS + 1);
  readonly #baseLo: Int32Array = new Int32Array(DEVICE_TABLE_SEGMENTS + 1);
  readonly #entries: Int32Array = new Int32Array(DEVICE_TABLE_SEGMENTS + 1);
  #segmentBits = 0;

  constructor(memory: PhysicalMemory, capabilities: Capabilities, fetchBits: DteFetchBits) {
    this.#memory = memory;
    this.#capabilities = capabilities;
    this.#fetchWords = fetchBits / 64;
  }

  /** Place of a segment (0: the table without segmentation), from its register. */
  configure(segment: number, hi: number, lo: number): void {
    this.#baseHi[segment] = hi & 0xf_ffff;
    this.#baseLo[segment] = lo & ~0xfff;
    this.#entries[segment] = (((lo & (segment === 0 ? 0x1ff : 0xff)) + 1) * 4096) / DTE_BYTES;
  }

  /** Control.DevTblSegEn: the top bits of a DeviceID choose a segment. */
  enableSegments(bits: number): void {
    this.#segmentBits = Math.min(bits, this.#capabilities.segmentBits);
  }

  /** Fetches and decodes the entry of a device. */
  fetch(deviceId: number): DeviceEntry | DeviceTableMiss {
    const indexBits = 16 - this.#segmentBits;
    const segment = deviceId >>> indexBits;
    const index = deviceId & ((1 << indexBits) - 1);
    if (index >= this.#entries[segment]!) return 'beyond-table';
    const low = (this.#baseLo[segment]! >>> 0) + index * DTE_BYTES;
    this.entryLo = low | 0;
    this.entryHi = (this.#baseHi[segment]! + (low >= 0x1_0000_0000 ? 1 : 0)) | 0;
    for (let word = 0; word < DTE_BYTES / 8; word++) {
      if (word > 0 && word % this.#fetchWords === 0 && this.betweenReads !== null) this.betweenReads(word);
      if (!this.#memory.load64(this.entryHi, this.entryLo + word * 8)) return 'no-memory';
      this.words[2 * word] = this.#memory.loadedLo;
      this.words[2 * word + 1] = this.#memory.loadedHi;
    }
    return new DeviceEntry(this.words, this.#capabilities);
  }
}
