import { hex } from '../bits/index.js';
import type { FailureSource } from './failure-source.js';
import { FRAME_BYTES } from './frame.js';
import { FreeBlocks } from './free-blocks.js';
import type { MemoryBudget } from './memory-budget.js';
import type { PhysicalMemory } from './physical-memory.js';

/** Highest order: blocks of 2^11 frames, 8 MiB. */
export const MAX_ORDER = 11;

const BLOCK_FRAMES = 1 << MAX_ORDER;
const ORDER_MASK = 0x7f;
const USED_BEFORE = 0x80;

/** A run of frames. */
export interface FrameRange {
  readonly firstFrame: number;
  /** Number of frames. */
  readonly frames: number;
}

/**
 * Buddy allocator over one range of RAM. It takes the lowest block of the smallest order that fits, so the outcome depends only on
 * what is allocated, and frames asked one by one from fresh memory are adjacent and ascending (but for an end of the range that is
 * not aligned to 8 MiB): what a program maps becomes physically contiguous where it can, and large IO pages can be used.
 *
 * Its tables grow with use: a range of many GiB costs nothing until it is handed out.
 */
export class FrameAllocator {
  readonly firstFrame: number;
  /** Frames of the range. */
  readonly frames: number;
  readonly #memory: PhysicalMemory;
  readonly #budget: MemoryBudget | undefined;
  readonly #failure: FailureSource | null;
  /** Index 0 of all tables: aligned to the largest block, so that alignment of an index is alignment of its frame. */
  readonly #base: number;
  readonly #end: number;
  /** Indices below this one are in the tables. */
  #capacity = 0;
  readonly #free: readonly FreeBlocks[] = Array.from({ length: MAX_ORDER + 1 }, () => new FreeBlocks(0));
  /** Per frame: order + 1 at the head of an allocated block, and whether the frame was ever handed out. */
  #state = new Uint8Array(0);
  #framesInUse = 0;

  constructor(
    memory: PhysicalMemory,
    range: FrameRange,
    options: { readonly budget?: MemoryBudget | undefined; readonly failure?: FailureSource | null | undefined } = {},
  ) {
    if (range.frames < 1) throw new RangeError('an allocator needs at least one frame');
    for (const frame of [range.firstFrame, range.firstFrame + range.frames - 1]) {
      if (!memory.contains(frame)) throw new RangeError(`frame ${hex(frame)} is no memory`);
    }
    this.#memory = memory;
    this.firstFrame = range.firstFrame;
    this.frames = range.frames;
    this.#base = range.firstFrame - (range.firstFrame % BLOCK_FRAMES);
    this.#end = range.firstFrame + range.frames - this.#base;
    this.#budget = options.budget;
    this.#failure = options.failure ?? null;
  }

  /** Frames handed out and not given back. */
  get framesInUse(): number {
    return this.#framesInUse;
  }

  /**
   * Hands out 2^order frames, naturally aligned and zeroed. A frame that was never handed out is as the memory was made.
   * @returns the first frame, or -1: nothing that large is free, the budget is spent, or a failure was injected
   */
  allocate(order: number): number {
    const index = this.#claim(order);
    if (index < 0) return -1;
    this.#zeroIfUsed(index, 1 << order);
    return this.#handOut(index, order);
  }

  /**
   * The same for a caller that writes all of the block before anybody reads it: the frames hold whatever they held.
   */
  allocateUnzeroed(order: number): number {
    const index = this.#claim(order);
    if (index < 0) return -1;
    this.#state.fill(USED_BEFORE, index, index + (1 << order));
    return this.#handOut(index, order);
  }

  /** Takes a block out of the free ones. @returns its index, or -1 */
  #claim(order: number): number {
    if (order < 0 || order > MAX_ORDER) return -1;
    if (this.#failure !== null && this.#failure.fails('allocate')) return -1;
    const from = this.#orderToTakeFrom(order);
    if (from < 0) return -1;
    if (this.#budget !== undefined && !this.#budget.charge(FRAME_BYTES << order)) return -1;
    return this.#take(order, from);
  }

  #handOut(index: number, order: number): number {
    this.#state[index] = (this.#state[index] as number) | (order + 1);
    this.#framesInUse += 1 << order;
    return this.#base + index;
  }

  /** Gives a block back. A block that is not handed out with this very order is a bug of the caller: throws. */
  free(frame: number, order: number): void {
    let index = this.#indexOfBlock(frame, order);
    this.#state[index] = USED_BEFORE;
    this.#framesInUse -= 1 << order;
    this.#budget?.uncharge(FRAME_BYTES << order);
    let merged = order;
    while (merged < MAX_ORDER) {
      const buddy = index ^ (1 << merged);
      const free = this.#free[merged] as FreeBlocks;
      if (!free.has(buddy >>> merged)) break;
      free.delete(buddy >>> merged);
      index &= ~(1 << merged);
      merged++;
    }
    (this.#free[merged] as FreeBlocks).add(index >>> merged);
  }

  /** Turns one block into blocks of a lower order, each to be given back on its own. */
  split(frame: number, order: number, intoOrder: number): void {
    const index = this.#indexOfBlock(frame, order);
    for (let piece = index; piece < index + (1 << order); piece += 1 << intoOrder) {
      this.#state[piece] = USED_BEFORE | (intoOrder + 1);
    }
  }

  #indexOfBlock(frame: number, order: number): number {
    const index = frame - this.#base;
    const state = index >= 0 && index < this.#capacity ? (this.#state[index] as number) : 0;
    if ((state & ORDER_MASK) !== order + 1) {
      throw new RangeError(`frame ${hex(frame)} is not the head of an allocated block of order ${order}`);
    }
    return index;
  }

  #orderToTakeFrom(order: number): number {
    for (;;) {
      for (let from = order; from <= MAX_ORDER; from++) {
        if ((this.#free[from] as FreeBlocks).count > 0) return from;
      }
      if (this.#capacity >= this.#end) return -1;
      this.#grow();
    }
  }

  /** Takes the lowest block of order `from` and puts its upper halves back until `order` is left. */
  #take(order: number, from: number): number {
    const source = this.#free[from] as FreeBlocks;
    const block = source.lowest();
    source.delete(block);
    const index = block << from;
    for (let half = from - 1; half >= order; half--) {
      (this.#free[half] as FreeBlocks).add((index >>> half) + 1);
    }
    return index;
  }

  #zeroIfUsed(index: number, count: number): void {
    for (let at = index; at < index + count; at++) {
      if (this.#state[at] === USED_BEFORE) this.#memory.zeroFrames(this.#base + at, 1);
      else this.#state[at] = USED_BEFORE;
    }
  }

  /** Doubles the tables and frees the new frames as the largest aligned blocks. */
  #grow(): void {
    const old = this.#capacity;
    const capacity = Math.min(this.#end, Math.max(2 * old, 2 * BLOCK_FRAMES));
    const state = new Uint8Array(capacity);
    state.set(this.#state);
    this.#state = state;
    this.#free.forEach((blocks, order) => blocks.grow((capacity >>> order) + 2));
    this.#capacity = capacity;
    let index = Math.max(old, this.firstFrame - this.#base);
    while (index < capacity) {
      let order = 0;
      while (order < MAX_ORDER && (index & (1 << order)) === 0 && index + (2 << order) <= capacity) order++;
      (this.#free[order] as FreeBlocks).add(index >>> order);
      index += 1 << order;
    }
  }
}
