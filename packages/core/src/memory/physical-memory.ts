import { hex, rangesOverlap, type Range64 } from '../bits/index.js';
import { FRAME_BYTES, FRAME_SHIFT, frameHi, frameLo, frameOf, WORDS_PER_FRAME, type FrameBacking } from './frame.js';
import type { LineCache, MemoryObserver } from './frame.js';
import { SparseMemory, type Chunk } from './sparse-memory.js';

/** Where RAM is. Ranges are inclusive bytes and cover whole frames. */
export interface MemoryLayout {
  /** RAM; everything between the windows is a hole. Windows do not overlap. */
  readonly windows: readonly Range64[];
  /** The part of one window that is the arena, at most 4 GiB. Costs address space only until it is touched. */
  readonly arena: Range64;
  /**
   * True: the arena is a `SharedArrayBuffer` where the host has them. V8 does not count those when it decides to collect garbage, which an
   * `ArrayBuffer` of 64 MiB makes it do at once (20 ms); clearing a frame takes twice the time. Default false.
   */
  readonly sharedArena?: boolean;
}

const NOBODY: FrameBacking = { read: () => undefined, write: () => undefined };

/** A copy of zeros takes half the time that `fill` takes, a third in shared memory. */
const ZEROS = new Int32Array(WORDS_PER_FRAME);

/** Longest copy done byte by byte: below this a view costs more than the loop. */
const LOOP_BYTES = 96;

/**
 * The machine's RAM. Page tables are expected in the arena, one fixed `Int32Array`; other RAM is sparse; single frames may be
 * backed by somebody else's memory. An access where there is nothing is a bus abort: reads give all ones, writes are lost.
 *
 * Addresses are int32 words (hi, lo); memory is little-endian. Results of {@link load64} and {@link locate} are fields, so that a
 * walk allocates nothing.
 */
export class PhysicalMemory {
  /** The arena, lower word of a 64-bit value at the even index. `words[0]` is the first word of frame {@link arenaFirstFrame}. */
  readonly words: Int32Array;
  /** The same bytes, for copies. */
  readonly bytes: Uint8Array;
  /** The same as doubles, for code that writes whole 64-bit values: see fill-run of the page tables. */
  readonly doubles: Float64Array;
  readonly arenaFirstFrame: number;
  readonly arenaFrames: number;

  /** Word array that {@link locate} found. For an external frame a private copy of it: use loads and stores there. */
  located: Int32Array;
  /** Index in {@link located} of the aligned 4-byte word. */
  locatedIndex = 0;
  /** Whether the last access was to an external frame; after {@link locate}, {@link located} is then a copy of it. */
  isExternal = false;
  /** Whether the last 32-bit access went nowhere. */
  aborted = false;
  /** Words of the last {@link load64}; all ones after a bus abort. */
  loadedHi = 0;
  loadedLo = 0;
  /**
   * True while a unit or a device writes. Such writes are snooped by the CPU's caches; only {@link CacheLines} cares.
   */
  deviceWriting = false;

  /**
   * The caches that a driver flushes and a unit without coherent walk reads through; null: all walks are coherent. Set by
   * {@link CacheLines.install}.
   */
  lineCache: LineCache | null = null;

  readonly #baseHi: number;
  readonly #baseLo: number;
  readonly #arenaWords: number;
  readonly #outside: SparseMemory;
  readonly #wordBytes = new Uint8Array(8);
  readonly #halfBytes = this.#wordBytes.subarray(0, 4);
  readonly #wordView = new DataView(this.#wordBytes.buffer);
  readonly #frameCopy = new Int32Array(WORDS_PER_FRAME);
  readonly #frameCopyBytes = new Uint8Array(this.#frameCopy.buffer);
  #locatedBytes: Uint8Array;
  /** Meaningful while {@link isExternal}. */
  #backing: FrameBacking = NOBODY;
  #observers: readonly MemoryObserver[] = [];
  #observer: MemoryObserver | null = null;

  /** @throws RangeError when a range is not made of whole frames, windows overlap, or the arena is in no window or above 4 GiB */
  constructor(layout: MemoryLayout) {
    const { windows, arena } = layout;
    for (const range of [...windows, arena]) wholeFrames(range);
    windows.forEach((a, at) => {
      for (const b of windows.slice(at + 1)) {
        if (rangesOverlap(a, b)) throw new RangeError(`memory windows at ${hex(a.start)} and ${hex(b.start)} overlap`);
      }
    });
    if (!windows.some((window) => window.start <= arena.start && arena.last <= window.last)) {
      throw new RangeError(`the arena at ${hex(arena.start)} lies in no memory window`);
    }
    const arenaBytes = arena.last - arena.start + 1n;
    if (arenaBytes > 0x1_0000_0000n) throw new RangeError(`an arena of ${hex(arenaBytes)} bytes is above 4 GiB`);
    const isShared = layout.sharedArena === true && typeof SharedArrayBuffer !== 'undefined';
    this.words = new Int32Array(new (isShared ? SharedArrayBuffer : ArrayBuffer)(Number(arenaBytes)));
    this.bytes = new Uint8Array(this.words.buffer);
    this.doubles = new Float64Array(this.words.buffer);
    this.arenaFirstFrame = Number(arena.start >> BigInt(FRAME_SHIFT));
    this.arenaFrames = Number(arenaBytes >> BigInt(FRAME_SHIFT));
    this.#baseHi = frameHi(this.arenaFirstFrame);
    this.#baseLo = frameLo(this.arenaFirstFrame);
    this.#arenaWords = this.words.length;
    this.#outside = new SparseMemory(windows);
    this.located = this.words;
    this.#locatedBytes = this.bytes;
  }

  /** The observer to tell before a write, or null; code that writes {@link words} directly tells it once per batch. */
  get observer(): MemoryObserver | null {
    return this.#observer;
  }

  /** From now on `observer` is told before every write. */
  addObserver(observer: MemoryObserver): void {
    this.#setObservers([...this.#observers, observer]);
  }

  /** Ends what {@link PhysicalMemory.addObserver} began. */
  removeObserver(observer: MemoryObserver): void {
    this.#setObservers(this.#observers.filter((other) => other !== observer));
  }

  #setObservers(observers: readonly MemoryObserver[]): void {
    this.#observers = observers;
    const [first, second] = observers;
    this.#observer =
      second === undefined
        ? (first ?? null)
        : { beforeWrite: (hi, lo, bytes) => observers.forEach((each) => each.beforeWrite(hi, lo, bytes)) };
  }

  /** Index in {@link words} of the aligned word at this address, or -1 when it is not in the arena. */
  arenaIndex(paHi: number, paLo: number): number {
    const borrow = paLo >>> 0 < this.#baseLo >>> 0 ? 1 : 0;
    if (((paHi - this.#baseHi - borrow) | 0) !== 0) return -1;
    const index = ((paLo - this.#baseLo) | 0) >>> 2;
    return index < this.#arenaWords ? index : -1;
  }

  /** Finds the aligned 4-byte word at an address; false = no memory there. Sets {@link located}, {@link locatedIndex}. */
  locate(paHi: number, paLo: number): boolean {
    if (!this.#locate(paHi, paLo, true)) return false;
    if (this.isExternal) {
      this.#backing.read(0, this.#frameCopyBytes);
      this.located = this.#frameCopy;
      this.locatedIndex = (paLo & (FRAME_BYTES - 1)) >>> 2;
    }
    return true;
  }

  /** Finds a word in our own memory, or the backing of an external frame: the two have nothing but the result in common. */
  #locate(paHi: number, paLo: number, create: boolean): boolean {
    const index = this.arenaIndex(paHi, paLo);
    if (index >= 0) {
      this.located = this.words;
      this.#locatedBytes = this.bytes;
      this.locatedIndex = index;
      this.isExternal = false;
      return true;
    }
    const chunk: Chunk | null = this.#outside.find(paHi, paLo, create);
    if (chunk !== null) {
      this.located = chunk.words;
      this.#locatedBytes = chunk.bytes;
      this.locatedIndex = (paLo & 0xffff) >>> 2;
      this.isExternal = false;
      return true;
    }
    const backing = this.#outside.backingOf(frameOf(paHi, paLo));
    if (backing === undefined) return false;
    this.#backing = backing;
    this.isExternal = true;
    return true;
  }

  /** Loads an aligned word (int32). Sets {@link aborted}; an aborted load gives -1. */
  load32(paHi: number, paLo: number): number {
    this.aborted = !this.#locate(paHi, paLo, false);
    if (this.aborted) return -1;
    if (!this.isExternal) return this.located[this.locatedIndex] as number;
    this.#backing.read(paLo & (FRAME_BYTES - 1), this.#halfBytes);
    return this.#wordView.getInt32(0, true);
  }

  /** Stores an aligned word. Sets {@link aborted}. */
  store32(paHi: number, paLo: number, value: number): void {
    if (this.#observer !== null) this.#observer.beforeWrite(paHi, paLo, 4);
    this.aborted = !this.#locate(paHi, paLo, true);
    if (this.aborted) return;
    if (this.isExternal) {
      this.#wordView.setInt32(0, value, true);
      this.#backing.write(paLo & (FRAME_BYTES - 1), this.#halfBytes);
    } else this.located[this.locatedIndex] = value;
  }

  /** Loads an aligned 64-bit value to {@link loadedHi}, {@link loadedLo}; false = bus abort, then both are -1. */
  load64(paHi: number, paLo: number): boolean {
    if (!this.#locate(paHi, paLo, false)) {
      this.loadedHi = -1;
      this.loadedLo = -1;
      return false;
    }
    if (this.isExternal) {
      this.#backing.read(paLo & (FRAME_BYTES - 1), this.#wordBytes);
      this.loadedLo = this.#wordView.getInt32(0, true);
      this.loadedHi = this.#wordView.getInt32(4, true);
    } else {
      this.loadedLo = this.located[this.locatedIndex] as number;
      this.loadedHi = this.located[this.locatedIndex + 1] as number;
    }
    return true;
  }

  /** Stores an aligned 64-bit value in one piece; false = bus abort. */
  store64(paHi: number, paLo: number, hi: number, lo: number): boolean {
    if (this.#observer !== null) this.#observer.beforeWrite(paHi, paLo, 8);
    if (!this.#locate(paHi, paLo, true)) return false;
    if (this.isExternal) {
      this.#wordView.setInt32(0, lo, true);
      this.#wordView.setInt32(4, hi, true);
      this.#backing.write(paLo & (FRAME_BYTES - 1), this.#wordBytes);
    } else {
      this.located[this.locatedIndex] = lo;
      this.located[this.locatedIndex + 1] = hi;
    }
    return true;
  }

  /**
   * Stores `(hi, lo)` when the value there is `(expectHi, expectLo)`, as a locked bus cycle does. The value found is in
   * {@link loadedHi}, {@link loadedLo}.
   * @returns whether it stored; false also on a bus abort
   */
  compareExchange64(paHi: number, paLo: number, expectHi: number, expectLo: number, hi: number, lo: number): boolean {
    if (!this.load64(paHi, paLo)) return false;
    if (this.loadedHi !== (expectHi | 0) || this.loadedLo !== (expectLo | 0)) return false;
    return this.store64(paHi, paLo, hi, lo);
  }

  /**
   * Copies bytes of one frame to `into[offset, offset + length)`; false = bus abort, then `into` is unchanged.
   * @param words the same memory as `into`, for a caller that has it: whole words are then copied as such
   */
  readBytes(
    paHi: number,
    paLo: number,
    into: Uint8Array,
    offset: number,
    length: number,
    words: Int32Array | null = null,
  ): boolean {
    if (!this.#locate(paHi, paLo, false)) return false;
    if (this.isExternal) this.#backing.read(paLo & (FRAME_BYTES - 1), into.subarray(offset, offset + length));
    else if (words !== null && ((paLo | offset | length) & 3) === 0) {
      copyWords(this.located, this.locatedIndex, words, offset >>> 2, length >>> 2);
    } else copyBytes(this.#locatedBytes, this.locatedIndex * 4 + (paLo & 3), into, offset, length);
    return true;
  }

  /** Copies `from[offset, offset + length)` into one frame; false = bus abort. @param words as for {@link readBytes} */
  writeBytes(
    paHi: number,
    paLo: number,
    from: Uint8Array,
    offset: number,
    length: number,
    words: Int32Array | null = null,
  ): boolean {
    if (this.#observer !== null && length > 0) this.#observer.beforeWrite(paHi, paLo, length);
    if (!this.#locate(paHi, paLo, true)) return false;
    if (this.isExternal) this.#backing.write(paLo & (FRAME_BYTES - 1), from.subarray(offset, offset + length));
    else if (words !== null && ((paLo | offset | length) & 3) === 0) {
      copyWords(words, offset >>> 2, this.located, this.locatedIndex, length >>> 2);
    } else copyBytes(from, offset, this.#locatedBytes, this.locatedIndex * 4 + (paLo & 3), length);
    return true;
  }

  /**
   * Reads any number of bytes at any alignment.
   * @returns false when some byte has no memory; such frames leave `into` as it was, the others are read
   */
  read(pa: bigint, into: Uint8Array): boolean {
    return this.#eachFrame(pa, into, this.readBytes);
  }

  /** Writes any number of bytes at any alignment; false when some byte has no memory (the others are written). */
  write(pa: bigint, from: Uint8Array): boolean {
    return this.#eachFrame(pa, from, this.writeBytes);
  }

  #eachFrame(pa: bigint, bytes: Uint8Array, copy: PhysicalMemory['readBytes']): boolean {
    let frame = Number(pa >> BigInt(FRAME_SHIFT));
    let inFrame = Number(pa & BigInt(FRAME_BYTES - 1));
    let complete = true;
    for (let done = 0; done < bytes.length; frame++, inFrame = 0) {
      const length = Math.min(FRAME_BYTES - inFrame, bytes.length - done);
      if (!copy.call(this, frameHi(frame), frameLo(frame) | inFrame, bytes, done, length)) complete = false;
      done += length;
    }
    return complete;
  }

  /** Zeroes whole frames. RAM that was never touched stays untouched. */
  zeroFrames(firstFrame: number, count: number): void {
    for (let frame = firstFrame; frame < firstFrame + count; frame++) {
      const hi = frameHi(frame);
      const lo = frameLo(frame);
      if (this.#observer !== null) this.#observer.beforeWrite(hi, lo, FRAME_BYTES);
      if (this.arenaIndex(hi, lo) < 0 && this.#outside.isUntouched(frame)) continue;
      if (!this.#locate(hi, lo, false)) continue;
      if (this.isExternal) this.#backing.write(0, new Uint8Array(FRAME_BYTES));
      else this.located.set(ZEROS, this.locatedIndex);
    }
  }

  /** Whether there is memory: RAM or an external frame. */
  contains(frame: number): boolean {
    return this.#outside.contains(frame);
  }

  /**
   * From now on the frame is somebody else's memory; it may lie in a hole or in a window. RAM below it is hidden, not lost.
   * @throws RangeError for a frame of the arena, which is accessed without a look-up
   */
  backFrame(frame: number, backing: FrameBacking): void {
    if (frame >= this.arenaFirstFrame && frame < this.arenaFirstFrame + this.arenaFrames) {
      throw new RangeError(`frame ${hex(frame)} belongs to the arena and cannot be backed from outside`);
    }
    this.#outside.back(frame, backing);
  }

  /** Undoes {@link backFrame}. */
  unbackFrame(frame: number): void {
    this.#outside.unback(frame);
  }
}

function copyWords(from: Int32Array, at: number, into: Int32Array, offset: number, count: number): void {
  for (let i = 0; i < count; i++) into[offset + i] = from[at + i] as number;
}

function copyBytes(from: Uint8Array, at: number, into: Uint8Array, offset: number, length: number): void {
  if (length > LOOP_BYTES) into.set(from.subarray(at, at + length), offset);
  else for (let i = 0; i < length; i++) into[offset + i] = from[at + i] as number;
}

function wholeFrames({ start, last }: Range64): void {
  const mask = BigInt(FRAME_BYTES - 1);
  if (start < 0n || last < start || (start & mask) !== 0n || (last & mask) !== mask || last >> 64n !== 0n) {
    throw new RangeError(`${hex(start)}..${hex(last)} is not an ascending range of whole 4 KiB frames`);
  }
}
