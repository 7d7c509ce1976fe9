import type { PhysicalMemory, Range64, TranslationUnit } from '@ioasis/core';
import { hex, PhysicalMemory as Memory } from '@ioasis/core';

/** Tables in memory, under a unit that reads them. */
export interface Image {
  readonly unit: TranslationUnit;
  /** Requesters that the image names, with their names; empty: it names none. */
  readonly requesters: readonly { readonly id: number; readonly name: string }[];
}

const FRAME = 4096n;

/** A piece of memory: where it begins and its bytes. */
export type Piece = readonly [address: bigint, bytes: Uint8Array];

/**
 * Memory that has what an image has and nothing else: a table pointer that leads out of it is told from one to an entry of zeros.
 * @throws RangeError for an image without any byte, or with one beyond 2^52
 */
export function sparseMemory(pieces: readonly Piece[]): PhysicalMemory {
  const windows: Range64[] = [];
  for (const [address, bytes] of pieces.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const start = address & ~(FRAME - 1n);
    const last = (address + BigInt(bytes.length) - 1n) | (FRAME - 1n);
    const previous = windows.at(-1);
    if (previous !== undefined && previous.last + 1n >= start) {
      windows[windows.length - 1] = { start: previous.start, last: last > previous.last ? last : previous.last };
    } else windows.push({ start, last });
  }
  const [first] = windows;
  if (first === undefined) throw new RangeError('the image has no memory');
  const end = windows.at(-1)?.last ?? 0n;
  if (end >> 52n !== 0n) throw new RangeError(`the image ends at ${hex(end)}, above 52 bits`);
  const memory = new Memory({ windows, arena: { start: first.start, last: first.start + FRAME - 1n } });
  for (const [address, bytes] of pieces) memory.write(address, bytes);
  return memory;
}
