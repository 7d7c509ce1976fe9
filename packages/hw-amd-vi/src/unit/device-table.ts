import type { PhysicalMemory } from '@ioasis/core';
import { DTE_BYTES } from '../layouts/device-table-entry.js';
import type { Capabilities } from './capabilities.js';
import { DeviceEntry } from './device-entry.js';
import type { DeviceTablePlace } from './device-table-place.js';

/** How many bits of an entry hardware reads at once; a writer may come in between two reads. */
export type DteFetchBits = 64 | 128 | 256;

/** Why an entry could not be read. */
export type DeviceTableMiss = 'beyond-table' | 'no-memory';

/** Reads device table entries from memory (48882 2.2.2). */
export class DeviceTable {
  /** The last entry, as fetched, 32-bit words, lowest first. */
  readonly words: Int32Array = new Int32Array(DTE_BYTES / 4);
  /**
   * Called between two reads of one entry, with the number of 64-bit words read so far: a test steps the writer here to see torn
   * entries.
   */
  betweenReads: ((wordsRead: number) => void) | null = null;
  /** Told of each entry that was read. */
  visitor: ((table: DeviceTable) => void) | null = null;
  readonly place: DeviceTablePlace;
  readonly #memory: PhysicalMemory;
  readonly #capabilities: Capabilities;
  readonly #fetchWords: number;

  constructor(memory: PhysicalMemory, capabilities: Capabilities, place: DeviceTablePlace, fetchBits: DteFetchBits) {
    this.#memory = memory;
    this.#capabilities = capabilities;
    this.place = place;
    this.#fetchWords = fetchBits / 64;
  }

  /** Fetches and decodes the entry of a device. */
  fetch(deviceId: number): DeviceEntry | DeviceTableMiss {
    const { place, words } = this;
    if (!place.locate(deviceId)) return 'beyond-table';
    for (let word = 0; word < DTE_BYTES / 8; word++) {
      if (word > 0 && word % this.#fetchWords === 0 && this.betweenReads !== null) this.betweenReads(word);
      if (!this.#memory.load64(place.entryHi, place.entryLo + word * 8)) return 'no-memory';
      words[2 * word] = this.#memory.loadedLo;
      words[2 * word + 1] = this.#memory.loadedHi;
    }
    if (this.visitor !== null) this.visitor(this);
    return new DeviceEntry(words, this.#capabilities);
  }
}
