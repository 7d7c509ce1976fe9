import { type Range64 } from '../bits/index.js';
import { FRAME_SHIFT, type FrameBacking } from './frame.js';

const CHUNK_BYTES = 0x1_0000;
const FRAMES_PER_CHUNK = 16;

/** 64 KiB of RAM outside the arena, as words and as bytes. */
export interface Chunk {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

function makeChunk(): Chunk {
  const words = new Int32Array(CHUNK_BYTES / 4);
  return { words, bytes: new Uint8Array(words.buffer) };
}

/** What reads of untouched RAM see. Nobody writes it. */
const ZEROS: Chunk = makeChunk();

/** RAM that exists from its first touch on, in chunks of 64 KiB, and the frames that somebody else backs. */
export class SparseMemory {
  readonly #firstFrames: Float64Array;
  readonly #lastFrames: Float64Array;
  readonly #chunks = new Map<number, Chunk>();
  readonly #backings = new Map<number, FrameBacking>();
  /** The chunk of the last access, kept only when all of its frames are RAM and none is backed from outside. */
  #lastNumber = -1;
  #last: Chunk = ZEROS;

  constructor(windows: readonly Range64[]) {
    this.#firstFrames = Float64Array.from(windows, ({ start }) => Number(start >> BigInt(FRAME_SHIFT)));
    this.#lastFrames = Float64Array.from(windows, ({ last }) => Number(last >> BigInt(FRAME_SHIFT)));
  }

  /**
   * The chunk that holds an address, or null where there is no RAM or the frame is backed from outside.
   * @param create false: untouched RAM gives a chunk of zeros that must not be written
   */
  find(paHi: number, paLo: number, create: boolean): Chunk | null {
    const number = (paHi >>> 0) * 0x1_0000 + (paLo >>> 16);
    if (number === this.#lastNumber) return this.#last;
    const frame = number * FRAMES_PER_CHUNK + ((paLo >>> FRAME_SHIFT) & (FRAMES_PER_CHUNK - 1));
    if (!this.#isRam(frame) || this.#backings.has(frame)) return null;
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      if (!create) return ZEROS;
      chunk = makeChunk();
      this.#chunks.set(number, chunk);
    }
    if (this.#isPlain(number)) {
      this.#lastNumber = number;
      this.#last = chunk;
    }
    return chunk;
  }

  /** Whether nobody wrote near the frame since the memory was made, so that it reads as zeros. */
  isUntouched(frame: number): boolean {
    return !this.#chunks.has(Math.floor(frame / FRAMES_PER_CHUNK)) && !this.#backings.has(frame);
  }

  contains(frame: number): boolean {
    return this.#isRam(frame) || this.#backings.has(frame);
  }

  backingOf(frame: number): FrameBacking | undefined {
    return this.#backings.get(frame);
  }

  back(frame: number, backing: FrameBacking): void {
    this.#backings.set(frame, backing);
    this.#lastNumber = -1;
  }

  unback(frame: number): void {
    this.#backings.delete(frame);
    this.#lastNumber = -1;
  }

  #isRam(frame: number): boolean {
    for (let window = 0; window < this.#firstFrames.length; window++) {
      if (frame >= (this.#firstFrames[window] as number) && frame <= (this.#lastFrames[window] as number)) return true;
    }
    return false;
  }

  #isPlain(number: number): boolean {
    for (let frame = number * FRAMES_PER_CHUNK; frame < (number + 1) * FRAMES_PER_CHUNK; frame++) {
      if (!this.#isRam(frame) || this.#backings.has(frame)) return false;
    }
    return true;
  }
}
