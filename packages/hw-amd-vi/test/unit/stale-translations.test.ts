import fc from 'fast-check';
import { NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import type { AmdViOptions } from '../../src/index.js';
import {
  DTE_RW,
  EVERYTHING,
  GUEST_RW,
  invalidateDevice,
  invalidatePages,
  PDE_RW,
  PTE_RO,
  PTE_RW,
  PTE_WO,
  READ,
  Rig,
  WRITE,
} from './rig.js';

/** Two devices on one domain, and one on guest tables over host tables of its own. */
const HOST_DEVICES = [8, 9] as const;
const NESTED = 10;
const PASID = 3;
const REGION = 0x20_0000n;
const PAGES = [0, 1, 2, 3] as const;
const FRAMES = [0x1000_0000n, 0x1000_1000n, 0x1000_2000n, 0x1000_3000n] as const;
const HOST_LEAVES = [
  0n,
  ...FRAMES.slice(0, 2).map((pa) => pa | PTE_RW),
  FRAMES[2] | PTE_RO,
  FRAMES[3] | PTE_WO,
] as const;
/** Guest physical pages of the nested device's data, which its host tables map. */
const GPA = 0x4000_0000n;

/** A change of memory that software may make, and what the architecture asks for after it. */
type Edit =
  | { readonly kind: 'leaf' | 'nested-host-leaf'; readonly region: 0 | 1; readonly page: number; readonly leaf: number }
  | { readonly kind: 'table'; readonly region: 0 | 1 }
  | { readonly kind: 'root' | 'gcr3' }
  | { readonly kind: 'rights'; readonly device: 0 | 1 }
  | { readonly kind: 'guest-leaf'; readonly page: number; readonly leaf: number };

const region = fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>;
const page = fc.constantFrom(...PAGES);
const leaf = fc.nat({ max: HOST_LEAVES.length - 1 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('leaf' as const), region, page, leaf }) },
  fc.record({ kind: fc.constant('nested-host-leaf' as const), region, page, leaf }),
  fc.record({ kind: fc.constant('table' as const), region }),
  fc.record({ kind: fc.constantFrom('root' as const, 'gcr3' as const) }),
  fc.record({ kind: fc.constant('rights' as const), device: region }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('guest-leaf' as const), page, leaf }) },
);

const size = fc.constantFrom(0, 4, 16, 256);
const options: fc.Arbitrary<AmdViOptions> = fc.record({
  preset: fc.constant('zen-server' as const),
  npCache: fc.boolean(),
  caches: fc.record({
    deviceEntries: size,
    iotlbEntries: size,
    directoryEntries: size,
    ways: fc.constantFrom(1, 4, 16),
    seed: fc.integer({ min: 1, max: 1000 }),
  }),
});

class World {
  readonly rig: Rig;
  /** Two trees of three levels; each region has two tables to choose from. */
  readonly #roots: readonly bigint[];
  readonly #tables: readonly (readonly (readonly bigint[])[])[];
  readonly #middle: readonly bigint[];
  #root = 0;
  readonly #chosen = [
    [0, 0],
    [0, 0],
  ];
  readonly #writable = [true, true];
  readonly #nestedTable: bigint;
  readonly #gcr3: bigint;
  readonly #guestRoots: readonly bigint[];
  readonly #guestTable: bigint;
  #guestRoot = 0;
  readonly #npCache: boolean;

  constructor(made: AmdViOptions) {
    const rig = new Rig(made);
    this.rig = rig;
    this.#npCache = made.npCache === true;
    this.#roots = [rig.table(), rig.table()];
    this.#middle = this.#roots.map(() => rig.table());
    this.#tables = this.#roots.map(() => [0, 1].map(() => [rig.table(), rig.table()]));
    this.#roots.forEach((root, tree) => {
      rig.store(root, this.#middle[tree]! | PDE_RW | 0x400n);
      for (const at of [0, 1] as const) this.#link(tree, at);
      for (const pair of this.#tables[tree]!) {
        pair.forEach((of, which) => {
          for (const at of PAGES) rig.store(of + BigInt(at) * 8n, FRAMES[(at + tree + 2 * which) % 4]! | PTE_RW);
        });
      }
    });
    for (const device of [0, 1] as const) this.#writeEntry(device);

    // The nested device: guest page n of PASID 3 leads to GPA + n pages, which the host tables map; the guest's own tables too.
    const host = rig.table();
    rig.mapHost(host, 3, 0n, PTE_RW, 3);
    rig.mapHost(host, 3, GPA, FRAMES[0] | PTE_RW);
    this.#nestedTable = rig.load((rig.load(host + 8n) & 0xf_ffff_ffff_f000n) + 0n) & 0xf_ffff_ffff_f000n;
    for (const at of PAGES) rig.store(this.#nestedTable + BigInt(at) * 8n, FRAMES[at] | PTE_RW);
    this.#gcr3 = rig.table();
    this.#guestRoots = [rig.table(), rig.table()];
    const at = rig.mapGuest(this.#guestRoots[0]!, 4, 0n, GPA | GUEST_RW);
    this.#guestTable = at;
    rig.mapGuest(this.#guestRoots[1]!, 4, 0n, (GPA + 0x3000n) | GUEST_RW);
    for (const n of PAGES) rig.store(at + BigInt(n) * 8n, (GPA + BigInt(n) * 0x1000n) | GUEST_RW);
    rig.store(this.#gcr3 + BigInt(PASID) * 8n, this.#guestRoots[0]! | 1n);
    rig.dte(
      NESTED,
      DTE_RW | host | (3n << 9n) | (1n << 55n) | (((this.#gcr3 >> 12n) & 7n) << 58n),
      7n | ((this.#gcr3 >> 15n) << 16n),
    );
  }

  #link(tree: number, at: 0 | 1): void {
    const to = this.#tables[tree]![at]![this.#chosen[tree]![at]!]!;
    this.rig.store(this.#middle[tree]! + BigInt(at) * 8n, to | PDE_RW | 0x200n);
  }

  #writeEntry(device: 0 | 1): void {
    const writable = this.#writable[device] ? DTE_RW : DTE_RW & ~(1n << 62n);
    this.rig.dte(HOST_DEVICES[device], this.#roots[this.#root]! | writable | (3n << 9n), 5n);
  }

  /** Makes a change; `invalidates` false leaves out what has to follow. */
  make(change: Edit, invalidates: boolean): void {
    const { rig } = this;
    const command = (words: [bigint, bigint]): void => {
      if (invalidates) rig.command(...words);
    };
    switch (change.kind) {
      case 'leaf': {
        const of = this.#tables[this.#root]![change.region]![this.#chosen[this.#root]![change.region]!]!;
        const at = of + BigInt(change.page) * 8n;
        const wasPresent = (rig.load(at) & 1n) !== 0n;
        rig.store(at, HOST_LEAVES[change.leaf]!);
        // What was not present is in no cache, but for NpCache.
        const iova = BigInt(change.region) * REGION + BigInt(change.page) * 0x1000n;
        if (wasPresent || this.#npCache) command(invalidatePages(5, iova));
        return;
      }
      case 'table':
        this.#chosen[this.#root]![change.region]! ^= 1;
        this.#link(this.#root, change.region);
        // 2 MiB: bits 19:12 are ones, bit 20 is zero.
        return command(invalidatePages(5, BigInt(change.region) * REGION + 0xf_f000n, { s: true, pde: true }));
      case 'root':
        this.#root ^= 1;
        for (const device of [0, 1] as const) this.#writeEntry(device);
        for (const device of HOST_DEVICES) command(invalidateDevice(device));
        return command(invalidatePages(5, EVERYTHING, { s: true, pde: true }));
      case 'rights':
        this.#writable[change.device] = !this.#writable[change.device];
        this.#writeEntry(change.device);
        return command(invalidateDevice(HOST_DEVICES[change.device]));
      case 'nested-host-leaf': {
        const at = this.#nestedTable + BigInt(change.page) * 8n;
        rig.store(at, HOST_LEAVES[change.leaf]!);
        return command(invalidatePages(7, GPA + BigInt(change.page) * 0x1000n));
      }
      case 'guest-leaf': {
        const to = change.leaf === 0 ? 0n : (GPA + BigInt(change.leaf % 4) * 0x1000n) | GUEST_RW;
        rig.store(this.#guestTable + BigInt(change.page) * 8n, to);
        return command(invalidatePages(7, BigInt(change.page) * 0x1000n, { pasid: PASID }));
      }
      case 'gcr3':
        this.#guestRoot ^= 1;
        rig.store(this.#gcr3 + BigInt(PASID) * 8n, this.#guestRoots[this.#guestRoot]! | 1n);
        return command(invalidatePages(7, EVERYTHING, { s: true, pde: true, pasid: PASID }));
    }
  }

  /** Asks for every page of every device, and compares with the tables as they are. @returns how many answers were stale */
  stale(): number {
    let stale = 0;
    const ask = (device: number, iova: bigint, access: number, pasid: number): void => {
      const fresh = this.rig.unit.explain(device, pasid, iova, access).pa;
      if (this.rig.pa(device, iova, access, pasid) !== fresh) stale++;
    };
    for (const access of [READ, WRITE]) {
      for (const at of PAGES) {
        const offset = BigInt(at) * 0x1000n + 0x123n;
        for (const device of HOST_DEVICES) {
          ask(device, offset, access, NO_PASID);
          ask(device, REGION + offset, access, NO_PASID);
        }
        ask(NESTED, offset, access, PASID);
      }
    }
    return stale;
  }
}

describe('stale translations', () => {
  it('are never used when every change is followed by what the architecture asks for', () => {
    fc.assert(
      fc.property(options, fc.array(edit, { maxLength: 16 }), (made, edits) => {
        const world = new World(made);
        expect(world.stale()).toBe(0);
        for (const change of edits) {
          world.make(change, true);
          expect(world.stale()).toBe(0);
        }
      }),
      { numRuns: 60, seed: 0xa3d },
    );
  });

  it.each(['leaf', 'table', 'root', 'rights', 'guest-leaf', 'gcr3', 'nested-host-leaf'] as const)(
    'are seen when a change is not followed by it: %s',
    (kind) => {
      const all = { preset: 'zen-server', caches: { ways: 16 } } as const;
      const runs = fc.sample(fc.array(edit, { minLength: 4, maxLength: 12 }), { numRuns: 40, seed: 7 });
      let left = 0;
      let caught = 0;
      for (const edits of runs) {
        const last = edits.findLastIndex((change) => change.kind === kind);
        if (last < 0) continue;
        const world = new World(all);
        world.stale();
        edits.slice(0, last).forEach((change) => {
          world.make(change, true);
          world.stale();
        });
        world.make(edits[last]!, false);
        left++;
        if (world.stale() > 0) caught++;
      }
      expect(left).toBeGreaterThan(8);
      // Some changes change nothing that is seen: the same leaf again, or one that was not present.
      expect(caught / left).toBeGreaterThan(0.4);
    },
  );
});
