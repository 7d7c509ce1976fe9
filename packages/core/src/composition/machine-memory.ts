import type { MemoryLayout, FrameRange } from '../memory/index.js';
import { FRAME_BYTES } from '../memory/index.js';

/** The first 2 GiB: RAM that no allocator hands out, for firmware, guests and tests. Up to 4 GiB there is a hole for devices. */
const LOW_LAST = 0x7fff_ffffn;
const TABLES_START = 0x1_0000_0000n;
const USER_START = 0x10_0000_0000n;
const LEAST_TABLE_BYTES = 0x4000_0000;
/** Largest arena that the garbage collector is not told of: what machines touched of larger ones may not wait for it. */
const MOST_UNCOUNTED_BYTES = 0x400_0000;

/** Where the RAM of a machine is and who hands it out. */
export interface MachineMemory {
  readonly layout: MemoryLayout;
  /** Page tables and structures of units; begins with the arena. */
  readonly tables: FrameRange;
  /** Programs. */
  readonly user: FrameRange;
}

/** Lays RAM out: 2 GiB from 0, tables from 4 GiB, programs from 64 GiB. Sizes are bytes. */
export function machineMemory(arenaBytes: number, userBytes: number): MachineMemory {
  const tableBytes = Math.max(arenaBytes, LEAST_TABLE_BYTES);
  const window = (start: bigint, bytes: number): { start: bigint; last: bigint } => ({
    start,
    last: start + BigInt(bytes) - 1n,
  });
  const frames = (start: bigint, bytes: number): FrameRange => ({
    firstFrame: Number(start) / FRAME_BYTES,
    frames: bytes / FRAME_BYTES,
  });
  return {
    layout: {
      windows: [{ start: 0n, last: LOW_LAST }, window(TABLES_START, tableBytes), window(USER_START, userBytes)],
      arena: window(TABLES_START, arenaBytes),
      sharedArena: arenaBytes <= MOST_UNCOUNTED_BYTES,
    },
    tables: frames(TABLES_START, tableBytes),
    user: frames(USER_START, userBytes),
  };
}
