import { type MmioWindow, type PhysicalMemory } from '@ioasis/core';

/** One store into the window: offset and value. */
export type MmioWrite = readonly [offset: number, value: number];

const GCMD = 0x18;
const GSTS = 0x1c;
const IQH = 0x80;
const IQT = 0x88;
const IQA = 0x90;
/** One-shot commands whose status is 0 again when they are done: write-buffer flush. */
const TRANSIENT = 0x0800_0000;

/**
 * A register window without a unit: registers keep what is written, status follows commands, and the wait descriptors in the queue
 * are answered when the driver lets time pass. Everything else that the driver does can be read from here and from memory.
 */
export class FakeUnit implements MmioWindow {
  readonly mmioBytes = 0x1000;
  readonly writes: MmioWrite[] = [];
  /** Descriptors that were fetched, waits left out, as `[q0, q1]`. */
  readonly commands: (readonly [bigint, bigint])[] = [];
  /** The wait descriptors. */
  readonly waits: (readonly [bigint, bigint])[] = [];
  /** Called for each descriptor; false: the queue stops there. */
  accepts: (q0: bigint) => boolean = () => true;
  readonly #memory: PhysicalMemory;
  readonly #words = new Int32Array(0x400);

  constructor(memory: PhysicalMemory, cap: bigint, ecap: bigint) {
    this.#memory = memory;
    this.set(0x08, cap);
    this.set(0x10, ecap);
    this.#words[0x38 >> 2] = 0x8000_0000 | 0;
  }

  /** A 64-bit register, from the hardware's side. */
  set(offset: number, value: bigint): void {
    this.#words[offset >> 2] = Number(BigInt.asIntN(32, value));
    this.#words[(offset >> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }

  read32(offset: number): number {
    return this.#words[offset >> 2]!;
  }

  write32(offset: number, value: number): void {
    this.writes.push([offset, value >>> 0]);
    if (offset === GCMD) this.#words[GSTS >> 2] = value & ~TRANSIENT;
    else if (offset === 0x34) this.#words[offset >> 2] = this.read32(offset) & ~value;
    else this.#words[offset >> 2] = value;
  }

  write64(offset: number, hi: number, lo: number): void {
    this.writes.push([offset, lo >>> 0]);
    this.#words[offset >> 2] = lo;
    this.#words[(offset >> 2) + 1] = hi;
  }

  /** Fetches descriptors up to the tail. */
  step(): void {
    const bytes = (this.read32(IQA) & 0x800) !== 0 ? 32 : 16;
    const base = (BigInt(this.read32(IQA + 4) >>> 0) << 32n) | BigInt(this.read32(IQA) >>> 0);
    while (this.read32(IQH) !== this.read32(IQT)) {
      const [q0, q1] = this.#load(((base >> 12n) << 12n) + BigInt(this.read32(IQH)));
      if (!this.accepts(q0)) return;
      if ((q0 & 0xfn) === 5n) {
        this.waits.push([q0, q1]);
        const data = new Uint8Array(4);
        new DataView(data.buffer).setUint32(0, Number(q0 >> 32n), true);
        this.#memory.write(q1, data);
      } else this.commands.push([q0, q1]);
      this.#words[IQH >> 2] = (this.read32(IQH) + bytes) % (256 * bytes);
    }
  }

  /** Commands since the last call. */
  take(): (readonly [bigint, bigint])[] {
    return this.commands.splice(0);
  }

  #load(at: bigint): [bigint, bigint] {
    const bytes = new Uint8Array(16);
    this.#memory.read(at, bytes);
    const view = new DataView(bytes.buffer);
    return [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  }
}
