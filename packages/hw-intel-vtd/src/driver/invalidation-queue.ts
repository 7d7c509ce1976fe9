import { Errno, hex, read64, write64, type FrameAllocator, type MmioWindow, type PhysicalMemory } from '@ioasis/core';
import { GCMD_REG, GSTS_REG } from '../layouts/control-registers.js';
import { DescriptorType, WAIT_DESCRIPTOR } from '../layouts/descriptors.js';
import { FSTS_REG } from '../layouts/fault-registers.js';
import { IQA_REG } from '../layouts/invalidation-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import { frameAddress } from './frame-address.js';

/** Linux's queue: 256 descriptors. */
const DESCRIPTORS = 256;
/** What a wait descriptor stores when everything before it is done, and what is there before. */
const DONE = 2;
const IN_USE = 1;
/** Polls before a wait is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;
const ERRORS = Number(FSTS_REG.mask('IQE') | FSTS_REG.mask('ITE') | FSTS_REG.mask('ICE'));

/** Why the queue gave up: hardware that does not answer. A real kernel logs it and goes on. */
export class InvalidationQueueStalled extends Error {}

/** The driver's end of the invalidation queue: {@link submit} returns when all descriptors are done. */
export class InvalidationQueueWriter {
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #relax: () => void;
  readonly #base: bigint;
  readonly #status: bigint;
  /** 16, or 32 in scalable mode. */
  readonly #descriptorBytes: number;
  #tail = 0;

  /**
   * Allocates the queue and switches it on.
   * @param relax lets the hardware go on while the driver polls
   * @throws RangeError without memory for the queue
   */
  constructor(
    memory: PhysicalMemory,
    frames: FrameAllocator,
    mmio: MmioWindow,
    isScalable: boolean,
    relax: () => void,
  ) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#relax = relax;
    this.#descriptorBytes = isScalable ? 32 : 16;
    const queue = frames.allocate(isScalable ? 1 : 0);
    const status = frames.allocate(0);
    if (queue < 0 || status < 0) throw new RangeError('intelVtd: no memory for the invalidation queue');
    this.#base = frameAddress(queue);
    this.#status = frameAddress(status);
    write64(mmio, RegisterOffset.IQT, 0n);
    write64(
      mmio,
      RegisterOffset.IQA,
      IQA_REG.encode({ IQA: this.#base >> 12n, DW: isScalable, QS: isScalable ? 1 : 0 }),
    );
  }

  /** GCMD bit that the driver keeps set from now on. */
  get enableBit(): number {
    return Number(GCMD_REG.mask('QIE'));
  }

  /** Whether the hardware runs the queue. */
  get isEnabled(): boolean {
    return (this.#mmio.read32(RegisterOffset.GSTS) & Number(GSTS_REG.mask('QIES'))) !== 0;
  }

  /** Queues descriptors (128 bits each) and a wait behind them, and polls until the wait is done. */
  submit(...descriptors: readonly bigint[]): void {
    this.#storeStatus(IN_USE);
    for (const descriptor of descriptors) this.#put(descriptor);
    this.#put(
      WAIT_DESCRIPTOR.encode({
        TYPE: DescriptorType.WAIT,
        SW: 1,
        STDATA: DONE,
        STADDR: this.#status >> 2n,
      }),
    );
    write64(this.#mmio, RegisterOffset.IQT, BigInt(this.#tail));
    for (let polls = 0; this.#statusWord() !== DONE; polls++) {
      const errors = this.#mmio.read32(RegisterOffset.FSTS) & ERRORS;
      if (errors !== 0 || polls === MAX_POLLS) {
        const head = read64(this.#mmio, RegisterOffset.IQH);
        throw new InvalidationQueueStalled(
          `intelVtd: the invalidation queue stopped at ${hex(head)}, FSTS errors ${hex(errors)} (errno ${Errno.EIO})`,
        );
      }
      this.#relax();
    }
  }

  #put(descriptor: bigint): void {
    const bytes = new Uint8Array(this.#descriptorBytes);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt.asUintN(64, descriptor), true);
    view.setBigUint64(8, descriptor >> 64n, true);
    this.#memory.write(this.#base + BigInt(this.#tail), bytes);
    this.#tail = (this.#tail + this.#descriptorBytes) % (DESCRIPTORS * this.#descriptorBytes);
  }

  #storeStatus(value: number): void {
    this.#memory.write(this.#status, Uint8Array.of(value, 0, 0, 0));
  }

  #statusWord(): number {
    const bytes = new Uint8Array(4);
    this.#memory.read(this.#status, bytes);
    return new DataView(bytes.buffer).getUint32(0, true);
  }
}
