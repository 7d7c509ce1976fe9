import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  Access,
  FrameAllocator,
  hi32,
  IotlbGather,
  join64,
  lo32,
  PhysicalMemory,
  RadixTable,
  RadixWalker,
  TableRoot,
  type PageTableFormat,
  type RadixTableOptions,
} from '../../src/index.js';
import { amdV1, arm, vtdSecondStage } from './formats.js';

/* Tables that Linux 6.12 drivers wrote (fixtures/linux-tables): every mapping listed there is found, and is written alike by us. */

type Mapping = readonly [
  iova: string,
  size: string,
  pa: string,
  level: number,
  prot: string,
  bits: string,
  page?: string,
];

interface Snapshot {
  readonly pages: readonly (readonly [string, string])[];
  readonly devices?: readonly {
    readonly table_root?: string;
    readonly levels: number;
    readonly mappings: readonly Mapping[];
  }[];
  readonly streams?: readonly { readonly ttb0: string; readonly t0sz: number; readonly mappings: readonly Mapping[] }[];
}

interface Tree {
  readonly root: bigint;
  readonly levels: number;
  readonly inputBits: number;
  readonly mappings: readonly Mapping[];
}

const load = (name: string): Snapshot =>
  JSON.parse(
    gunzipSync(readFileSync(new URL(`../../../../fixtures/linux-tables/${name}.json.gz`, import.meta.url))).toString(),
  ) as Snapshot;

/** What each driver's leaves and links hold besides addresses, from the snapshots' own notes. */
const rw = (prot: number, read: bigint, write: bigint): bigint =>
  ((prot & 1) === 0 ? 0n : read) | ((prot & 2) === 0 ? 0n : write);

interface Case {
  readonly file: string;
  readonly format: PageTableFormat;
  readonly trees: (snapshot: Snapshot) => Tree[];
  readonly driver: Pick<RadixTableOptions, 'leafBits' | 'tableBits'> & Partial<RadixTableOptions>;
  /** log2 of the pages that a mapping is made of. */
  readonly shiftOf: (mapping: Mapping) => number;
}

const log2 = (size: bigint): number => size.toString(2).length - 1;

const cases: readonly Case[] = [
  {
    file: 'vtd-linux-6.12-aw39',
    format: vtdSecondStage(3, 40),
    trees: ({ devices = [] }) =>
      devices.map(({ table_root, levels, mappings }) => ({
        root: BigInt(table_root ?? 0),
        levels,
        inputBits: 39,
        mappings,
      })),
    driver: { leafBits: (prot) => 1n | rw(prot, 1n, 2n), tableBits: 3n },
    shiftOf: ([, , , level]) => 3 + 9 * level,
  },
  {
    file: 'amdvi-linux-6.12',
    format: amdV1,
    trees: ({ devices = [] }) =>
      devices
        .filter(({ table_root }) => table_root !== undefined)
        .map(({ table_root, levels, mappings }) => ({
          root: BigInt(table_root ?? 0),
          levels,
          inputBits: Math.min(64, 12 + 9 * levels),
          mappings,
        })),
    driver: {
      leafBits: (prot) => (1n << 60n) | 1n | rw(prot, 1n << 61n, 1n << 62n),
      tableBits: (3n << 61n) | 1n,
      growingRoot: true,
      overwrite: 'replace',
      unlink: 'keep',
    },
    shiftOf: ([, , , level, , , page]) => (page === undefined ? 3 + 9 * level : log2(BigInt(page))),
  },
  {
    file: 'smmuv3-linux-6.12-4k',
    format: arm(1, 12),
    trees: ({ streams = [] }) =>
      streams.map(({ ttb0, t0sz, mappings }) => ({ root: BigInt(ttb0), levels: 4, inputBits: 64 - t0sz, mappings })),
    driver: { leafBits: (prot) => 0xf45n | ((prot & 2) === 0 ? 0x80n : 0n), tableBits: 1n },
    shiftOf: ([, , , level]) => 12 + 9 * (3 - level),
  },
];

const PROTS: Readonly<Record<string, number>> = { ro: 1, wo: 2, rw: 3 };
const RAM = { start: 0x1000n, last: 0x2_0fff_ffffn };

/** The snapshot's memory: tables in the arena, or in RAM outside of it, or in frames of somebody else. */
function memoryOf(snapshot: Snapshot, place: 'arena' | 'sparse' | 'external'): PhysicalMemory {
  const arena =
    place === 'arena' ? { start: 0x1_0000_0000n, last: 0x1_7fff_ffffn } : { start: 0x2_0000_0000n, last: RAM.last };
  const memory = new PhysicalMemory({ windows: [RAM], arena });
  for (const [address, hex] of snapshot.pages) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    const page = BigInt(address) & ~0xfffn;
    if (place === 'external') {
      const frame = new Uint8Array(4096);
      frame.set(bytes, Number(BigInt(address) & 0xfffn));
      memory.backFrame(Number(page >> 12n), {
        read: (offset, into) => into.set(frame.subarray(offset, offset + into.length)),
        write: (offset, from) => frame.set(from, offset),
      });
    } else memory.write(BigInt(address), bytes);
  }
  return memory;
}

describe.each(cases.map((each) => [each.file, each] as const))('%s', (_file, each) => {
  const snapshot = load(each.file);
  const trees = each.trees(snapshot);

  it.each(['arena', 'sparse', 'external'] as const)('finds every mapping with the tables in %s memory', (place) => {
    const memory = memoryOf(snapshot, place);
    const walker = new RadixWalker({ memory, format: each.format });
    let found = 0;
    for (const { root, levels, inputBits, mappings } of trees) {
      const start = new TableRoot(each.format, { hi: hi32(root), lo: lo32(root), levels, inputBits });
      for (const mapping of mappings) {
        const [first, size, target, , prot] = mapping;
        const shift = each.shiftOf(mapping);
        const step = 1n << BigInt(shift);
        for (let offset = 0n; offset < BigInt(size); offset += step) {
          const iova = BigInt(first) + offset + (step >> 1n) + 5n;
          expect(walker.walk(start, hi32(iova), lo32(iova), prot === 'wo' ? Access.WRITE : Access.READ)).toBe(true);
          expect(join64(walker.paHi, walker.paLo)).toBe(BigInt(target) + (iova - BigInt(first)));
          expect(walker.pageShift).toBe(shift);
          expect(walker.permissions(false) & 3).toBe(PROTS[prot]);
          found++;
        }
      }
    }
    expect(found).toBeGreaterThan(700);
  });

  it('writes the same entries for the same mappings', () => {
    const memory = memoryOf(snapshot, 'sparse');
    const frames = new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames });
    const walker = new RadixWalker({ memory, format: each.format });
    walker.isWatched = true;
    const gather = new IotlbGather();
    for (const { root, levels, inputBits, mappings } of trees) {
      const isGrowing = each.driver.growingRoot === true;
      const ours = new RadixTable({
        memory,
        frames,
        format: each.format,
        ...each.driver,
        ...(isGrowing ? { levels: 3, inputBits: 39 } : { levels, inputBits }),
      });
      for (const mapping of mappings) {
        const [iova, size, pa, , prot] = mapping;
        const shift = each.shiftOf(mapping);
        const count = Number(BigInt(size) >> BigInt(shift));
        const words = [iova, pa].flatMap((text) => [hi32(BigInt(text)), lo32(BigInt(text))]) as [
          number,
          number,
          number,
          number,
        ];
        expect(ours.mapPages(...words, shift, count, PROTS[prot] ?? 0, gather)).toBe(0);
      }
      const linux = new TableRoot(each.format, { hi: hi32(root), lo: lo32(root), levels, inputBits });
      const us = new TableRoot(each.format, {
        hi: ours.rootHi,
        lo: ours.rootLo,
        levels: ours.levels,
        inputBits: ours.inputBits,
      });
      // Linux grew a root for mappings that are gone by now in some tables.
      expect(ours.levels).toBeLessThanOrEqual(levels);
      const leafAt = (start: TableRoot, iova: bigint): bigint[] => {
        expect(walker.walk(start, hi32(iova), lo32(iova), 0)).toBe(true);
        return [BigInt(walker.level), join64(walker.entryHi, walker.entryLo)];
      };
      for (const [iova, size, , , , bits] of mappings) {
        // The doorbell page of an MSI is device memory, which is the caller's wish and not the table's.
        if (bits === '0x60000000000e4b') continue;
        for (const at of [BigInt(iova), BigInt(iova) + BigInt(size) - 1n])
          expect(leafAt(us, at)).toEqual(leafAt(linux, at));
      }
      ours.free();
    }
    expect(frames.framesInUse).toBe(0);
  });
});
