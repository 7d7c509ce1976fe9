import { Access, hi32, join64, lo32, NO_PASID, PhysicalMemory, read64, write64 } from '@ioasis/core';
import { AmdViUnit, type AmdViFault, type AmdViOptions, type InterruptSource } from '../../src/index.js';
import { Register } from '../../src/layouts/register-offsets.js';
import { CONTROL, type ControlField } from '../../src/layouts/registers.js';

export const { READ, WRITE, EXECUTE, PRIVILEGED, TRANSLATED, TRANSLATION_REQUEST } = Access;

/** Words of entries, from the fact sheet: DTE with V, TV, IR, IW; PDE and PTE with PR, IR, IW (and FC); guest PTE with P, RW, US. */
export const DTE_RW = 0x6000_0000_0000_0003n;
export const PDE_RW = 0x6000_0000_0000_0001n;
export const PTE_RW = 0x7000_0000_0000_0001n;
export const PTE_RO = 0x3000_0000_0000_0001n;
export const PTE_WO = 0x5000_0000_0000_0001n;
export const GUEST_RW = 0x67n;

/** Where the rig puts things. */
export const DEVICE_TABLE = 0x10_0000n;
export const COMMANDS = 0x40_0000n;
export const EVENTS = 0x41_0000n;
export const PPRS = 0x42_0000n;
const TABLES = 0x50_0000n;
/** No RAM here: accesses abort. */
export const HOLE = 0x9000_0000n;

const windows = [
  { start: 0n, last: 0x7fff_ffffn },
  { start: 0x1_0000_0000n, last: 0x1_7fff_ffffn },
];
const RING_256 = 8n << 56n;

/** What a request came to. */
export interface Answer {
  readonly pa: bigint | undefined;
  readonly rights: number;
  readonly pageShift: number;
  readonly fault: AmdViFault | undefined;
}

/** A unit with RAM and no driver: every word in memory and every register is the test's own. */
export class Rig {
  readonly memory: PhysicalMemory = new PhysicalMemory({ windows, arena: { start: 0n, last: 0x5f_ffffn } });
  readonly unit: AmdViUnit;
  readonly interrupts: InterruptSource[] = [];
  #nextTable = TABLES;
  #tail = 0;
  #read = 0;

  /** Device table of 512 entries, three rings of 256 entries, everything enabled. */
  constructor(options: AmdViOptions = { preset: 'zen-server' }) {
    this.unit = new AmdViUnit({
      memory: this.memory,
      options,
      interrupt: (source) => this.interrupts.push(source),
    });
    this.boot();
  }

  /** Registers as a driver's boot leaves them. */
  boot(): void {
    write64(this.unit, Register.DEVICE_TABLE_BASE, DEVICE_TABLE | 3n);
    write64(this.unit, Register.COMMAND_BUFFER_BASE, COMMANDS | RING_256);
    write64(this.unit, Register.EVENT_LOG_BASE, EVENTS | RING_256);
    write64(this.unit, Register.PPR_LOG_BASE, PPRS | RING_256);
    this.#tail = 0;
    this.#read = 0;
    this.control({
      IOMMU_EN: 1,
      CMD_BUF_EN: 1,
      EVENT_LOG_EN: 1,
      EVENT_INT_EN: 1,
      COM_WAIT_INT_EN: 1,
      GT_EN: 1,
      PPR_EN: 1,
      PPR_LOG_EN: 1,
      PPR_INT_EN: 1,
      INV_TIME_OUT: 4,
    });
  }

  /** Changes fields of the Control register. */
  control(fields: Partial<Record<ControlField, number>>): void {
    let value = read64(this.unit, Register.CONTROL);
    for (const field of Object.keys(fields) as ControlField[]) value &= ~CONTROL.mask(field);
    write64(this.unit, Register.CONTROL, value | CONTROL.encode(fields));
  }

  store(at: bigint, word: bigint): void {
    this.memory.store64(hi32(at), lo32(at), hi32(word), lo32(word));
  }

  load(at: bigint): bigint {
    this.memory.load64(hi32(at), lo32(at));
    return join64(this.memory.loadedHi, this.memory.loadedLo);
  }

  /** Writes a device table entry, four words, lowest first. */
  dte(deviceId: number, ...words: bigint[]): void {
    for (let word = 0; word < 4; word++) {
      this.store(DEVICE_TABLE + BigInt(deviceId * 32 + word * 8), words[word] ?? 0n);
    }
  }

  /** An empty frame for a table. */
  table(): bigint {
    this.#nextTable += 0x1000n;
    return this.#nextTable - 0x1000n;
  }

  /** A device on host tables of its own; returns the root. */
  hostDevice(deviceId: number, domainId: number, levels = 3, extra = 0n): bigint {
    const root = this.table();
    this.dte(deviceId, root | DTE_RW | (BigInt(levels) << 9n) | extra, BigInt(domainId));
    return root;
  }

  /**
   * Writes a leaf and the links above it, level by level, by the book.
   * @returns address of the leaf
   */
  mapHost(root: bigint, levels: number, iova: bigint, leaf: bigint, leafLevel = 1): bigint {
    let table = root;
    for (let level = levels; ; level--) {
      const index = (iova >> BigInt(12 + 9 * (level - 1))) & (level === 6 ? 0x7fn : 0x1ffn);
      const at = table + 8n * index;
      if (level === leafLevel) {
        this.store(at, leaf);
        return at;
      }
      let link = this.load(at);
      if ((link & 1n) === 0n) {
        link = this.table() | PDE_RW | (BigInt(level - 1) << 9n);
        this.store(at, link);
      }
      table = link & 0xf_ffff_ffff_f000n;
    }
  }

  /** The same for guest tables, whose pointers go through `reach` (identity: no host stage). */
  mapGuest(
    root: bigint,
    levels: number,
    iova: bigint,
    leaf: bigint,
    leafLevel = 1,
    reach: (gpa: bigint) => bigint = (gpa) => gpa,
  ): bigint {
    let table = root;
    for (let level = levels; ; level--) {
      const at = reach(table) + 8n * ((iova >> BigInt(12 + 9 * (level - 1))) & 0x1ffn);
      if (level === leafLevel) {
        this.store(at, leaf);
        return at;
      }
      let link = this.load(at);
      if ((link & 1n) === 0n) {
        link = this.table() | GUEST_RW;
        this.store(at, link);
      }
      table = link & 0xf_ffff_ffff_f000n;
    }
  }

  /** Puts a command into the ring and rings the doorbell. */
  command(low: bigint, high = 0n): void {
    const at = COMMANDS + BigInt(this.#tail);
    this.store(at, low);
    this.store(at + 8n, high);
    this.#tail = (this.#tail + 16) % 4096;
    write64(this.unit, Register.COMMAND_BUFFER_TAIL, BigInt(this.#tail));
  }

  /** Events since the last call, two words each, read as a driver reads them. */
  events(): [bigint, bigint][] {
    const events: [bigint, bigint][] = [];
    const tail = this.unit.read32(Register.EVENT_LOG_TAIL);
    for (; this.#read !== tail; this.#read = (this.#read + 16) % 4096) {
      const at = EVENTS + BigInt(this.#read);
      events.push([this.load(at), this.load(at + 8n)]);
    }
    write64(this.unit, Register.EVENT_LOG_HEAD, BigInt(this.#read));
    return events;
  }

  /** One request. */
  ask(deviceId: number, iova: bigint, access: number = READ, pasid: number = NO_PASID): Answer {
    const { translation } = this.unit;
    if (this.unit.translate(deviceId, pasid, hi32(iova), lo32(iova), access)) {
      const { paHi, paLo, permissions, pageShift } = translation;
      return { pa: join64(paHi, paLo), rights: permissions, pageShift, fault: undefined };
    }
    return { pa: undefined, rights: 0, pageShift: 0, fault: translation.fault as AmdViFault };
  }

  /** Where a request went; undefined: it was refused. */
  pa(deviceId: number, iova: bigint, access: number = READ, pasid: number = NO_PASID): bigint | undefined {
    return this.ask(deviceId, iova, access, pasid).pa;
  }
}

/* Commands as the fact sheet prints them. */
export const invalidateDevice = (deviceId: number): [bigint, bigint] => [(2n << 60n) | BigInt(deviceId), 0n];
/** @param pasid undefined: the host form */
export const invalidatePages = (
  domainId: number,
  address: bigint,
  flags: { s?: boolean; pde?: boolean; pasid?: number } = {},
): [bigint, bigint] => [
  (3n << 60n) | (BigInt(domainId) << 32n) | BigInt(flags.pasid ?? 0),
  address | (flags.s === true ? 1n : 0n) | (flags.pde === true ? 2n : 0n) | (flags.pasid === undefined ? 0n : 4n),
];
/** Address of "everything" under S. */
export const EVERYTHING = 0x7fff_ffff_ffff_f000n;
/** @param pasid undefined: requests without PASID */
export const invalidateIotlb = (deviceId: number, address: bigint, s = false, pasid?: number): [bigint, bigint] => [
  (4n << 60n) |
    BigInt(deviceId) |
    (pasid === undefined ? 0n : (BigInt(pasid >> 8) << 16n) | (BigInt(pasid & 0xff) << 48n)),
  address | (s ? 1n : 0n) | (pasid === undefined ? 0n : 4n),
];
export const INVALIDATE_ALL: [bigint, bigint] = [8n << 60n, 0n];
export const completionWait = (address: bigint, data: bigint, flags = 1n): [bigint, bigint] => [
  (1n << 60n) | address | flags,
  data,
];
