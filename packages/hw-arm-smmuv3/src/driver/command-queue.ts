import { Errno, hex, type MmioWindow } from '@ioasis/core';
import { COMMAND_BYTES, CompletionSignal, Opcode, SYNC } from '../layouts/commands.js';
import { Register } from '../layouts/register-offsets.js';
import { GERROR, QUEUE_BASE, QUEUE_INDEX } from '../layouts/registers.js';
import type { SharedMemory } from './shared-memory.js';

/** One page of commands. Linux takes the longest queue that it can allocate; it needs room for a batch of 64. */
const LOG2_ENTRIES = 8;
/** Polls before a wait is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;
/** CMD_SYNC that ends in an event: inner shareable, write-back memory attributes, as Linux writes it. */
const SYNC_COMMAND: bigint = SYNC.encode({ OPCODE: Opcode.SYNC, CS: CompletionSignal.SEV, MSH: 3, MSIATTR: 15 });
const CMDQ_ERR = Number(GERROR.mask('CMDQ_ERR'));

/** Why the command queue gave up: an error of the queue, or hardware that does not answer. A real kernel logs it and goes on. */
export class CommandQueueStalled extends Error {}

/** The driver's end of the command queue. */
export class CommandQueueWriter {
  /** Value of CMDQ_BASE. */
  readonly baseRegister: bigint;
  readonly #memory: SharedMemory;
  readonly #mmio: MmioWindow;
  readonly #relax: () => void;
  readonly #base: bigint;
  readonly #log2: number;
  #producer = 0;

  /**
   * @param maxLog2 IDR1.CMDQS
   * @param relax lets the hardware go on while the driver polls
   * @throws RangeError without memory for the queue
   */
  constructor(memory: SharedMemory, mmio: MmioWindow, maxLog2: number, relax: () => void) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#relax = relax;
    this.#log2 = Math.min(LOG2_ENTRIES, maxLog2);
    const base = memory.allocate(0);
    if (base === undefined) throw new RangeError('armSmmuv3: no memory for the command queue');
    this.#base = base;
    this.baseRegister = QUEUE_BASE.encode({ HINT: 1, ADDR: this.#base >> 5n, LOG2SIZE: this.#log2 });
  }

  /** Queues commands (128 bits each) without waiting for them. */
  issue(...commands: readonly bigint[]): void {
    for (const command of commands) this.#put(command);
    this.#mmio.write32(Register.CMDQ_PROD, this.#producer);
  }

  /** Queues commands and CMD_SYNC, and polls until the hardware has consumed it. */
  submit(...commands: readonly bigint[]): void {
    this.issue(...commands, SYNC_COMMAND);
    this.#waitUntil(() => this.#consumer() === this.#producer, 'completion');
  }

  #put(command: bigint): void {
    const mask = (1 << (this.#log2 + 1)) - 1;
    const isFull = (): boolean => ((this.#producer - this.#consumer()) & mask) === 1 << this.#log2;
    if (isFull()) {
      this.#mmio.write32(Register.CMDQ_PROD, this.#producer);
      this.#waitUntil(() => !isFull(), 'room in the command queue');
    }
    const slot = this.#producer & ((1 << this.#log2) - 1);
    const at = this.#base + BigInt(slot * COMMAND_BYTES);
    this.#memory.store64(at, BigInt.asUintN(64, command));
    this.#memory.store64(at + 8n, command >> 64n);
    this.#producer = (this.#producer + 1) & mask;
  }

  #consumer(): number {
    return this.#mmio.read32(Register.CMDQ_CONS) & ((1 << (this.#log2 + 1)) - 1);
  }

  #waitUntil(isDone: () => boolean, what: string): void {
    for (let polls = 0; !isDone(); polls++) {
      const active = (this.#mmio.read32(Register.GERROR) ^ this.#mmio.read32(Register.GERRORN)) & CMDQ_ERR;
      if (active !== 0 || polls === MAX_POLLS) {
        const consumer = this.#mmio.read32(Register.CMDQ_CONS);
        const error = QUEUE_INDEX.get(BigInt(consumer >>> 0), 'ERR');
        throw new CommandQueueStalled(
          `armSmmuv3: no ${what} after ${polls} polls, CMDQ_CONS ${hex(consumer >>> 0)}, error ${error} (errno ${Errno.EIO})`,
        );
      }
      this.#relax();
    }
  }
}
