import { frameAddress, Errno, hex, type FrameAllocator, type MmioWindow, type PhysicalMemory } from '@ioasis/core';
import { COMMAND_BYTES, COMPLETION_WAIT, Opcode } from '../layouts/commands.js';
import { Register } from '../layouts/register-offsets.js';

/** 8 KiB: 512 commands, as Linux allocates. */
const ORDER = 1;
const ENTRIES = 512;
const LENGTH_CODE = 9;
/** Linux keeps this much room, bytes. */
const SPARE_BYTES = 0x20;
/** Polls before a wait is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;

/** Why the command queue gave up: hardware that does not answer. A real kernel logs it and goes on. */
export class CommandQueueStalled extends Error {}

/** The driver's end of the command buffer. Commands are queued; {@link sync} waits until all of them are done. */
export class CommandQueue {
  /** Address of the buffer. */
  readonly base: bigint;
  /** Base register value. */
  readonly baseRegister: bigint;
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #relax: () => void;
  readonly #semaphore: bigint;
  #tail = 0;
  #sequence = 0n;
  #needsSync = false;

  /**
   * @param relax lets the hardware go on while the driver polls
   * @throws RangeError without memory for the buffer
   */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow, relax: () => void) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#relax = relax;
    const buffer = frames.allocate(ORDER);
    const semaphore = frames.allocate(0);
    if (buffer < 0 || semaphore < 0) throw new RangeError('amdVi: no memory for the command buffer');
    this.base = frameAddress(buffer);
    this.baseRegister = this.base | (BigInt(LENGTH_CODE) << 56n);
    this.#semaphore = frameAddress(semaphore);
  }

  /** Queues one command, 128 bits. */
  queue(command: bigint): void {
    this.#makeRoom();
    this.#memory.write(this.base + BigInt(this.#tail), bytesOf(command));
    this.#tail = (this.#tail + COMMAND_BYTES) % (ENTRIES * COMMAND_BYTES);
    this.#mmio.write64(Register.COMMAND_BUFFER_TAIL, 0, this.#tail);
    this.#needsSync = true;
  }

  /** COMPLETION_WAIT with a store of the next number, and the wait for it. Nothing when nothing was queued since the last one. */
  sync(): void {
    if (!this.#needsSync) return;
    this.#sequence++;
    this.queue(
      COMPLETION_WAIT.encode({
        OPCODE: Opcode.COMPLETION_WAIT,
        S: 1,
        STORE_ADDRESS: this.#semaphore >> 3n,
        STORE_DATA: this.#sequence,
      }),
    );
    this.#needsSync = false;
    this.#waitUntil(() => this.#stored() >= this.#sequence, 'completion wait');
  }

  #stored(): bigint {
    const bytes = new Uint8Array(8);
    this.#memory.read(this.#semaphore, bytes);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  #makeRoom(): void {
    const size = ENTRIES * COMMAND_BYTES;
    const room = (): number =>
      (this.#mmio.read32(Register.COMMAND_BUFFER_HEAD) - this.#tail - COMMAND_BYTES + 2 * size) % size;
    this.#waitUntil(() => room() > SPARE_BYTES, 'room in the command buffer');
  }

  #waitUntil(isDone: () => boolean, what: string): void {
    for (let polls = 0; !isDone(); polls++) {
      if (polls === MAX_POLLS) {
        throw new CommandQueueStalled(
          `amdVi: no ${what} after ${MAX_POLLS} polls, tail ${hex(this.#tail)} (errno ${Errno.EIO})`,
        );
      }
      this.#relax();
    }
  }
}

function bytesOf(command: bigint): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, command), true);
  view.setBigUint64(8, command >> 64n, true);
  return bytes;
}
