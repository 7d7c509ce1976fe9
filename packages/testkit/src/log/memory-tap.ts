import {
  FRAME_BYTES,
  FRAME_SHIFT,
  frameOf,
  join64,
  type FrameRange,
  type MemoryObserver,
  type PhysicalMemory,
} from '@ioasis/core';
import type { ChangedWord } from './event.js';
import type { EventStream } from './event-stream.js';

/** A write that was announced and may have been made since. */
interface Announced {
  readonly start: bigint;
  readonly before: Uint8Array;
  readonly byDevice: boolean;
}

/**
 * Tells a stream which words of tables and structures change. An observer of memory is asked before a write; the words are compared with
 * what was there when the next thing happens.
 */
export class MemoryTap implements MemoryObserver {
  readonly #memory: PhysicalMemory;
  readonly #stream: EventStream;
  /** Where tables are allocated. */
  readonly #tables: FrameRange | undefined;
  /** Frames that a walk read, wherever they are. */
  readonly #walked = new Set<number>();
  #announced: Announced[] = [];

  constructor(memory: PhysicalMemory, stream: EventStream, tables: FrameRange | undefined) {
    this.#memory = memory;
    this.#stream = stream;
    this.#tables = tables;
    memory.addObserver(this);
    stream.settleWith(() => this.#settle());
  }

  /** From now on writes to the frame that holds this address are told. */
  follow(address: bigint): void {
    this.#walked.add(Number(address >> BigInt(FRAME_SHIFT)));
  }

  beforeWrite(paHi: number, paLo: number, bytes: number): void {
    const frame = frameOf(paHi, paLo);
    if (!this.#isTable(frame)) return;
    this.#settle();
    const start = join64(paHi, paLo) & ~7n;
    const before = new Uint8Array((bytes + Number(join64(paHi, paLo) - start) + 7) & ~7);
    this.#read(start, before);
    this.#announced.push({ start, before, byDevice: this.#memory.deviceWriting });
  }

  #isTable(frame: number): boolean {
    const tables = this.#tables;
    if (tables !== undefined && frame >= tables.firstFrame && frame < tables.firstFrame + tables.frames) return true;
    return this.#walked.has(frame);
  }

  #settle(): void {
    if (this.#announced.length === 0) return;
    const announced = this.#announced;
    this.#announced = [];
    for (const { start, before, byDevice } of announced) {
      const after = new Uint8Array(before.length);
      this.#read(start, after);
      const words = changes(start, before, after);
      if (words.length > 0) this.#stream.emitSettled({ kind: 'write', by: byDevice ? 'device' : 'software', words });
    }
  }

  /** Reads without touching the results of loads that somebody may be about to use. */
  #read(start: bigint, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const at = start + BigInt(done);
      const length = Math.min(FRAME_BYTES - Number(at & BigInt(FRAME_BYTES - 1)), into.length - done);
      const hi = Number(BigInt.asIntN(32, at >> 32n));
      this.#memory.readBytes(hi, Number(BigInt.asIntN(32, at)), into, done, length);
      done += length;
    }
  }
}

function changes(start: bigint, before: Uint8Array, after: Uint8Array): ChangedWord[] {
  const old = new DataView(before.buffer);
  const now = new DataView(after.buffer);
  const words: ChangedWord[] = [];
  for (let at = 0; at < before.length; at += 8) {
    if (old.getInt32(at, true) === now.getInt32(at, true) && old.getInt32(at + 4, true) === now.getInt32(at + 4, true))
      continue;
    const address = start + BigInt(at);
    words.push({ address, before: old.getBigUint64(at, true), after: now.getBigUint64(at, true) });
  }
  return words;
}
