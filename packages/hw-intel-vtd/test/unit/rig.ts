import { Access, hi32, hex, lo32, NO_PASID, PhysicalMemory, read64, write64 } from '@ioasis/core';
import { VtdUnit, type VtdOptions } from '../../src/index.js';
import type { MessageSink } from '../../src/index.js';

const MIB = 0x10_0000n;

/** One PASID entry to write, as 64-bit words. */
export interface PasidWords {
  readonly q0: bigint;
  readonly q1?: bigint;
  readonly q2?: bigint;
}

/**
 * A unit with structures and tables written by hand, from the fact sheet's bit positions and not by any driver. Pages come from a
 * bump pointer; nothing is invalidated unless a test says so.
 */
export class VtdRig {
  readonly memory: PhysicalMemory;
  readonly unit: VtdUnit;
  readonly messages: [address: bigint, data: number][] = [];
  readonly root = 0x10_0000n;
  readonly queue = 0x11_0000n;
  #next = 0x20_0000n;
  #tail = 0;
  #wide = false;
  readonly #contextTables = new Map<string, bigint>();

  constructor(options: VtdOptions = {}) {
    this.memory = new PhysicalMemory({
      windows: [
        { start: 0n, last: 64n * MIB - 1n },
        { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn },
      ],
      arena: { start: 0n, last: 64n * MIB - 1n },
    });
    const interrupts: MessageSink = (hi, lo, data) =>
      this.messages.push([(BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0), data]);
    this.unit = new VtdUnit({ memory: this.memory, options, interrupts });
  }

  /** A zeroed page. */
  page(): bigint {
    const at = this.#next;
    this.#next += 0x1000n;
    return at;
  }

  store(at: bigint, ...words: bigint[]): void {
    const bytes = new DataView(new ArrayBuffer(words.length * 8));
    words.forEach((word, index) => bytes.setBigUint64(index * 8, BigInt.asUintN(64, word), true));
    this.memory.write(at, new Uint8Array(bytes.buffer));
  }

  load(at: bigint): bigint {
    this.memory.load64(hi32(at), lo32(at));
    return (BigInt(this.memory.loadedHi >>> 0) << 32n) | BigInt(this.memory.loadedLo >>> 0);
  }

  register(offset: number): bigint {
    return read64(this.unit, offset);
  }

  write(offset: number, value: bigint): void {
    write64(this.unit, offset, value);
  }

  /** Address of a requester's legacy context entry; makes the root entry. */
  contextAt(requester: number): bigint {
    return (
      this.#contextTable(`${requester >> 8}`, this.root + BigInt(requester >> 8) * 16n) + BigInt(requester & 0xff) * 16n
    );
  }

  /** Address of a requester's scalable context entry; makes its half of the root entry. */
  scalableContextAt(requester: number): bigint {
    const upper = (requester & 0x80) !== 0;
    const slot = this.root + BigInt(requester >> 8) * 16n + (upper ? 8n : 0n);
    return this.#contextTable(`${requester >> 8}${upper}`, slot) + BigInt(requester & 0x7f) * 32n;
  }

  #contextTable(key: string, slot: bigint): bigint {
    let table = this.#contextTables.get(key);
    if (table === undefined) {
      table = this.page();
      this.#contextTables.set(key, table);
      this.store(slot, table | 1n);
    }
    return table;
  }

  /** Legacy context: four levels unless `aw` says otherwise. @returns the root table */
  context(requester: number, domain: number, { aw = 2n, low = 0n, root = this.page() } = {}): bigint {
    this.store(this.contextAt(requester), root | 1n | low, (BigInt(domain) << 8n) | aw);
    return root;
  }

  /** Scalable context with a directory of 512 entries. @returns the directory */
  scalableContext(requester: number, { low = 0n, high = 0n, directory = this.page() } = {}): bigint {
    this.store(this.scalableContextAt(requester), directory | 1n | low, high, 0n, 0n);
    return directory;
  }

  /** Address of a PASID's entry below a directory. */
  pasidAt(directory: bigint, pasid: number): bigint {
    const slot = directory + BigInt(pasid >> 6) * 8n;
    if ((this.load(slot) & 1n) === 0n) this.store(slot, this.page() | 1n);
    return (this.load(slot) & ~0xfffn) + BigInt(pasid & 63) * 64n;
  }

  pasid(directory: bigint, pasid: number, { q0, q1 = 0n, q2 = 0n }: PasidWords): void {
    this.store(this.pasidAt(directory, pasid), q0, q1, q2, 0n, 0n, 0n, 0n, 0n);
  }

  /** Address of the entry for `iova` at `level` (1 = smallest pages), making tables with `link` bits on the way. */
  entryAt(root: bigint, levels: number, iova: bigint, level: number, link = 3n, base = 0n): bigint {
    let table = root;
    for (let at = levels; ; at--) {
      const slot = base + table + ((iova >> BigInt(3 + 9 * at)) & 511n) * 8n;
      if (at === level) return slot;
      if (this.load(slot) === 0n) this.store(slot, (this.page() - base) | link);
      table = this.load(slot) & 0x000f_ffff_ffff_f000n;
    }
  }

  /** Second-stage page of 2^(3 + 9 * level) bytes. */
  map(root: bigint, iova: bigint, entry: bigint, { levels = 4, level = 1 } = {}): bigint {
    const at = this.entryAt(root, levels, iova, level);
    this.store(at, entry);
    return at;
  }

  /** First-stage page; tables are writable user tables. */
  mapFirst(root: bigint, iova: bigint, entry: bigint, { levels = 4, level = 1, base = 0n } = {}): bigint {
    const at = this.entryAt(root, levels, iova, level, 7n, base);
    this.store(at, entry);
    return at;
  }

  /** Latches the root with a table mode and switches translation on; with a queue of 256-bit descriptors in scalable mode. */
  enable(mode: 'legacy' | 'scalable' | 'reserved' | 'abort' = 'legacy', { queue = true } = {}): this {
    const modes = { legacy: 0n, scalable: 1n, reserved: 2n, abort: 3n };
    this.write(0x20, this.root | (modes[mode] << 10n));
    this.unit.write32(0x18, 0x4000_0000);
    if (queue) {
      this.#wide = mode === 'scalable';
      this.write(0x88, 0n);
      this.write(0x90, this.queue | (this.#wide ? 0x801n : 0n));
      this.unit.write32(0x18, 0x0400_0000);
    }
    this.unit.write32(0x18, queue ? 0x8400_0000 | 0 : 0x8000_0000 | 0);
    return this;
  }

  /** Puts descriptors into the queue and rings its doorbell once. */
  submit(...descriptors: (readonly [q0: bigint, q1: bigint])[]): void {
    const bytes = this.#wide ? 32 : 16;
    for (const [q0, q1] of descriptors) {
      const at = this.queue + BigInt(this.#tail);
      this.store(at, q0, q1);
      if (this.#wide) this.store(at + 16n, 0n, 0n);
      this.#tail = (this.#tail + bytes) % 4096;
    }
    this.write(0x88, BigInt(this.#tail));
  }

  /** What becomes of a request: `0x...` of its address, or the name of its fault. */
  ask(requester: number, iova: bigint, access: number = Access.READ, pasid: number = NO_PASID): string {
    const { unit } = this;
    if (!unit.translate(requester, pasid, hi32(iova), lo32(iova), access)) return unit.translation.fault!.name;
    return hex((BigInt(unit.translation.paHi >>> 0) << 32n) | BigInt(unit.translation.paLo >>> 0));
  }
}
