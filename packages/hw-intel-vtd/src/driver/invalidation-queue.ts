import {
  Errno,
  frameHi,
  frameLo,
  hex,
  hi32,
  lo32,
  read64,
  write64,
  type FrameAllocator,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { DescriptorType, WAIT_DESCRIPTOR } from '../layouts/descriptors.js';
import { FSTS_REG } from '../layouts/fault-registers.js';
import { IQA_REG, IQERCD_REG } from '../layouts/invalidation-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';

/** Linux's queue: 256 descriptors. */
const DESCRIPTORS = 256;
/** Status words: before, and what a wait descriptor stores when everything before it is done. */
const IN_USE = 1;
const DONE = 2;
const WAIT = WAIT_DESCRIPTOR.encode({ TYPE: DescriptorType.WAIT, SW: 1, STDATA: DONE });
const WAIT_HI = hi32(WAIT);
const WAIT_LO = lo32(WAIT);
/** Polls before a wait is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;
/** Times that a submission is repeated after a device's time-out. */
const MAX_ATTEMPTS = 16;
const IQE = Number(FSTS_REG.mask('IQE'));
const ITE = Number(FSTS_REG.mask('ITE'));
const ICE = Number(FSTS_REG.mask('ICE'));

/** Why the queue gave up: hardware that does not answer. A real kernel polls on for ever. */
export class InvalidationQueueStalled extends Error {}

/** The driver's end of the invalidation queue: {@link submit} returns when all descriptors are done. */
export class InvalidationQueueWriter {
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #relax: () => void;
  readonly #isPresent: (sourceId: number) => boolean;
  readonly #baseHi: number;
  readonly #baseLo: number;
  /** One status word for each slot, as Linux has them. */
  readonly #statusHi: number;
  readonly #statusLo: number;
  /** 16, or 32 in scalable mode. */
  readonly #descriptorBytes: number;
  #tail = 0;

  /**
   * Allocates the queue and writes its registers; switching it on is the caller's.
   * @param relax lets the hardware go on while the driver polls
   * @param isPresent whether a device is still there: if not, its time-out is final
   * @throws RangeError without memory for the queue
   */
  constructor(
    memory: PhysicalMemory,
    frames: FrameAllocator,
    mmio: MmioWindow,
    isScalable: boolean,
    relax: () => void,
    isPresent: (sourceId: number) => boolean,
  ) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.#relax = relax;
    this.#isPresent = isPresent;
    this.#descriptorBytes = isScalable ? 32 : 16;
    const queue = frames.allocate(isScalable ? 1 : 0);
    const status = frames.allocate(0);
    if (queue < 0 || status < 0) throw new RangeError('intelVtd: no memory for the invalidation queue');
    this.#baseHi = frameHi(queue);
    this.#baseLo = frameLo(queue);
    this.#statusHi = frameHi(status);
    this.#statusLo = frameLo(status);
    write64(mmio, RegisterOffset.IQT, 0n);
    const fields = { IQA: queue, DW: isScalable, QS: isScalable ? 1 : 0 };
    write64(mmio, RegisterOffset.IQA, IQA_REG.encode(fields));
  }

  /**
   * Queues descriptors (128 bits each) and a wait behind them, and polls until the wait is done.
   * @returns 0; EINVAL: the first descriptor was refused by the hardware and skipped; ETIMEDOUT: a device that is gone did not answer
   * @throws InvalidationQueueStalled when the hardware does nothing
   */
  submit(...descriptors: readonly bigint[]): number {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const outcome = this.#submitOnce(descriptors);
      if (outcome !== Errno.EAGAIN) return outcome;
    }
    throw this.#stalled();
  }

  #submitOnce(descriptors: readonly bigint[]): number {
    const first = this.#tail;
    for (const descriptor of descriptors) this.#put(descriptor);
    const wait = this.#tail;
    this.#store(wait, WAIT_HI, WAIT_LO, this.#statusHi, this.#statusLo + wait * 4);
    this.#advance();
    this.#mmio.write32(RegisterOffset.IQT, this.#tail * this.#descriptorBytes);
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      if (this.#statusOf(wait) === DONE) return 0;
      const errno = this.#checkFault(first, wait);
      if (errno !== 0) return errno;
      this.#relax();
    }
    throw this.#stalled();
  }

  /** Clears what stopped the queue. @returns 0: poll on; EAGAIN: submit again; EINVAL, ETIMEDOUT: given up */
  #checkFault(first: number, wait: number): number {
    const mmio = this.#mmio;
    const status = mmio.read32(RegisterOffset.FSTS);
    if ((status & IQE) !== 0 && this.#head() === first) {
      // The bad descriptor is overwritten by a wait, so that the queue can go on.
      this.#store(first, WAIT_HI, WAIT_LO, this.#statusHi, this.#statusLo + wait * 4);
      mmio.write32(RegisterOffset.FSTS, IQE);
      return Errno.EINVAL;
    }
    if ((status & ITE) !== 0) {
      const sourceId = Number(IQERCD_REG.get(read64(mmio, RegisterOffset.IQERCD), 'ITESID'));
      mmio.write32(RegisterOffset.FSTS, ITE);
      if (sourceId !== 0 && !this.#isPresent(sourceId)) return Errno.ETIMEDOUT;
      // Waits behind the descriptor were dropped with it (VT-d 6.5.2.11).
      return Errno.EAGAIN;
    }
    if ((status & ICE) !== 0) mmio.write32(RegisterOffset.FSTS, ICE);
    return 0;
  }

  #head(): number {
    return this.#mmio.read32(RegisterOffset.IQH) / this.#descriptorBytes;
  }

  #put(descriptor: bigint): void {
    const upper = descriptor >> 64n;
    this.#store(this.#tail, hi32(descriptor), lo32(descriptor), hi32(upper), lo32(upper));
    this.#advance();
  }

  /** Writes a slot; the upper half of a 256-bit descriptor is never used and stays zero. */
  #store(slot: number, q0Hi: number, q0Lo: number, q1Hi: number, q1Lo: number): void {
    const lo = this.#baseLo + slot * this.#descriptorBytes;
    this.#memory.store64(this.#baseHi, lo, q0Hi, q0Lo);
    this.#memory.store64(this.#baseHi, lo + 8, q1Hi, q1Lo);
  }

  /** The slot at the tail is in use. */
  #advance(): void {
    this.#memory.store32(this.#statusHi, this.#statusLo + this.#tail * 4, IN_USE);
    this.#tail = (this.#tail + 1) % DESCRIPTORS;
  }

  #statusOf(slot: number): number {
    return this.#memory.load32(this.#statusHi, this.#statusLo + slot * 4);
  }

  #stalled(): InvalidationQueueStalled {
    const status = hex(this.#mmio.read32(RegisterOffset.FSTS) >>> 0);
    return new InvalidationQueueStalled(
      `intelVtd: no invalidation wait came back, head ${this.#head()}, FSTS ${status}`,
    );
  }
}
