import { FrameAllocator, IotlbGather, PhysicalMemory, RadixTable } from '@ioasis/core';
import type { Figures } from './rounds.js';
import type { Subject } from './subjects.js';

const ARENA = { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn };
const TIB = 2 ** 40;

/** One TiB of pages of a size: time of a first and of a second fill, and what the tables take. */
export interface Terabyte {
  readonly coldMs: number;
  readonly warmMs: number;
  readonly tableBytes: number;
  /** Of tables of 4 KiB that are full, and one root. */
  readonly theoryBytes: number;
  /** Growth of the process, bytes. */
  readonly residentBytes: number;
}

/** Maps one TiB with leaves of 2^shift bytes, twice. */
export function mapTerabyte(subject: Subject, shift: number): Terabyte {
  const { format, inputBits, levels, leafBits, tableBits } = subject;
  const before = process.memoryUsage.rss();
  const memory = new PhysicalMemory({ windows: [ARENA], arena: ARENA });
  const frames = new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames });
  const gather = new IotlbGather();
  const fill = (): { readonly ms: number; readonly tables: number } => {
    const table = new RadixTable({ memory, frames, format, inputBits, levels, leafBits, tableBits });
    const start = process.hrtime.bigint();
    const errno = table.mapPages(1, 0, 16, 0, shift, TIB / 2 ** shift, 3, gather);
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    if (errno !== 0) throw new Error(`map answered ${errno}`);
    const tables = frames.framesInUse;
    table.free();
    return { ms, tables };
  };
  const cold = fill();
  const residentBytes = process.memoryUsage.rss() - before;
  const warm = fill();
  let theory = 1;
  for (const level of format.levels.slice(0, levels - 1)) {
    if (level.shift >= shift) theory += Math.ceil(TIB / 2 ** (level.shift + level.indexBits));
  }
  return {
    coldMs: cold.ms,
    warmMs: warm.ms,
    tableBytes: warm.tables * 4096,
    theoryBytes: theory * 4096,
    residentBytes,
  };
}

/** What the goals ask of {@link mapTerabyte}. */
export function terabyteFigures({ warmMs, tableBytes, theoryBytes }: Terabyte): Figures {
  return { tib_fill: (warmMs * 1e6) / (TIB / 4096), tib_bytes: tableBytes / theoryBytes };
}
