import type { MmioWindow } from './mmio.js';

/**
 * One register as a datasheet prints it. Bits that no mask names are read-only: they read `reset` until the unit changes them, and
 * reserved bits read 0. Masks are bigints because they are read once, at load.
 */
export interface RegisterDefinition {
  readonly name: string;
  /** Byte offset in the window; a multiple of 4 (of 8 where the bus must see both halves at once). */
  readonly offset: number;
  readonly bytes: 4 | 8;
  /** Value after reset; 0 when absent. */
  readonly reset?: bigint;
  /** Bits that software writes and reads back. */
  readonly rw?: bigint;
  /** Bits that a written 1 clears. */
  readonly w1c?: bigint;
  /** Bits that software writes and never reads back (they read 0); the unit sees them in the write hook. */
  readonly wo?: bigint;
  /** Bits that take the first write after reset and are read-only from then on. */
  readonly once?: bigint;
  /** Number that {@link RegisterSink.registerWritten} gets after each write to the register; absent: writes have no side effect. */
  readonly hook?: number;
}

/** A second window on registers, e.g. a page that repeats another one. */
export interface RegisterAlias {
  /** First byte of the repeated piece. */
  readonly offset: number;
  /** First byte of the registers that it shows. */
  readonly of: number;
  readonly bytes: number;
}

/** The unit behind a register file. `hook` is the unit's own closed numbering: a `switch` answers it. */
export interface RegisterSink {
  /**
   * Software wrote a register. Called once per register and bus access, after the stored bits changed; what was on the bus is in
   * {@link RegisterFile.writtenHi} and {@link RegisterFile.writtenLo}, bits of a half that was not written being 0.
   */
  registerWritten(hook: number): void;
}

const NO_HOOK = -1;

/**
 * Registers of a unit with their access rules as data. Software comes in through {@link MmioWindow}; the unit itself reads and writes
 * with {@link get} and {@link set}, which no rule limits.
 */
export class RegisterFile implements MmioWindow {
  readonly mmioBytes: number;
  /** The bus value of the write that is being reported. */
  writtenHi = 0;
  writtenLo = 0;
  /** Which halves of the register the write reached: bit 0 the lower, bit 1 the upper. */
  writtenHalves = 0;

  readonly #values: Int32Array;
  readonly #resets: Int32Array;
  readonly #rw: Int32Array;
  readonly #w1c: Int32Array;
  readonly #once: Int32Array;
  readonly #latched: Uint8Array;
  readonly #hooks: Int32Array;
  /** First slot of the register that a slot belongs to: both halves of one register latch together. */
  readonly #owners: Int32Array;
  /** Slot of each word of the window: registers are few, windows of 128 KiB are not. Slot 0 is what no register has. */
  readonly #slots: Uint16Array;
  readonly #sink: RegisterSink;

  /**
   * Two registers on the same bytes, a field mask wider than its register, or two rules for one bit are bugs of the table and throw.
   * @param mmioBytes size of the window
   */
  constructor(
    mmioBytes: number,
    definitions: readonly RegisterDefinition[],
    sink: RegisterSink,
    aliases: readonly RegisterAlias[] = [],
  ) {
    const slots = definitions.reduce((sum, { bytes }) => sum + bytes / 4, 1);
    this.mmioBytes = mmioBytes;
    this.#sink = sink;
    this.#values = new Int32Array(slots);
    this.#resets = new Int32Array(slots);
    this.#rw = new Int32Array(slots);
    this.#w1c = new Int32Array(slots);
    this.#once = new Int32Array(slots);
    this.#latched = new Uint8Array(slots);
    this.#hooks = new Int32Array(slots).fill(NO_HOOK);
    this.#owners = new Int32Array(slots);
    this.#slots = new Uint16Array(mmioBytes / 4);
    const taken: string[] = [''];
    for (const definition of definitions) this.#define(definition, taken);
    for (const alias of aliases) {
      for (let byte = 0; byte < alias.bytes; byte += 4) {
        this.#slots[(alias.offset + byte) >> 2] = this.#slots[(alias.of + byte) >> 2]!;
      }
    }
    this.reset();
  }

  /** Power-on values; write-once bits open again. No hook is called. */
  reset(): void {
    this.#values.set(this.#resets);
    this.#latched.fill(0);
  }

  /** The stored word at a byte offset, as the unit sees it. */
  get(offset: number): number {
    return this.#values[this.#slots[offset >> 2]!]!;
  }

  /** Stores a word without access rules or hooks. @throws RangeError where no register is: a bug of the unit */
  set(offset: number, value: number): void {
    const slot = this.#slots[offset >> 2]!;
    if (slot === 0) throw new RangeError(`no register is at 0x${offset.toString(16)}`);
    this.#values[slot] = value;
  }

  /** As {@link MmioWindow.read32}. */
  read32(offset: number): number {
    const slot = this.#slotAt(offset);
    return slot < 0 ? 0 : this.#values[slot]!;
  }

  /** As {@link MmioWindow.write32}; writable and write-1-to-clear bits follow the declaration. */
  write32(offset: number, value: number): void {
    const slot = this.#slotAt(offset);
    if (slot < 0) return;
    const upper = this.#owners[slot] !== slot;
    this.writtenHi = upper ? value : 0;
    this.writtenLo = upper ? 0 : value;
    this.writtenHalves = upper ? 2 : 1;
    this.#store(slot, value);
    this.#latch(slot);
    const hook = this.#hooks[slot]!;
    if (hook !== NO_HOOK) this.#sink.registerWritten(hook);
  }

  write64(offset: number, hi: number, lo: number): void {
    const low = this.#slotAt(offset);
    const high = this.#slotAt(offset + 4);
    if (low < 0 || high < 0 || this.#owners[high] !== low) {
      // Two registers (or one and a gap) side by side: the bus access reaches each of them.
      this.write32(offset, lo);
      this.write32(offset + 4, hi);
      return;
    }
    this.writtenHi = hi;
    this.writtenLo = lo;
    this.writtenHalves = 3;
    this.#store(low, lo);
    this.#store(high, hi);
    this.#latch(low);
    const hook = this.#hooks[low]!;
    if (hook !== NO_HOOK) this.#sink.registerWritten(hook);
  }

  #slotAt(offset: number): number {
    if ((offset & 3) !== 0 || offset < 0 || offset >= this.mmioBytes) return -1;
    return this.#slots[offset >> 2]!;
  }

  #store(slot: number, value: number): void {
    let writable = this.#rw[slot]!;
    if (this.#latched[this.#owners[slot]!] === 0) writable |= this.#once[slot]!;
    const kept = this.#values[slot]! & ~writable & ~(value & this.#w1c[slot]!);
    this.#values[slot] = kept | (value & writable);
  }

  #latch(slot: number): void {
    this.#latched[this.#owners[slot]!] = 1;
  }

  #define(definition: RegisterDefinition, taken: string[]): void {
    const { name, offset, bytes, reset = 0n, rw = 0n, w1c = 0n, wo = 0n, once = 0n, hook = NO_HOOK } = definition;
    if (offset % 4 !== 0 || offset < 0 || offset + bytes > this.mmioBytes) {
      throw new RangeError(`${name}: offset 0x${offset.toString(16)} is not a word inside the window`);
    }
    const rules = [rw, w1c, wo, once];
    for (const [index, mask] of rules.entries()) {
      if (BigInt.asUintN(bytes * 8, mask) !== mask) throw new RangeError(`${name}: a mask is wider than the register`);
      if (rules.some((other, at) => at > index && (other & mask) !== 0n))
        throw new RangeError(`${name}: a bit has two rules`);
    }
    for (let byte = 0; byte < bytes; byte += 4) {
      const word = (offset + byte) >> 2;
      const shift = BigInt(byte * 8);
      const other = this.#slots[word]!;
      if (other !== 0) throw new RangeError(`${name} and ${taken[other]} overlap at 0x${(word * 4).toString(16)}`);
      const slot = taken.push(name) - 1;
      this.#slots[word] = slot;
      this.#resets[slot] = Number(BigInt.asIntN(32, reset >> shift));
      this.#rw[slot] = Number(BigInt.asIntN(32, rw >> shift));
      this.#w1c[slot] = Number(BigInt.asIntN(32, w1c >> shift));
      this.#once[slot] = Number(BigInt.asIntN(32, once >> shift));
      this.#hooks[slot] = hook;
      this.#owners[slot] = slot - byte / 4;
    }
  }
}
