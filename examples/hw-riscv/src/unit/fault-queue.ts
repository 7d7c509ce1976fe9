import {
  hi32,
  lo32,
  QueueRing,
  read64,
  type HardwareFault,
  type PhysicalMemory,
  type RegisterFile,
} from '@ioasis/core';
import { FAULT_BYTES } from '../layouts/fault-record.js';
import { FQCSR, IPSR, QUEUE_BASE, Register } from '../layouts/registers.js';

const FQEN = Number(FQCSR.mask('FQEN'));
const FIE = Number(FQCSR.mask('FIE'));
const FQMF = Number(FQCSR.mask('FQMF'));
const FQOF = Number(FQCSR.mask('FQOF'));
const FQON = Number(FQCSR.mask('FQON'));
const FIP = Number(IPSR.mask('FIP'));

/** The unit's end of the fault queue. */
export class FaultQueue {
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #interrupt: () => void;
  readonly #ring = new QueueRing(FAULT_BYTES, 'gap');

  constructor(memory: PhysicalMemory, registers: RegisterFile, interrupt: () => void) {
    this.#memory = memory;
    this.#registers = registers;
    this.#interrupt = interrupt;
  }

  /** fqb was written. */
  configure(): void {
    const base = read64(this.#registers, Register.FQB);
    const address = QUEUE_BASE.get(base, 'PPN') << 12n;
    this.#ring.configure(hi32(address), lo32(address), Number(QUEUE_BASE.get(base, 'LOG2SZ_1')) + 1);
  }

  /** fqcsr was written: switching on empties the queue. */
  control(): void {
    const csr = this.#registers.get(Register.FQCSR);
    const isOn = (csr & FQON) !== 0;
    if ((csr & FQEN) !== 0 && !isOn) {
      this.#ring.tail = 0;
      this.#registers.set(Register.FQT, 0);
      this.#registers.set(Register.FQCSR, (csr | FQON) & ~(FQMF | FQOF));
    } else if ((csr & FQEN) === 0 && isOn) this.#registers.set(Register.FQCSR, csr & ~FQON);
  }

  /** fqh was written: only the bits of an index are. */
  moveHead(): void {
    this.#registers.set(Register.FQH, this.#registers.get(Register.FQH) & (2 ** this.#ring.sizeLog2 - 1));
  }

  /** Appends a record of four words, unless the queue is off, in error or full. */
  append(record: readonly bigint[]): HardwareFault['recorded'] {
    const csr = this.#registers.get(Register.FQCSR);
    if ((csr & FQON) === 0) return 'disabled';
    if ((csr & (FQMF | FQOF)) !== 0) return 'overflow';
    const ring = this.#ring;
    ring.head = this.#registers.get(Register.FQH);
    if (ring.isFull) return this.#stop(FQOF);
    ring.locate(ring.tail);
    const address = (BigInt(ring.entryHi >>> 0) << 32n) | BigInt(ring.entryLo >>> 0);
    const bytes = new Uint8Array(FAULT_BYTES);
    const view = new DataView(bytes.buffer);
    record.forEach((word, index) => view.setBigUint64(8 * index, word, true));
    this.#memory.deviceWriting = true;
    const isWritten = this.#memory.write(address, bytes);
    this.#memory.deviceWriting = false;
    if (!isWritten) return this.#stop(FQMF);
    ring.advanceTail();
    this.#registers.set(Register.FQT, ring.tail);
    this.#raise();
    return 'recorded';
  }

  #stop(error: number): 'overflow' {
    this.#registers.set(Register.FQCSR, this.#registers.get(Register.FQCSR) | error);
    this.#raise();
    return 'overflow';
  }

  #raise(): void {
    if ((this.#registers.get(Register.FQCSR) & FIE) === 0) return;
    this.#registers.set(Register.IPSR, this.#registers.get(Register.IPSR) | FIP);
    this.#interrupt();
  }
}
