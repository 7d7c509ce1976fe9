import { frameHi, frameLo, type PhysicalMemory } from '../memory/index.js';

/**
 * The part of the arena that the shortest ways know: it starts where the arena does and is a power of two that its address is a multiple
 * of, at most 2 GiB. The offset of a table in it is then the lower part of its address, an int32, and no such offset ends outside, whatever
 * an entry holds. The whole arena in the usual layouts.
 */
export interface ArenaWindow {
  readonly baseHi: number;
  readonly baseLo: number;
  /** Bytes, as a number. */
  readonly size: number;
  /** Bits of a low word that are the same in all of the window, which no other address of the arena has. */
  readonly beyond: number;
  /** Offset of a table: `lo & tableMask`. */
  readonly tableMask: number;
  /** All of the arena. */
  readonly view: DataView;
}

/** Of 2 GiB. */
const MOST_FRAMES_LOG2 = 19;

/** What a field of views holds before its constructor sets it: see NO_WORDS. */
export const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));

/** The window of a memory's arena. */
export function arenaWindow(memory: PhysicalMemory): ArenaWindow {
  const { arenaFirstFrame, arenaFrames, words } = memory;
  let frames = 2 ** Math.min(MOST_FRAMES_LOG2, Math.floor(Math.log2(arenaFrames)));
  while (arenaFirstFrame % frames !== 0) frames /= 2;
  return {
    baseHi: frameHi(arenaFirstFrame),
    baseLo: frameLo(arenaFirstFrame),
    size: frames * 4096,
    beyond: (-frames * 4096) | 0,
    tableMask: ((frames - 1) * 4096) | 0,
    view: new DataView(words.buffer, words.byteOffset, words.byteLength),
  };
}
