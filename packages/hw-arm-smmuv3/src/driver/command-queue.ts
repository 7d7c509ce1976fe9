import { Errno, hex, type MmioWindow } from '@ioasis/core';
import { COMMAND_BYTES, CompletionSignal, Opcode, SYNC } from '../layouts/commands.js';
import { Register } from '../layouts/register-offsets.js';
import { CommandError, GERROR, QUEUE_BASE, QUEUE_INDEX } from '../layouts/registers.js';
import type { SharedMemory } from './shared-memory.js';

/** One page of commands. Linux takes the longest queue that it can allocate; it needs room for a batch of 64. */
const LOG2_ENTRIES = 8;
/** Polls before a wait is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;
/** Oldest lines are forgotten, as in a kernel log. */
const KEPT_LINES = 4096;
/** CMD_SYNC that ends in an event: inner shareable, write-back memory attributes, as Linux writes it. */
const SYNC_COMMAND: bigint = SYNC.encode({ OPCODE: Opcode.SYNC, CS: CompletionSignal.SEV, MSH: 3, MSIATTR: 15 });
const CMDQ_ERR = Number(GERROR.mask('CMDQ_ERR'));

/** Linux's words for CMDQ_CONS.ERR. */
const ERROR_TEXT: Readonly<Record<number, string>> = {
  [CommandError.NONE]: 'No error',
  [CommandError.ILLEGAL]: 'Illegal command',
  [CommandError.ABORT]: 'Abort on command fetch',
  [CommandError.ATC_INV_SYNC]: 'ATC invalidate timeout',
};

/** Why the command queue gave up: hardware that does not go on. A real kernel logs it and goes on itself. */
export class CommandQueueStalled extends Error {}

/** The driver's end of the command queue. */
export class CommandQueueWriter {
  /** Value of CMDQ_BASE. */
  readonly baseRegister: bigint;
  /** Lines of Linux's log about errors of the queue. */
  readonly errors: string[] = [];
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
    this.#store(this.#slot(this.#producer), command);
    this.#producer = (this.#producer + 1) & mask;
  }

  /** Address of the command that an index names. */
  #slot(index: number): bigint {
    return this.#base + BigInt((index & ((1 << this.#log2) - 1)) * COMMAND_BYTES);
  }

  #store(at: bigint, command: bigint): void {
    this.#memory.store64(at, BigInt.asUintN(64, command));
    this.#memory.store64(at + 8n, command >> 64n);
  }

  #consumer(): number {
    return this.#mmio.read32(Register.CMDQ_CONS) & ((1 << (this.#log2 + 1)) - 1);
  }

  #waitUntil(isDone: () => boolean, what: string): void {
    for (let polls = 0; !isDone(); polls++) {
      if (polls === MAX_POLLS) {
        const consumer = this.#mmio.read32(Register.CMDQ_CONS) >>> 0;
        throw new CommandQueueStalled(
          `armSmmuv3: no ${what} after ${polls} polls, CMDQ_CONS ${hex(consumer)} (errno ${Errno.ETIMEDOUT})`,
        );
      }
      const gerror = this.#mmio.read32(Register.GERROR);
      if (((gerror ^ this.#mmio.read32(Register.GERRORN)) & CMDQ_ERR) !== 0) this.#recover(gerror);
      this.#relax();
    }
  }

  /**
   * The queue stopped at an error: an illegal command gives way to a CMD_SYNC; a command that could not be fetched is fetched again, and
   * the CMD_SYNC that reported a time-out runs again. The acknowledgement lets the queue go on.
   */
  #recover(gerror: number): void {
    const consumer = BigInt(this.#mmio.read32(Register.CMDQ_CONS) >>> 0);
    const error = Number(QUEUE_INDEX.get(consumer, 'ERR'));
    this.#log(`CMDQ error (cons 0x${consumer.toString(16).padStart(8, '0')}): ${ERROR_TEXT[error] ?? 'Unknown'}`);
    if (error === CommandError.ABORT) this.#log('retrying command fetch');
    if (error === CommandError.ILLEGAL) {
      const at = this.#slot(Number(consumer));
      this.#log('skipping command in error state:');
      for (const word of [at, at + 8n]) this.#log(`\t0x${this.#memory.load64(word).toString(16).padStart(16, '0')}`);
      this.#store(at, SYNC_COMMAND);
    }
    this.#mmio.write32(Register.GERRORN, gerror);
  }

  #log(line: string): void {
    this.errors.push(line);
    if (this.errors.length > KEPT_LINES) this.errors.shift();
  }
}
