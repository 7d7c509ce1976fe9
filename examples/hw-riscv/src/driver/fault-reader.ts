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
import { Cause, FAULT, FAULT_BYTES, type CauseName } from '../layouts/fault-record.js';
import { FQCSR, IPSR, QUEUE_BASE, Register } from '../layouts/registers.js';

/** 4 KiB. */
const SIZE_LOG2 = 7;
const ENTRIES = 2 ** SIZE_LOG2;
/** Oldest faults are forgotten, as in a kernel log. */
const KEPT = 4096;
const CONTROL = Number(FQCSR.mask('FQEN') | FQCSR.mask('FIE'));
const ERRORS = Number(FQCSR.mask('FQMF') | FQCSR.mask('FQOF'));

const NAMES = new Map(Object.entries(Cause).map(([name, code]) => [code as number, name as CauseName]));

/** A fault as the driver read it. */
export interface LoggedFault {
  /** Undefined: a cause that the driver does not know. */
  readonly name: CauseName | undefined;
  readonly cause: number;
  readonly deviceId: number;
  readonly iova: bigint;
}

/** The driver's end of the fault queue. */
export class FaultReader {
  readonly faults: LoggedFault[] = [];
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #base: bigint;

  /** Switches the queue on. @throws RangeError without memory for it */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow) {
    this.#memory = memory;
    this.#mmio = mmio;
    const frame = frames.allocate(0);
    if (frame < 0) throw new RangeError('riscvIommu: no memory for the fault queue');
    this.#base = frameAddress(frame);
    write64(mmio, Register.FQB, QUEUE_BASE.encode({ LOG2SZ_1: SIZE_LOG2 - 1, PPN: BigInt(frame) }));
    mmio.write32(Register.FQH, 0);
    mmio.write32(Register.FQCSR, CONTROL);
  }

  /** The interrupt: acknowledges it, reads up to the tail, then lets an overflown queue go on. */
  drain(): void {
    const mmio = this.#mmio;
    mmio.write32(Register.IPSR, Number(IPSR.mask('FIP')));
    let head = mmio.read32(Register.FQH);
    const tail = mmio.read32(Register.FQT);
    for (; head !== tail; head = (head + 1) % ENTRIES) this.#read(this.#base + BigInt(head * FAULT_BYTES));
    mmio.write32(Register.FQH, head);
    const errors = mmio.read32(Register.FQCSR) & ERRORS;
    if (errors !== 0) mmio.write32(Register.FQCSR, CONTROL | errors);
  }

  #read(address: bigint): void {
    const head = this.#word(address);
    const cause = Number(FAULT.get(head, 'CAUSE'));
    const deviceId = Number(FAULT.get(head, 'DID'));
    this.faults.push({ name: NAMES.get(cause), cause, deviceId, iova: this.#word(address + 16n) });
    if (this.faults.length > KEPT) this.faults.shift();
  }

  #word(address: bigint): bigint {
    this.#memory.load64(hi32(address), lo32(address));
    return join64(this.#memory.loadedHi, this.#memory.loadedLo);
  }
}
