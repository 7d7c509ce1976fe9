import { frameAddress, write64, type FrameAllocator, type MmioWindow, type PhysicalMemory } from '@ioasis/core';
import { COMMAND_BYTES, Command, IODIR, IOFENCE, IOTINVAL } from '../layouts/commands.js';
import { CQCSR, QUEUE_BASE, Register } from '../layouts/registers.js';

/** 4 KiB. */
const SIZE_LOG2 = 8;
const ENTRIES = 2 ** SIZE_LOG2;
/** Polls before a wait is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;
const CQON = Number(CQCSR.mask('CQON'));
const ERRORS = Number(CQCSR.mask('CQMF') | CQCSR.mask('CMD_TO') | CQCSR.mask('CMD_ILL'));

/** IOTINVAL.VMA of all pages of a PSCID, of one page of it, or without a PSCID of everything. */
export const invalidatePages = (pscid: number | undefined, iova?: bigint): bigint =>
  IOTINVAL.encode({
    ...Command.IOTINVAL_VMA,
    PSCV: pscid !== undefined,
    PSCID: pscid ?? 0,
    AV: iova !== undefined,
    ADDR: (iova ?? 0n) >> 12n,
  });

/** IODIR.INVAL_DDT of one device, or of all. */
export const invalidateContext = (deviceId: number | undefined): bigint =>
  IODIR.encode({ ...Command.IODIR_INVAL_DDT, DV: deviceId !== undefined, DID: deviceId ?? 0 });

/** IOFENCE.C that orders all reads and writes before it. */
const fence = (): bigint => IOFENCE.encode({ ...Command.IOFENCE_C, PR: 1, PW: 1 });

/** The driver's end of the command queue. Commands are queued; {@link sync} waits until all of them are done. */
export class CommandQueue {
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #relax: () => void;
  readonly #base: bigint;
  #tail = 0;

  /**
   * Switches the queue on.
   * @param relax lets the hardware go on while the driver polls
   * @throws RangeError without memory for the queue
   */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow, relax: () => void) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#relax = relax;
    const frame = frames.allocate(0);
    if (frame < 0) throw new RangeError('riscvIommu: no memory for the command queue');
    this.#base = frameAddress(frame);
    write64(mmio, Register.CQB, QUEUE_BASE.encode({ LOG2SZ_1: SIZE_LOG2 - 1, PPN: BigInt(frame) }));
    mmio.write32(Register.CQT, 0);
    mmio.write32(Register.CQCSR, Number(CQCSR.mask('CQEN')));
    this.#waitUntil(() => (mmio.read32(Register.CQCSR) & CQON) !== 0);
  }

  /** Queues one command, 128 bits. */
  queue(command: bigint): void {
    const next = (this.#tail + 1) % ENTRIES;
    this.#waitUntil(() => this.#mmio.read32(Register.CQH) !== next);
    const bytes = new Uint8Array(COMMAND_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt.asUintN(64, command), true);
    view.setBigUint64(8, command >> 64n, true);
    this.#memory.write(this.#base + BigInt(this.#tail * COMMAND_BYTES), bytes);
    this.#tail = next;
    this.#mmio.write32(Register.CQT, next);
  }

  /** A fence, and the wait until the unit has passed it. */
  sync(): void {
    this.queue(fence());
    this.#waitUntil(() => this.#mmio.read32(Register.CQH) === this.#tail);
  }

  #waitUntil(isDone: () => boolean): void {
    for (let polls = 0; !isDone(); polls++) {
      const errors = this.#mmio.read32(Register.CQCSR) & ERRORS;
      if (errors !== 0 || polls === MAX_POLLS) {
        throw new Error(`riscvIommu: the command queue is stuck, cqcsr errors 0x${errors.toString(16)}`);
      }
      this.#relax();
    }
  }
}
