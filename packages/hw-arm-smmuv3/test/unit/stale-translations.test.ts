import { Access, hex, NO_PASID } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SmmuV3CacheOptions } from '../../src/index.js';
import { BLOCK, PAGE, S2_BLOCK, S2_PAGE, SmmuRig } from './rig.js';

/*
 * Tables and structures are edited in random order. When each edit is followed by the invalidation that the architecture prescribes
 * for it, break before make where the size changes (DDI 0487 D8.16), the unit never answers from an old entry; when it is left out, stale
 * answers are seen in a share of the runs.
 */

const MIB2 = 0x20_0000n;
/** Regions of 2 MiB in three places: two neighbours and one under another table of level 1. */
const REGIONS = [0x4000_0000n, 0x4000_0000n + MIB2, 0x80_0000_0000n];
const PAGES = [0n, 0x1000n, 0x5000n, 0x1f_f000n];
const STREAMS = [0x10, 0x11, 0x80];
const TARGETS = [0x1_0000_0000n, 0x1_4000_0000n, 0x1_8000_0000n];
const READ_ONLY = 0x80n;
const PRESENT = 1n;

interface Edit {
  readonly kind: 'page' | 'large' | 'unlink' | 'attach' | 'host';
  readonly table: number;
  readonly region: number;
  readonly page: number;
  readonly target: number;
  readonly rights: 'none' | 'ro' | 'rw';
  readonly stream: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('page', 'page', 'page', 'large', 'unlink', 'attach', 'host'),
  table: fc.nat(1),
  region: fc.nat(REGIONS.length - 1),
  page: fc.nat(PAGES.length - 1),
  target: fc.nat(TARGETS.length - 1),
  rights: fc.constantFrom('none', 'ro', 'rw', 'rw'),
  stream: fc.nat(STREAMS.length - 1),
});

/** What tells a world of stage 1 tables from one of stage 2 tables and from a nested one. */
interface World {
  readonly rig: SmmuRig;
  readonly roots: readonly bigint[];
  leaf(target: bigint, rights: Edit['rights'], large: boolean): bigint;
  /** After the entries of 2^shift bytes changed; not only leaves when a table went. */
  dropPages(table: number, iova: bigint, shift: number, leafOnly: boolean): void;
  /** Points a stream to a table, and says so. */
  attach(stream: number, table: number, invalidates: boolean): void;
  /** Changes where stage 2 has the pages of a target. */
  host?(target: number, invalidates: boolean): void;
}

const tlbi = (opcode: bigint, vmid: bigint, asid: bigint): bigint => opcode | (vmid << 32n) | (asid << 48n);

/** Pages one by one, or as a range of granules with its level. */
function named(rig: SmmuRig, q0: bigint, iova: bigint, shift: number, leafOnly: boolean, ranged: boolean): void {
  const leaf = leafOnly ? 1n : 0n;
  if (!ranged) {
    const count = leafOnly ? 1n << BigInt(shift - 12) : 1n;
    for (let page = 0n; page < count; page++) rig.submit([q0, (iova + page * 0x1000n) | leaf]);
    return;
  }
  const level = leafOnly && shift === 12 ? 3n : 0n;
  const scale = BigInt(shift - 12);
  rig.submit([q0 | (scale << 20n), iova | leaf | (1n << 10n) | (level << 8n)]);
}

function stage1World(ranged: boolean, caches: SmmuV3CacheOptions): World {
  const rig = new SmmuRig({ caches });
  const roots = [rig.page(), rig.page()];
  const cds = STREAMS.map(() => rig.page());
  STREAMS.forEach((stream, index) => rig.ste(stream, { cd: cds[index]!, vmid: 3n }));
  return {
    rig,
    roots,
    leaf: (target, rights, large) => target | (large ? BLOCK : PAGE) | (rights === 'ro' ? READ_ONLY : 0n),
    dropPages: (table, iova, shift, leafOnly) =>
      named(rig, tlbi(0x12n, 3n, BigInt(table + 1)), iova, shift, leafOnly, ranged),
    attach: (stream, table, invalidates) => {
      rig.cd(cds[stream]!, { asid: BigInt(table + 1), ttb0: roots[table]! });
      if (invalidates) rig.submit([0x05n | (BigInt(STREAMS[stream]!) << 32n), 1n]);
    },
  };
}

function stage2World(ranged: boolean, caches: SmmuV3CacheOptions): World {
  const rig = new SmmuRig({ caches });
  const roots = [rig.page(), rig.page()];
  return {
    rig,
    roots,
    leaf: (target, rights, large) => target | ((large ? S2_BLOCK : S2_PAGE) & (rights === 'ro' ? ~0x80n : -1n)),
    dropPages: (table, iova, shift, leafOnly) =>
      named(rig, tlbi(0x2an, BigInt(table + 1), 0n), iova, shift, leafOnly, ranged),
    attach: (stream, table, invalidates) => {
      rig.stage2(STREAMS[stream]!, { s2ttb: roots[table]!, vmid: BigInt(table + 1) });
      if (invalidates) rig.submit([0x03n | (BigInt(STREAMS[stream]!) << 32n), 1n]);
    },
  };
}

/** Stage 1 leads to IPAs, one block of 1 GiB for each target; stage 2 says where it is. */
function nestedWorld(ranged: boolean, caches: SmmuV3CacheOptions): World {
  const rig = new SmmuRig({ caches });
  const host = rig.page();
  const roots = [rig.page(), rig.page()];
  const cds = STREAMS.map(() => rig.page());
  STREAMS.forEach((stream, index) => rig.ste(stream, { config: 7n, cd: cds[index]!, vmid: 3n, s2ttb: host }));
  for (let block = 0n; block < 0x400_0000n; block += MIB2) rig.map(host, block, block | S2_BLOCK, 2);
  const ipaOf = (target: bigint): bigint => 0x40_0000_0000n + (target - TARGETS[0]!);
  const place = (target: number, at: number): bigint =>
    rig.map(host, ipaOf(TARGETS[target]!), TARGETS[at]! | S2_BLOCK, 1);
  const moved = TARGETS.map((_, target) => (place(target, target), target));
  return {
    rig,
    roots,
    leaf: (target, rights, large) => ipaOf(target) | (large ? BLOCK : PAGE) | (rights === 'ro' ? READ_ONLY : 0n),
    dropPages: (table, iova, shift, leafOnly) =>
      named(rig, tlbi(0x12n, 3n, BigInt(table + 1)), iova, shift, leafOnly, ranged),
    attach: (stream, table, invalidates) => {
      rig.cd(cds[stream]!, { asid: BigInt(table + 1), ttb0: roots[table]! });
      if (invalidates) rig.submit([0x05n | (BigInt(STREAMS[stream]!) << 32n), 1n]);
    },
    host: (target, invalidates) => {
      moved[target] = (moved[target]! + 1) % TARGETS.length;
      const at = place(target, moved[target]!);
      expect(rig.load(at)).not.toBe(0n);
      // Stage 2 alone, then what was combined with stage 1.
      if (invalidates) rig.submit([tlbi(0x2an, 3n, 0n), ipaOf(TARGETS[target]!) | 1n], [tlbi(0x10n, 3n, 0n)]);
    },
  };
}

/** Writes an entry: through an invalid one when a page's place changes. */
function apply(world: World, { kind, table, region, page, target, rights, stream }: Edit, invalidates: boolean): void {
  const { rig } = world;
  const root = world.roots[table]!;
  const base = REGIONS[region]!;
  if (kind === 'attach') return world.attach(stream, table, invalidates);
  if (kind === 'host') return world.host?.(target, invalidates);
  const upper = rig.entryAt(root, base, 2);
  const old = rig.load(upper);
  const isTable = (old & 3n) === 3n;
  const drop = (iova: bigint, shift: number, leafOnly: boolean): void => {
    if (invalidates) world.dropPages(table, iova, shift, leafOnly);
  };
  const leaf = rights === 'none' ? 0n : world.leaf(TARGETS[target]!, rights, kind === 'large');
  if (kind === 'page' && (isTable || leaf !== 0n)) {
    if (!isTable && (old & PRESENT) !== 0n) {
      rig.store(upper, 0n);
      drop(base, 21, true);
    }
    const at = rig.entryAt(root, base + PAGES[page]!, 3);
    if ((rig.load(at) & PRESENT) !== 0n) {
      rig.store(at, 0n);
      drop(base + PAGES[page]!, 12, true);
    }
    rig.store(at, leaf);
  } else if (kind === 'large' || kind === 'unlink') {
    if ((old & PRESENT) !== 0n) {
      rig.store(upper, 0n);
      // The pages below a table, and the table itself.
      if (isTable) for (const offset of PAGES) drop(base + offset, 12, true);
      drop(base, 21, !isTable);
    }
    if (kind === 'large') rig.store(upper, leaf);
  }
}

/** How many answers are not what the tables say now. */
function staleAnswers({ rig }: World): number {
  let stale = 0;
  for (const stream of STREAMS) {
    for (const region of REGIONS) {
      for (const page of PAGES) {
        const iova = region + page;
        const access = page === 0x1000n ? Access.WRITE : Access.READ;
        const now = rig.unit.explain(stream, NO_PASID, iova, access);
        const expected = now.pa === undefined ? now.fault!.name : hex(now.pa);
        if (rig.ask(stream, iova, access) !== expected) stale++;
      }
    }
  }
  return stale;
}

function play(world: World, edits: readonly Edit[], invalidates: boolean): number {
  STREAMS.forEach((_, stream) => world.attach(stream, stream % 2, false));
  world.rig.enable();
  let stale = 0;
  for (const one of edits) {
    apply(world, one, invalidates);
    stale += staleAnswers(world);
  }
  return stale;
}

const WORLDS: [name: string, make: (caches: SmmuV3CacheOptions) => World][] = [
  ['stage 1, ranges', (caches) => stage1World(true, caches)],
  ['stage 1, page by page', (caches) => stage1World(false, caches)],
  ['stage 2', (caches) => stage2World(true, caches)],
  ['nested', (caches) => nestedWorld(true, caches)],
];
const SIZES: SmmuV3CacheOptions[] = [
  {},
  { tlbEntries: 8, walkEntries: 4, contextEntries: 2, streamEntries: 2, ways: 2, seed: 7 },
];

describe.each(WORLDS)('%s', (_, make) => {
  it.each(SIZES)('never answers from an old entry after the prescribed invalidation (%o)', (caches) => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 20 }), (edits) => {
        expect(play(make(caches), edits, true)).toBe(0);
      }),
      { numRuns: 6, seed: 20_26 },
    );
  });

  it('is caught when the invalidation is left out', () => {
    const runs = fc.sample(fc.array(edit, { minLength: 12, maxLength: 20 }), { numRuns: 9, seed: 5 });
    const caught = runs.filter((edits) => play(make({}), edits, false) > 0).length;
    expect(caught).toBeGreaterThan(runs.length / 3);
  });
});
