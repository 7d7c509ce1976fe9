import { DTE_BYTES } from '../layouts/device-table-entry.js';
import { DEVICE_TABLE_SEGMENTS } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';

/** Where the device table lies: base and segment registers, decoded when they are written (48882 3.4.1, 3.4.12). */
export class DeviceTablePlace {
  /** After {@link locate} returned true: address of the entry, bytes. */
  entryHi = 0;
  entryLo = 0;
  readonly #capabilities: Capabilities;
  /** By segment: base address and number of entries. */
  readonly #baseHi: Int32Array = new Int32Array(DEVICE_TABLE_SEGMENTS + 1);
  readonly #baseLo: Int32Array = new Int32Array(DEVICE_TABLE_SEGMENTS + 1);
  readonly #entries: Int32Array = new Int32Array(DEVICE_TABLE_SEGMENTS + 1);
  #segmentBits = 0;

  constructor(capabilities: Capabilities) {
    this.#capabilities = capabilities;
  }

  /** Place of a segment from its register; 0 is the base register, which is also segment 0. */
  configure(segment: number, hi: number, lo: number): void {
    this.#baseHi[segment] = hi & 0xf_ffff;
    this.#baseLo[segment] = lo & ~0xfff;
    this.#entries[segment] = (((lo & (segment === 0 ? 0x1ff : 0xff)) + 1) * 4096) / DTE_BYTES;
  }

  /** Control.DevTblSegEn: the top bits of a DeviceID choose a segment. */
  enableSegments(bits: number): void {
    this.#segmentBits = Math.min(bits, this.#capabilities.segmentBits);
  }

  /** Finds the entry of a device. @returns false: its number is beyond the table */
  locate(deviceId: number): boolean {
    const indexBits = 16 - this.#segmentBits;
    const segment = deviceId >>> indexBits;
    const index = deviceId & ((1 << indexBits) - 1);
    if (index >= this.#entries[segment]!) return false;
    const low = (this.#baseLo[segment]! >>> 0) + index * DTE_BYTES;
    this.entryLo = low | 0;
    this.entryHi = (this.#baseHi[segment]! + (low >= 0x1_0000_0000 ? 1 : 0)) | 0;
    return true;
  }

  /** Power-on: one page at address 0, no segments. */
  reset(): void {
    this.#segmentBits = 0;
    for (let segment = 0; segment <= DEVICE_TABLE_SEGMENTS; segment++) this.configure(segment, 0, 0);
  }
}
