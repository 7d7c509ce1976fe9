import { ownTime } from './clock.js';
import { Access, FrameAllocator, IotlbGather, PhysicalMemory, RadixTable, RadixWalker, TableRoot } from '@ioasis/core';
import { checkAutomaticIova, measureAreas } from './areas.js';
import { median } from './goals.js';
import type { Figures } from './rounds.js';
import { subjects, type Subject } from './subjects.js';

const SIZES = [1e3, 1e4, 1e5, 1e6] as const;
const REPETITIONS = 5;
const WARM_UP_SIZE = 2000;
const CHECKED_OPERATIONS = 20_000;
const ARENA = { start: 0x400_0000n, last: 0x7ff_ffffn };
const READ = Access.READ;
const READ_WRITE = 3;
/** What of a cost per operation may grow from a thousand to a million: log n doubles, and a million does not fit the processor's caches. */
const MOST_GROWTH = 20;

/** Costs at each number of pages or areas, ns per operation. */
export interface Growth {
  readonly sizes: readonly number[];
  readonly rows: readonly { readonly what: string; readonly ns: readonly number[]; readonly growth: number }[];
  /** Automatic IOVAs that were compared with a naive first fit, all equal. */
  readonly compared: number;
  readonly lines: readonly string[];
}

/** @throws Error when something grows as if every operation looked at everything, or when a first fit is not the first */
export function measureGrowth(): Growth {
  const compared = checkAutomaticIova(CHECKED_OPERATIONS);
  const memory = new PhysicalMemory({ windows: [ARENA], arena: ARENA });
  const frames = new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames });
  const subject = subjects[0] as Subject;
  // Warm before the first size that counts.
  for (let run = 0; run < REPETITIONS * 4; run++) {
    measurePages(subject, memory, frames, WARM_UP_SIZE);
    measureAreas(WARM_UP_SIZE);
  }
  const bySize = SIZES.map((size) => {
    const runs = Array.from({ length: REPETITIONS }, () => ({
      ...measurePages(subject, memory, frames, size),
      ...measureAreas(size),
    }));
    return (name: string): number => median(runs.map((figures: Figures) => figures[name] as number));
  });
  const named = {
    'map, one page a call': 'map',
    'translate, random': 'walk',
    'dirty read and clear': 'dirty',
    'unmap, one page a call': 'unmap',
    'area insert, in order': 'area_insert',
    'area look-up, random': 'area_find',
    'automatic IOVA': 'automatic_iova',
  };
  const rows = Object.entries(named).map(([what, name]) => {
    const ns = bySize.map((of) => of(name));
    return { what, ns, growth: (ns.at(-1) as number) / (ns[0] as number) };
  });
  for (const { what, growth } of rows) if (growth > MOST_GROWTH) throw new Error(`${what} grows ${growth.toFixed(0)}x`);
  const cells = (values: readonly string[]): string => values.map((value) => value.padStart(10)).join('');
  const lines = [
    `${'ns per operation, by pages or areas'.padEnd(36)}${cells(SIZES.map((size) => size.toExponential(0)))}${cells(['growth'])}`,
    ...rows.map(({ what, ns, growth }) => {
      const all = cells([...ns.map((each) => each.toFixed(1)), `${growth.toFixed(1)}x`]);
      return `${what.padEnd(36)}${all}`;
    }),
  ];
  return { sizes: SIZES, rows, compared, lines };
}

function measurePages(subject: Subject, memory: PhysicalMemory, frames: FrameAllocator, count: number): Figures {
  const { format, inputBits, levels, leafBits, tableBits } = subject;
  const table = new RadixTable({ memory, frames, format, inputBits, levels, leafBits, tableBits });
  const root = new TableRoot(format, { hi: table.rootHi, lo: table.rootLo, levels, inputBits });
  const walker = new RadixWalker({ memory, format });
  const gather = new IotlbGather();
  const hi = (page: number): number => 1 + (page >>> 20);
  const map = time(count, () => {
    for (let i = 0; i < count; i++) table.mapPages(hi(i), i << 12, 16, i << 12, 12, 1, READ_WRITE, gather);
  });
  let state = 12345;
  const walk = time(count, () => {
    for (let i = 0; i < count; i++) {
      state = (Math.imul(state, 0x19660d) + 0x3c6ef35f) | 0;
      const page = (state >>> 0) % count;
      if (!walker.walk(root, hi(page), page << 12, READ)) throw new Error('walk stopped');
    }
  });
  let dirtyBytes = 0;
  const dirty = time(count, () => {
    table.readAndClearDirty(1, 0, count * 4096, 0, { mark: (_hi, _lo, bytes) => void (dirtyBytes += bytes) });
  });
  if (dirtyBytes !== 0) throw new Error(`${dirtyBytes} bytes are dirty`);
  const unmap = time(count, () => {
    for (let i = 0; i < count; i++) table.unmapPages(hi(i), i << 12, 12, 1, gather);
  });
  table.free();
  return { map, walk, dirty, unmap };
}

function time(operations: number, body: () => void): number {
  return ownTime(body) / operations;
}
