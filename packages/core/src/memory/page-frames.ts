import type { FrameAllocator } from './frame-allocator.js';
import { FRAME_BYTES, FRAME_SHIFT, frameHi, frameLo } from './frame.js';
import type { PhysicalMemory } from './physical-memory.js';

/** Order of a 2 MiB block in frames. */
const HUGE_ORDER = 9;

/** Page sizes that Linux's architectures have, bytes. */
export type PageSize = 4096 | 16384 | 65536;

/**
 * The frames that pages of programs live in, with what holds each: owners (an address space or a file) and pins. A page is
 * `pageSize / 4096` adjacent frames and goes by the number of the first. It is freed when nobody owns it and nobody pins it.
 */
export class PageFrames {
  readonly memory: PhysicalMemory;
  /** Bytes. */
  readonly pageSize: PageSize;
  /** log2 of the frames of a page. */
  readonly pageOrder: number;
  /** Pages of a 2 MiB huge page. */
  readonly pagesPerHuge: number;
  readonly #frames: FrameAllocator;
  #owners = new Int32Array(0);
  #pins = new Int32Array(0);
  #pinCount = 0;
  readonly #copy = new Uint8Array(FRAME_BYTES);

  constructor(memory: PhysicalMemory, frames: FrameAllocator, pageSize: PageSize) {
    this.memory = memory;
    this.pageSize = pageSize;
    this.pageOrder = 31 - Math.clz32(pageSize) - FRAME_SHIFT;
    this.pagesPerHuge = 1 << (HUGE_ORDER - this.pageOrder);
    this.#frames = frames;
  }

  /** Pins held, over all pages. */
  get pinCount(): number {
    return this.#pinCount;
  }

  /** Frames that hold pages. */
  get framesInUse(): number {
    return this.#frames.framesInUse;
  }

  /** Whether a frame can be a page of a program; one of device memory cannot. */
  holds(frame: number): boolean {
    return frame >= this.#frames.firstFrame && frame < this.#frames.firstFrame + this.#frames.frames;
  }

  /** A zeroed page with one owner, or -1. */
  allocate(): number {
    const frame = this.#frames.allocate(this.pageOrder);
    if (frame !== -1) this.#own(frame);
    return frame;
  }

  /** The pages of one contiguous, aligned and zeroed 2 MiB block, each with one owner; the first of them, or -1. */
  allocateHuge(): number {
    const frame = this.#frames.allocate(HUGE_ORDER);
    if (frame === -1) return -1;
    this.#frames.split(frame, HUGE_ORDER, this.pageOrder);
    for (let page = 0; page < this.pagesPerHuge; page++) this.#own(frame + (page << this.pageOrder));
    return frame;
  }

  /** One more owner. */
  share(frame: number): void {
    const slot = this.#slot(frame);
    this.#owners[slot] = (this.#owners[slot] as number) + 1;
  }

  /** One owner less. */
  release(frame: number): void {
    const slot = this.#slot(frame);
    const owners = (this.#owners[slot] as number) - 1;
    if (owners < 0) throw new RangeError(`page at frame ${frame} has no owner`);
    this.#owners[slot] = owners;
    if (owners === 0 && this.#pins[slot] === 0) this.#frames.free(frame, this.pageOrder);
  }

  /** How many owners share the frame; 0 when it is free. */
  ownersOf(frame: number): number {
    const slot = this.#slot(frame);
    return this.#owners[slot] as number;
  }

  /** Adds a pin: the frame outlives its owners until it is unpinned. */
  pin(frame: number): void {
    const slot = this.#slot(frame);
    this.#pins[slot] = (this.#pins[slot] as number) + 1;
    this.#pinCount++;
  }

  /** Takes a pin back; the last one of a frame without owners frees it. */
  unpin(frame: number): void {
    const slot = this.#slot(frame);
    const pins = (this.#pins[slot] as number) - 1;
    if (pins < 0) throw new RangeError(`page at frame ${frame} is not pinned`);
    this.#pins[slot] = pins;
    this.#pinCount--;
    if (pins === 0 && this.#owners[slot] === 0) this.#frames.free(frame, this.pageOrder);
  }

  /** How often the page is pinned. */
  pinCountOf(frame: number): number {
    const slot = this.#slot(frame);
    return this.#pins[slot] as number;
  }

  /** A new page with the content of another and one owner, or -1. */
  duplicate(source: number): number {
    const target = this.allocate();
    if (target === -1) return -1;
    for (let at = 0; at < 1 << this.pageOrder; at++) {
      this.memory.readBytes(frameHi(source + at), frameLo(source + at), this.#copy, 0, FRAME_BYTES);
      this.memory.writeBytes(frameHi(target + at), frameLo(target + at), this.#copy, 0, FRAME_BYTES);
    }
    return target;
  }

  #own(frame: number): void {
    const slot = this.#slot(frame);
    this.#owners[slot] = 1;
  }

  /** Index of a page. May replace the arrays, so it is called before one of them is named in an expression. */
  #slot(frame: number): number {
    const slot = (frame - this.#frames.firstFrame) >> this.pageOrder;
    if (slot >= this.#owners.length) {
      const length = Math.max(1024, slot + 1, 2 * this.#owners.length);
      const owners = new Int32Array(length);
      owners.set(this.#owners);
      const pins = new Int32Array(length);
      pins.set(this.#pins);
      this.#owners = owners;
      this.#pins = pins;
    }
    return slot;
  }
}
