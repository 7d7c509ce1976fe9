import {
  FRAME_BYTES,
  FrameAllocator,
  frameAddress,
  frameHi,
  frameLo,
  type FailureSource,
  type FrameRange,
  type PhysicalMemory,
} from '@ioasis/core';

/** Blocks up to this order are page tables; larger ones are queues and structure tables, which a driver keeps. */
const TABLE_ORDER = 4;

/**
 * Frames for tables that show what a driver gives back too early: a freed frame gets the content again that it had at the last
 * {@link remember}, as if somebody who took it had written just that. A unit that still knows a way through it then finds live entries.
 */
export class WatchedFrames extends FrameAllocator {
  /** Called after each free. */
  onFree: (() => void) | null = null;
  readonly #memory: PhysicalMemory;
  /** Orders of blocks that are handed out, by first frame. */
  readonly #held = new Map<number, number>();
  readonly #remembered = new Map<number, Uint8Array>();

  constructor(memory: PhysicalMemory, range: FrameRange, failure: FailureSource) {
    super(memory, range, { failure });
    this.#memory = memory;
  }

  override allocate(order: number): number {
    const frame = super.allocate(order);
    if (frame >= 0) this.#held.set(frame, order);
    return frame;
  }

  override free(frame: number, order: number): void {
    super.free(frame, order);
    this.#held.delete(frame);
    const content = this.#remembered.get(frame);
    if (content !== undefined) {
      this.#memory.write(frameAddress(frame), content);
      this.#memory.lineCache?.flush(frameHi(frame), frameLo(frame), content.length);
    }
    this.onFree?.();
  }

  override split(frame: number, order: number, intoOrder: number): void {
    super.split(frame, order, intoOrder);
    this.#held.delete(frame);
    for (let piece = frame; piece < frame + 2 ** order; piece += 2 ** intoOrder) this.#held.set(piece, intoOrder);
  }

  /** Keeps the content of every frame that is handed out now, for the day when it is freed. */
  remember(): void {
    this.#remembered.clear();
    for (const [frame, order] of this.#held) {
      if (order > TABLE_ORDER) continue;
      const content = new Uint8Array(FRAME_BYTES << order);
      this.#memory.read(frameAddress(frame), content);
      this.#remembered.set(frame, content);
    }
  }
}
