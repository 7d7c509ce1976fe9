import { Access, hi32, lo32, NO_PASID, PhysicalMemory, write64 } from '@ioasis/core';
import { CQCSR, FQCSR, Register } from '../src/layouts/registers.js';
import { RiscvIommuUnit, type RiscvIommuOptions } from '../src/index.js';

const RAM_BYTES = 0x10_0000n;

/** Where things lie in the memory of a bare unit. */
export const At = {
  ddt: 0x1000n,
  context: 0x3000n,
  root: 0x4000n,
  middle: 0x5000n,
  leaf: 0x6000n,
  commands: 0x8000n,
  faults: 0x9000n,
} as const;

/** The device of these tests: directory index 1, context 5. */
export const DEVICE = (1 << 7) | 5;

/** A unit with memory and no driver. Words are written by hand, as the specification draws them. */
export class BareUnit {
  readonly memory = new PhysicalMemory({
    windows: [{ start: 0n, last: RAM_BYTES - 1n }],
    arena: { start: 0n, last: RAM_BYTES - 1n },
  });
  readonly unit: RiscvIommuUnit;
  interrupts = 0;
  #tail = 0;

  constructor(options: RiscvIommuOptions = {}) {
    this.unit = new RiscvIommuUnit({
      memory: this.memory,
      options: { mode: 'sv39', ...options },
      interrupt: () => {
        this.interrupts++;
      },
    });
  }

  word(address: bigint, ...values: readonly bigint[]): void {
    values.forEach((value, index) => {
      const at = address + BigInt(8 * index);
      this.memory.store64(hi32(at), lo32(at), hi32(value), lo32(value));
    });
  }

  readWord(address: bigint): bigint {
    const bytes = new Uint8Array(8);
    this.memory.read(address, bytes);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  /** A two-level directory with {@link DEVICE} on Sv39 tables, and one page: IOVA 0x40000000 leads to 0x7000. */
  translating(tc: bigint = 1n, leaf: bigint = 0x1cd7n): this {
    this.word(At.ddt + 8n, 0xc01n);
    this.word(At.context + 5n * 32n, tc, 0n, 0x5000n, (8n << 60n) | 4n);
    this.word(At.root + 8n, 0x1401n);
    this.word(At.middle, 0x1801n);
    this.word(At.leaf, leaf);
    write64(this.unit, Register.DDTP, 0x403n);
    return this;
  }

  /** Switches the fault queue (four records) and the command queue (four commands) on, with interrupts. */
  withQueues(): this {
    write64(this.unit, Register.FQB, 0x2401n);
    this.unit.write32(Register.FQCSR, Number(FQCSR.encode({ FQEN: 1, FIE: 1 })));
    write64(this.unit, Register.CQB, 0x2001n);
    this.unit.write32(Register.CQCSR, Number(CQCSR.encode({ CQEN: 1, CIE: 1 })));
    return this;
  }

  /** Puts a command into the queue. */
  command(low: bigint, high: bigint = 0n): void {
    this.word(At.commands + BigInt(this.#tail * 16), low, high);
    this.#tail = (this.#tail + 1) % 4;
    this.unit.write32(Register.CQT, this.#tail);
  }

  /** Where a request goes, or the name of its fault. */
  request(
    iova: bigint,
    access: number = Access.READ,
    deviceId: number = DEVICE,
    pasid: number = NO_PASID,
  ): bigint | string {
    const { translation } = this.unit;
    if (!this.unit.translate(deviceId, pasid, hi32(iova), lo32(iova), access)) return translation.fault?.name ?? '';
    return (BigInt(translation.paHi >>> 0) << 32n) | BigInt(translation.paLo >>> 0);
  }
}
