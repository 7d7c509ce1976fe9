import {
  frameAddress,
  hi32,
  lo32,
  write64,
  type FrameAllocator,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { DEVICE_TABLE_ENTRY, DTE_BYTES } from '../layouts/device-table-entry.js';
import { Register } from '../layouts/register-offsets.js';
import { DEVICE_TABLE_BASE } from '../layouts/registers.js';

const FRAME_ENTRIES = 4096 / DTE_BYTES;
/** Two buses, as on a small machine. */
const START_ORDER = 2;
/** Whole table: 65536 devices, 2 MiB. */
const MAX_ORDER = 9;

/** V and TV with neither right: everything is refused. IV without a table: interrupts are refused too. */
const BLOCKED_LOW: bigint = DEVICE_TABLE_ENTRY.encode({ V: 1, TV: 1 });
const BLOCKED_INTERRUPTS = 1n;

/** What a device table entry is to say. */
export interface DeviceTranslation {
  readonly root: bigint;
  readonly levels: number;
  readonly domainId: number;
  readonly tracksDirty: boolean;
}

/**
 * The driver's device table. A real one is sized at boot, when the firmware lists all devices; here devices are plugged later, so
 * the table grows with the highest DeviceID.
 */
export class DeviceTableWriter {
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #mmio: MmioWindow;
  #frame = -1;
  #order = 0;

  /** @throws RangeError without memory for the first table */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow) {
    this.#memory = memory;
    this.#frames = frames;
    this.#mmio = mmio;
    if (!this.#resize(START_ORDER)) throw new RangeError('amdVi: no memory for the device table');
  }

  /**
   * Makes room for a device.
   * @returns false: no memory. True with a new table in place: the caller invalidates everything
   */
  cover(deviceId: number): boolean {
    let order = this.#order;
    while (deviceId >= FRAME_ENTRIES << order && order < MAX_ORDER) order++;
    return order === this.#order || this.#resize(order);
  }

  /**
   * Lets a device use a domain. Three plain stores, upper half first, as Linux 6.12 writes: an entry that was already translating
   * is torn in between, until the invalidation that follows.
   */
  translate(deviceId: number, to: DeviceTranslation): void {
    const entry = DEVICE_TABLE_ENTRY.encode({
      V: 1,
      TV: 1,
      IR: 1,
      IW: 1,
      MODE: to.levels,
      ROOT: to.root >> 12n,
      HAD: to.tracksDirty ? 3 : 0,
      DOMAIN_ID: to.domainId,
    });
    const at = this.#entryAddress(deviceId);
    this.#store(at + 8n, (entry >> 64n) & 0xffff_ffff_ffff_ffffn);
    this.#store(at, BigInt.asUintN(64, entry));
  }

  /** Blocks a device: the first word, then the domain id. */
  block(deviceId: number): void {
    const at = this.#entryAddress(deviceId);
    this.#store(at, BLOCKED_LOW);
    this.#store(at + 8n, 0n);
  }

  /** Domain id that the entry has, 0 for none. */
  domainIdOf(deviceId: number): number {
    const bytes = new Uint8Array(2);
    this.#memory.read(this.#entryAddress(deviceId) + 8n, bytes);
    return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  }

  #entryAddress(deviceId: number): bigint {
    return frameAddress(this.#frame) + BigInt(deviceId * DTE_BYTES);
  }

  #store(at: bigint, value: bigint): void {
    this.#memory.store64(hi32(at), lo32(at), hi32(value), lo32(value));
  }

  #resize(order: number): boolean {
    const frame = this.#frames.allocate(order);
    if (frame < 0) return false;
    const oldFrame = this.#frame;
    const oldOrder = this.#order;
    let covered = 0;
    if (oldFrame >= 0) {
      const bytes = new Uint8Array(4096 << oldOrder);
      this.#memory.read(frameAddress(oldFrame), bytes);
      this.#memory.write(frameAddress(frame), bytes);
      covered = FRAME_ENTRIES << oldOrder;
    }
    this.#frame = frame;
    this.#order = order;
    for (let deviceId = covered; deviceId < FRAME_ENTRIES << order; deviceId++) {
      const at = this.#entryAddress(deviceId);
      this.#store(at, BLOCKED_LOW);
      this.#store(at + 16n, BLOCKED_INTERRUPTS);
    }
    const register = DEVICE_TABLE_BASE.encode({ BASE: frameAddress(frame) >> 12n, SIZE: (1 << order) - 1 });
    write64(this.#mmio, Register.DEVICE_TABLE_BASE, register);
    if (oldFrame >= 0) this.#frames.free(oldFrame, oldOrder);
    return true;
  }
}
