import {
  frameAddress,
  hi32,
  join64,
  lo32,
  write64,
  type FrameAllocator,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { DEVICE_TABLE_ENTRY, DTE_BYTES, GuestPagingMode } from '../layouts/device-table-entry.js';
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
/** Bits [41:32] of the second word stay when a device is blocked: what an operator or the firmware asked for (I, SE, SA ...). */
const KEPT_WHEN_BLOCKED = 0x3ff_0000_0000n;
const HAD: bigint = DEVICE_TABLE_ENTRY.encode({ HAD: 3 });
const FIVE_LEVELS: bigint = DEVICE_TABLE_ENTRY.encode({ GUEST_PAGING_MODE: GuestPagingMode.FIVE_LEVEL }) >> 128n;
const WORD = 0xffff_ffff_ffff_ffffn;

/** What a device table entry is to say: a domain's host tables, or a device's guest tables. */
export type DeviceTranslation =
  | {
      readonly kind: 'host';
      readonly domainId: number;
      readonly root: bigint;
      readonly levels: number;
      readonly tracksDirty: boolean;
    }
  | {
      readonly kind: 'guest';
      readonly domainId: number;
      /** GCR3 table of one level. */
      readonly gcr3: bigint;
      /** Levels of the guest tables, 4 or 5. */
      readonly levels: number;
    };

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
   * Lets a device use a domain. Plain stores of 64 bits, as Linux 6.12 writes: the guest level first, then the upper word with the
   * DomainID, then the lower one. An entry that was already translating is torn in between, until the invalidation that follows.
   */
  translate(deviceId: number, to: DeviceTranslation): void {
    const at = this.#entryAddress(deviceId);
    const entry = entryOf(to);
    if (to.kind === 'guest' && to.levels === 5) this.#store(at + 16n, this.#load(at + 16n) | FIVE_LEVELS);
    this.#store(at + 8n, (this.#load(at + 8n) & KEPT_WHEN_BLOCKED) | (entry >> 64n));
    this.#store(at, entry & WORD);
  }

  /** Blocks a device: the first word, then the domain. */
  block(deviceId: number): void {
    const at = this.#entryAddress(deviceId);
    this.#store(at, BLOCKED_LOW);
    this.#store(at + 8n, this.#load(at + 8n) & KEPT_WHEN_BLOCKED);
  }

  /** Sets or clears DTE.HAD, and nothing else. */
  setTracking(deviceId: number, enabled: boolean): void {
    const at = this.#entryAddress(deviceId);
    const word = this.#load(at);
    this.#store(at, enabled ? word | HAD : word & ~HAD);
  }

  /** Domain id that the entry has, 0 for none. */
  domainIdOf(deviceId: number): number {
    return Number(this.#load(this.#entryAddress(deviceId) + 8n) & 0xffffn);
  }

  #entryAddress(deviceId: number): bigint {
    return frameAddress(this.#frame) + BigInt(deviceId * DTE_BYTES);
  }

  #store(at: bigint, value: bigint): void {
    this.#memory.store64(hi32(at), lo32(at), hi32(value), lo32(value));
  }

  #load(at: bigint): bigint {
    this.#memory.load64(hi32(at), lo32(at));
    return join64(this.#memory.loadedHi, this.#memory.loadedLo);
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

/** The lower two words of an entry. */
function entryOf(to: DeviceTranslation): bigint {
  const common = { V: 1, TV: 1, IR: 1, IW: 1, DOMAIN_ID: to.domainId };
  if (to.kind === 'host') {
    const { root, levels, tracksDirty } = to;
    return DEVICE_TABLE_ENTRY.encode({ ...common, MODE: levels, ROOT: root >> 12n, HAD: tracksDirty ? 3 : 0 });
  }
  const { gcr3 } = to;
  return DEVICE_TABLE_ENTRY.encode({
    ...common,
    GV: 1,
    GIOV: 1,
    GCR3_14_12: (gcr3 >> 12n) & 7n,
    GCR3_30_15: (gcr3 >> 15n) & 0xffffn,
    GCR3_51_31: gcr3 >> 31n,
  });
}
