import { FrameAllocator, PhysicalMemory } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { ENTRY_WORDS, EntryWriter, type EntryWords, type UsedBits } from '../../src/driver/entry-writer.js';
import { SharedMemory } from '../../src/driver/shared-memory.js';
import { usedOfContext, usedOfStreamEntry } from '../../src/driver/used-bits.js';
import { wordsOf } from '../bench-machine.js';

const entry = (...words: readonly bigint[]): EntryWords =>
  Array.from({ length: ENTRY_WORDS }, (_, index) => words[index] ?? 0n);

const VALID_STE = 1n;
const TABLE = 0xf_0000_1000n;
/** S1CIR, S1COR write-back, S1CSH inner; EATS full. Bits as IHI 0070 5.2 numbers them. */
const CACHED = (1n << 2n) | (1n << 4n) | (3n << 6n) | (1n << 28n);
const USE_INCOMING = 1n << 44n;
const s1 = (dss: bigint, more = 0n, table = TABLE): EntryWords =>
  entry(VALID_STE | (5n << 1n) | table | (10n << 59n), dss | CACHED | more);
/** S2T0SZ 20, 4K from level 0, write-back and inner shareable, S2PS 44 bits, AA64, PTW, R. */
const S2_SHAPE =
  (20n << 32n) | (2n << 38n) | (5n << 40n) | (3n << 44n) | (4n << 48n) | (1n << 51n) | (1n << 54n) | (1n << 58n);
const s2 = (vmid: bigint, stalls = 0n): EntryWords =>
  entry(VALID_STE | (6n << 1n), USE_INCOMING | (1n << 28n), vmid | S2_SHAPE | (stalls << 57n), 0x8_8000_0000n);

const STREAMS = {
  invalid: entry(),
  abort: entry(VALID_STE),
  bypass: entry(VALID_STE | (4n << 1n), USE_INCOMING),
  cdtable: s1(2n),
  'cdtable, terminating': s1(0n),
  's1dss-bypass': s1(1n, USE_INCOMING),
  'cdtable elsewhere, terminating': s1(0n, 0n, 0xf_0002_0000n),
  's1 that cannot stall': s1(2n, 1n << 27n),
  's2, VMID 0': s2(0n),
  's2, VMID 0, stalling': s2(0n, 1n),
  's2, VMID 7': s2(7n),
} as const;

const VALID_CD = 1n << 31n;
/** T0SZ 16, 4K, write-back, inner shareable. */
const LOWER = 0x3510n;
const MAIR = 0xf404_ff44n;
/** EPD1, V, IPS 44, AA64, R, A. */
const CD_REST = 0x6204_c000_0000n;
const cd = (asid: bigint, table: bigint): EntryWords => entry((asid << 48n) | CD_REST | LOWER, table, 0n, MAIR);

const CONTEXTS = {
  clear: entry(),
  s1: cd(18n, 0x4_0000_1000n),
  's1, other ASID': cd(778n, 0x4_0000_1000n),
  's1, other ASID and table': cd(778n, 0x4_0000_2000n),
  sva: cd(21n, 0x4_0000_3000n),
  'sva released': entry((21n << 48n) | CD_REST | (1n << 14n), 0n, 0n, MAIR),
} as const;

const KINDS = {
  STE: { used: usedOfStreamEntry, valid: VALID_STE },
  CD: { used: usedOfContext, valid: VALID_CD },
} as const;

/** What memory holds at the start and after every step. */
function statesOf(used: UsedBits, from: EntryWords, to: EntryWords): EntryWords[] {
  const memory = new PhysicalMemory({
    windows: [{ start: 0n, last: 0xffffn }],
    arena: { start: 0n, last: 0xffffn },
  });
  const address = 0x2000n;
  const bytes = new Uint8Array(ENTRY_WORDS * 8);
  from.forEach((word, index) => new DataView(bytes.buffer).setBigUint64(index * 8, word, true));
  memory.write(address, bytes);
  const now = (): EntryWords =>
    Array.from({ length: ENTRY_WORDS }, (_, index) => wordsOf(memory)(address + BigInt(index * 8)));
  const states = [now()];
  const shared = new SharedMemory(memory, new FrameAllocator(memory, { firstFrame: 0, frames: 1 }), true);
  new EntryWriter(shared, used).write(address, to, () => void states.push(now()));
  expect(now()).toEqual(states.at(-1));
  return states;
}

/** Everything that hardware can make of a step: eight reads in any order among its writes give each word old or new. */
function* mixesOf(before: EntryWords, after: EntryWords): Generator<EntryWords> {
  for (let choice = 0; choice < 1 << ENTRY_WORDS; choice++) {
    yield before.map((word, index) => (((choice >> index) & 1) === 0 ? word : after[index]!));
  }
}

/** How disturbing a change is: whether hardware can meet an invalid entry on the way. Fails when it can meet a wrong one. */
function change(kind: keyof typeof KINDS, from: EntryWords, to: EntryWords) {
  const { used, valid } = KINDS[kind];
  const seen = (words: EntryWords): string =>
    used(words)
      .map((mask, index) => words[index]! & mask)
      .join();
  const legal = new Set([seen(from), seen(to)]);
  const states = statesOf(used, from, to);
  expect(states.at(-1)).toEqual(to);
  let isHitless = true;
  for (let step = 1; step < states.length; step++) {
    expect(states[step], 'a sync follows a change').not.toEqual(states[step - 1]);
    for (const mix of mixesOf(states[step - 1]!, states[step]!)) {
      if (legal.has(seen(mix))) continue;
      expect(mix[0]! & valid, `step ${step} shows ${mix.map((word) => word.toString(16)).join()}`).toBe(0n);
      isHitless = false;
    }
  }
  return { syncs: states.length - 1, kind: isHitless ? 'hitless' : 'breaking' };
}

type Row<Name> = [from: Name, to: Name, syncs: number, kind: 'hitless' | 'breaking'];

const STREAM_ROWS: readonly Row<keyof typeof STREAMS>[] = [
  ['bypass', 'abort', 2, 'hitless'],
  ['abort', 'bypass', 2, 'hitless'],
  ['cdtable', 'abort', 2, 'hitless'],
  ['abort', 'cdtable', 2, 'hitless'],
  ['cdtable', 'bypass', 3, 'hitless'],
  ['bypass', 'cdtable', 3, 'hitless'],
  ['cdtable', 'cdtable, terminating', 1, 'hitless'],
  ['cdtable, terminating', 'cdtable', 1, 'hitless'],
  ['cdtable', 's1dss-bypass', 1, 'hitless'],
  ['s1dss-bypass', 'cdtable', 1, 'hitless'],
  ['s1dss-bypass', 'bypass', 2, 'hitless'],
  ['bypass', 's1dss-bypass', 2, 'hitless'],
  ['s2, VMID 0', 'abort', 2, 'hitless'],
  ['abort', 's2, VMID 0', 2, 'hitless'],
  ['s2, VMID 0', 'bypass', 2, 'hitless'],
  ['bypass', 's2, VMID 0', 2, 'hitless'],
  ['cdtable', 's2, VMID 0', 3, 'hitless'],
  ['s2, VMID 0', 'cdtable', 3, 'hitless'],
  ['s1 that cannot stall', 's2, VMID 0, stalling', 3, 'hitless'],
  ['s2, VMID 0, stalling', 's1 that cannot stall', 3, 'hitless'],
  // Stage 1 of EL1 has a VMID too: two words that hardware looks at differ.
  ['cdtable', 's2, VMID 7', 3, 'breaking'],
  ['cdtable', 'cdtable elsewhere, terminating', 3, 'breaking'],
  ['cdtable elsewhere, terminating', 'cdtable', 3, 'breaking'],
  ['cdtable', 'cdtable', 0, 'hitless'],
];

const CONTEXT_ROWS: readonly Row<keyof typeof CONTEXTS>[] = [
  ['clear', 's1', 2, 'hitless'],
  ['s1', 'clear', 2, 'hitless'],
  ['s1', 's1, other ASID', 1, 'hitless'],
  ['s1', 's1, other ASID and table', 3, 'breaking'],
  ['clear', 'sva', 2, 'hitless'],
  ['sva', 'clear', 2, 'hitless'],
  ['sva', 'sva released', 2, 'hitless'],
  ['sva released', 'sva', 2, 'hitless'],
];

describe('writing an entry that hardware reads word by word', () => {
  it.each(STREAM_ROWS)('takes an STE from %s to %s in %i steps, %s', (from, to, syncs, kind) => {
    expect(change('STE', STREAMS[from], STREAMS[to])).toEqual({ syncs, kind });
  });

  it.each(CONTEXT_ROWS)('takes a CD from %s to %s in %i steps, %s', (from, to, syncs, kind) => {
    expect(change('CD', CONTEXTS[from], CONTEXTS[to])).toEqual({ syncs, kind });
  });

  it('never shows anything but the old entry, the new one or an invalid one, whatever the two are', () => {
    for (const [kind, entries] of [
      ['STE', Object.values(STREAMS)],
      ['CD', Object.values(CONTEXTS)],
    ] as const) {
      for (const from of entries) for (const to of entries) expect(change(kind, from, to).syncs).toBeLessThanOrEqual(3);
    }
  });
});
