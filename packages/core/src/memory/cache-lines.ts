import type { LineCache, MemoryObserver } from './frame.js';
import type { PhysicalMemory } from './physical-memory.js';

const LINE_BYTES = 64;

/**
 * What a unit with a non-coherent page walk sees (VT-d ECAP.C = 0, SMMUv3 COHACC = 0): lines of 64 bytes that the CPU wrote keep
 * their old content for the unit until they are flushed. Memory itself always has the new content. Writes of devices are snooped
 * and need no flush, see {@link PhysicalMemory.deviceWriting}.
 *
 * It costs nothing where it is not installed.
 */
export class CacheLines implements LineCache, MemoryObserver {
  loadedHi = 0;
  loadedLo = 0;
  readonly #memory: PhysicalMemory;
  /** Old content of written lines, by line number (address / 64, below 2^53 for addresses below 2^59). */
  readonly #stale = new Map<number, Uint8Array>();

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /** From now on CPU writes stay in the cache until they are flushed. A second one on the same memory is a bug: throws. */
  install(): void {
    if (this.#memory.lineCache !== null) throw new Error('this memory has cache lines already');
    this.#memory.lineCache = this;
    this.#memory.addObserver(this);
  }

  /** Flushes everything and goes away. */
  remove(): void {
    this.#memory.lineCache = null;
    this.#memory.removeObserver(this);
    this.#stale.clear();
  }

  /** Lines that were written and not flushed. */
  get staleLines(): number {
    return this.#stale.size;
  }

  beforeWrite(paHi: number, paLo: number, bytes: number): void {
    const last = lastLine(paHi, paLo, bytes);
    for (let line = lineOf(paHi, paLo); line <= last; line++) {
      if (this.#memory.deviceWriting) this.#stale.delete(line);
      else if (!this.#stale.has(line)) {
        const content = new Uint8Array(LINE_BYTES);
        if (this.#memory.readBytes(lineHi(line), lineLo(line), content, 0, LINE_BYTES)) this.#stale.set(line, content);
      }
    }
  }

  flush(paHi: number, paLo: number, bytes: number): void {
    const last = lastLine(paHi, paLo, bytes);
    for (let line = lineOf(paHi, paLo); line <= last; line++) this.#stale.delete(line);
  }

  flushAll(): void {
    this.#stale.clear();
  }

  deviceLoad64(paHi: number, paLo: number): boolean {
    const content = this.#stale.get(lineOf(paHi, paLo));
    if (content === undefined) {
      const present = this.#memory.load64(paHi, paLo);
      this.loadedHi = this.#memory.loadedHi;
      this.loadedLo = this.#memory.loadedLo;
      return present;
    }
    const view = new DataView(content.buffer);
    const at = paLo & (LINE_BYTES - 1);
    this.loadedLo = view.getInt32(at, true);
    this.loadedHi = view.getInt32(at + 4, true);
    return true;
  }
}

const lineOf = (paHi: number, paLo: number): number => (paHi >>> 0) * 0x400_0000 + (paLo >>> 6);
const lastLine = (paHi: number, paLo: number, bytes: number): number =>
  Math.floor(((paHi >>> 0) * 0x1_0000_0000 + (paLo >>> 0) + bytes - 1) / LINE_BYTES);
const lineHi = (line: number): number => (line / 0x400_0000) | 0;
const lineLo = (line: number): number => line << 6;
