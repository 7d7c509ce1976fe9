/** log2 of {@link FRAME_BYTES}. */
export const FRAME_SHIFT = 12;
/** Bytes of a frame, the unit in which physical memory is handed out. */
export const FRAME_BYTES = 4096;
/** 32-bit words of a frame. */
export const WORDS_PER_FRAME = 1024;

/** Number of the frame that holds a physical address given as words: address / 4096, a double below 2^52. */
export const frameOf = (paHi: number, paLo: number): number => (paHi >>> 0) * 0x10_0000 + (paLo >>> FRAME_SHIFT);

/** High word (int32) of the address of a frame's first byte. */
export const frameHi = (frame: number): number => (frame / 0x10_0000) | 0;

/** Low word (int32) of the address of a frame's first byte: a shift takes its operand modulo 2^32, so the upper bits of a frame go by themselves. */
export const frameLo = (frame: number): number => frame << FRAME_SHIFT;

/** Physical address of a frame's first byte. */
export const frameAddress = (frame: number): bigint => BigInt(frame) << BigInt(FRAME_SHIFT);

/** Memory of one 4 KiB frame that is not ours: a guest's, a snapshot's, another process's. Offsets are bytes inside the frame. */
export interface FrameBacking {
  /** Fills `into` with the bytes from `offset` on; never crosses the frame's end. */
  read(offset: number, into: Uint8Array): void;
  /** Stores `from` at `offset`; never crosses the frame's end. */
  write(offset: number, from: Uint8Array): void;
}

/** Told before memory changes, so that a checker can compare old and new content. */
export interface MemoryObserver {
  /** `[pa, pa + bytes)` is about to be written; the range lies inside one frame unless the page-table engine reports a whole batch. */
  beforeWrite(paHi: number, paLo: number, bytes: number): void;
}

/** The CPU's caches as a unit that does not snoop them meets them. Implemented by `CacheLines`. */
export interface LineCache {
  /** Words of the last {@link deviceLoad64}. */
  readonly loadedHi: number;
  readonly loadedLo: number;
  /** Writes the lines of `[pa, pa + bytes)` back (clflush, dc cvac): the unit sees what memory holds. */
  flush(paHi: number, paLo: number, bytes: number): void;
  /** Writes everything back (wbinvd; draining a chipset's write buffer). */
  flushAll(): void;
  /** An aligned 64-bit load as the unit sees it; false = bus abort, then both words are -1. */
  deviceLoad64(paHi: number, paLo: number): boolean;
}
