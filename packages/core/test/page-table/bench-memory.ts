import { FrameAllocator, PhysicalMemory, RadixTable, TableRoot, type RadixTableOptions } from '../../src/index.js';
import type { FormatUnderTest } from './formats.js';

/** Physical address of the arena's first byte in these tests; not zero, so that a forgotten offset shows. */
export const ARENA = 0x4000_0000n;

/** Memory whose only RAM is an arena, and an allocator over it. */
export function makeMemory(megabytes = 16): { readonly memory: PhysicalMemory; readonly frames: FrameAllocator } {
  const arena = { start: ARENA, last: ARENA + BigInt(megabytes) * 0x10_0000n - 1n };
  const memory = new PhysicalMemory({ windows: [arena], arena });
  const frames = new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames });
  return { memory, frames };
}

/** A table of a format with the defaults of its driver. */
export function makeTable(
  under: FormatUnderTest,
  place: ReturnType<typeof makeMemory>,
  options: Partial<RadixTableOptions> = {},
): RadixTable {
  const { format, inputBits, leafBits, tableBits } = under;
  return new RadixTable({ ...place, format, inputBits, leafBits, tableBits, ...options });
}

/** The same, and if `frames` is not 0, only so many frames which would have come before the root are left for the tables below it. */
export function makeApart(
  under: FormatUnderTest,
  place: ReturnType<typeof makeMemory>,
  frames: number,
  options: Partial<RadixTableOptions>,
): RadixTable {
  const first = Array.from({ length: frames }, () => place.frames.allocate(0));
  const table = makeTable(under, place, options);
  while (frames > 0 && place.frames.allocate(0) >= 0);
  for (const frame of first) place.frames.free(frame, 0);
  return table;
}

/** The root that a unit would walk this table from. */
export const rootOf = (table: RadixTable): TableRoot =>
  new TableRoot(table.format, { hi: table.rootHi, lo: table.rootLo, levels: table.levels, inputBits: table.inputBits });
