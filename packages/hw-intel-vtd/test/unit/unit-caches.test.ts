import { Access } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

/*
 * Which command drops what (VT-d 6.5). A test fills a cache, changes memory behind its back, and sees by the answer whether the old
 * entry is still there: `stale` may stay, `fresh` must be gone.
 */

const DEVICE = 0x0018;
const SIBLING = 0x0019;
const OTHER = 0x0120;
const IOVA = 0x4000_0000n;
const OLD = 0x1_0000_0000n;
const NEW = 0x1_8000_0000n;

type Command = (rig: VtdRig) => void;
const contextCache =
  (g: bigint, { did = 0n, sid = 0n, fm = 0n } = {}): Command =>
  (rig) =>
    rig.submit([1n | (g << 4n) | (did << 16n) | (sid << 32n) | (fm << 48n), 0n]);
const iotlb =
  (g: bigint, { did = 0n, address = 0n, am = 0n, ih = 0n } = {}): Command =>
  (rig) =>
    rig.submit([2n | (g << 4n) | (did << 16n), address | am | (ih << 6n)]);
const pasidCache =
  (g: bigint, { did = 0n, pasid = 0n } = {}): Command =>
  (rig) =>
    rig.submit([7n | (g << 4n) | (did << 16n) | (pasid << 32n), 0n]);
const pasidIotlb =
  (g: bigint, { did = 0n, pasid = 0n, address = 0n, am = 0n, ih = 0n } = {}): Command =>
  (rig) =>
    rig.submit([6n | (g << 4n) | (did << 16n) | (pasid << 32n), address | am | (ih << 6n)]);

describe('context cache', () => {
  /** Two domains; after filling, all contexts point to tables with other pages. */
  const cases: [string, Command, string, string, string][] = [
    ['nothing', () => undefined, 'stale', 'stale', 'stale'],
    ['global', contextCache(1n), 'fresh', 'fresh', 'fresh'],
    ['domain', contextCache(2n, { did: 5n }), 'fresh', 'fresh', 'stale'],
    ['another domain', contextCache(2n, { did: 6n }), 'stale', 'stale', 'fresh'],
    ['device', contextCache(3n, { did: 5n, sid: 0x18n }), 'fresh', 'stale', 'stale'],
    ['device of another domain', contextCache(3n, { did: 6n, sid: 0x18n }), 'stale', 'stale', 'stale'],
    ['device, FM 1 drops bit 2', contextCache(3n, { did: 5n, sid: 0x1cn, fm: 1n }), 'fresh', 'stale', 'stale'],
    ['device, FM 3 drops bits 2:0', contextCache(3n, { did: 5n, sid: 0x1fn, fm: 3n }), 'fresh', 'fresh', 'stale'],
    ['IOTLB only', iotlb(1n), 'stale', 'stale', 'stale'],
  ];
  it.each(cases)('%s', (_, command, device, sibling, other) => {
    const rig = new VtdRig();
    const requesters = [
      [DEVICE, 5],
      [SIBLING, 5],
      [OTHER, 6],
    ] as const;
    for (const [requester, domain] of requesters) rig.map(rig.context(requester, domain), IOVA, OLD | 3n);
    rig.enable();
    for (const [requester] of requesters) expect(rig.ask(requester, IOVA)).toBe('0x100000000');
    for (const [requester, domain] of requesters) rig.map(rig.context(requester, domain), IOVA, NEW | 3n);
    command(rig);
    const verdict = (requester: number): string => {
      // The IOTLB must not answer for the context cache, and a domain's entries serve all of its devices.
      iotlb(1n)(rig);
      return rig.ask(requester, IOVA) === '0x180000000' ? 'fresh' : 'stale';
    };
    expect(requesters.map(([requester]) => verdict(requester))).toEqual([device, sibling, other]);
  });
});

describe('IOTLB, second stage', () => {
  const SECOND = IOVA + 0x5000n;
  const LARGE = 0x8000_0000n;
  const cases: [string, Command, string[]][] = [
    ['nothing', () => undefined, ['stale', 'stale', 'stale', 'stale']],
    ['global', iotlb(1n), ['fresh', 'fresh', 'fresh', 'fresh']],
    ['domain', iotlb(2n, { did: 5n }), ['fresh', 'fresh', 'fresh', 'stale']],
    ['page', iotlb(3n, { did: 5n, address: IOVA }), ['fresh', 'stale', 'stale', 'stale']],
    ['page of another domain', iotlb(3n, { did: 9n, address: IOVA }), ['stale', 'stale', 'stale', 'stale']],
    ['4 pages, not the sixth', iotlb(3n, { did: 5n, address: IOVA, am: 2n }), ['fresh', 'stale', 'stale', 'stale']],
    ['8 pages', iotlb(3n, { did: 5n, address: IOVA, am: 3n }), ['fresh', 'fresh', 'stale', 'stale']],
    [
      'one page inside a large one',
      iotlb(3n, { did: 5n, address: LARGE + 0x7_8000n }),
      ['stale', 'stale', 'fresh', 'stale'],
    ],
    ['mask above MAMV: the domain', iotlb(3n, { did: 5n, address: 0n, am: 19n }), ['fresh', 'fresh', 'fresh', 'stale']],
    ['context cache only', contextCache(1n), ['stale', 'stale', 'stale', 'stale']],
  ];
  it.each(cases)('%s', (_, command, verdicts) => {
    const rig = new VtdRig();
    const mine = rig.context(DEVICE, 5);
    const others = rig.context(OTHER, 6);
    const places = [
      { requester: DEVICE, iova: IOVA, at: rig.map(mine, IOVA, OLD | 3n), entry: NEW | 3n },
      { requester: DEVICE, iova: SECOND, at: rig.map(mine, SECOND, OLD | 3n), entry: NEW | 3n },
      { requester: DEVICE, iova: LARGE, at: rig.map(mine, LARGE, OLD | 0x83n, { level: 2 }), entry: NEW | 0x83n },
      { requester: OTHER, iova: IOVA, at: rig.map(others, IOVA, OLD | 3n), entry: NEW | 3n },
    ];
    rig.enable();
    for (const { requester, iova } of places) expect(rig.ask(requester, iova)).toBe('0x100000000');
    for (const { at, entry } of places) rig.store(at, entry);
    command(rig);
    const answers = places.map(({ requester, iova }) =>
      rig.ask(requester, iova) === '0x180000000' ? 'fresh' : 'stale',
    );
    expect(answers).toEqual(verdicts);
  });
});

describe('paging-structure caches, second stage', () => {
  /** The table that held the page is replaced by another one, as when it was freed. */
  const cases: [string, Command, string][] = [
    ['nothing', () => undefined, 'stale'],
    ['page, IH = 0', iotlb(3n, { did: 5n, address: IOVA }), 'fresh'],
    ['page, IH = 1', iotlb(3n, { did: 5n, address: IOVA, ih: 1n }), 'stale'],
    ['another page under the same table, IH = 0', iotlb(3n, { did: 5n, address: IOVA + 0x3000n }), 'fresh'],
    ['a page under another table, IH = 0', iotlb(3n, { did: 5n, address: IOVA + 0x20_0000n }), 'stale'],
    ['domain', iotlb(2n, { did: 5n }), 'fresh'],
    ['another domain', iotlb(2n, { did: 6n }), 'stale'],
    ['global', iotlb(1n), 'fresh'],
  ];
  it.each(cases)('%s', (_, command, verdict) => {
    const rig = new VtdRig();
    const root = rig.context(DEVICE, 5);
    rig.map(root, IOVA, OLD | 3n);
    rig.map(root, IOVA + 0x1000n, OLD | 3n);
    const link = rig.entryAt(root, 4, IOVA, 2);
    rig.enable();
    rig.ask(DEVICE, IOVA);
    const replacement = rig.page();
    rig.store(replacement + 8n, NEW | 3n);
    rig.store(link, replacement | 3n);
    command(rig);
    // The neighbour was never in the IOTLB, so that only a cached link can lead to the old table.
    expect(rig.ask(DEVICE, IOVA + 0x1000n) === '0x180000000' ? 'fresh' : 'stale').toBe(verdict);
  });
});

describe('PASID cache', () => {
  const cases: [string, Command, string, string, string][] = [
    ['nothing', () => undefined, 'stale', 'stale', 'stale'],
    ['global', pasidCache(3n), 'fresh', 'fresh', 'fresh'],
    ['domain', pasidCache(0n, { did: 5n }), 'fresh', 'fresh', 'stale'],
    ['PASID', pasidCache(1n, { did: 5n, pasid: 1n }), 'fresh', 'stale', 'stale'],
    ['PASID of another domain', pasidCache(1n, { did: 6n, pasid: 1n }), 'stale', 'stale', 'stale'],
    ['context cache only', contextCache(1n), 'stale', 'stale', 'stale'],
  ];
  it.each(cases)('%s', (_, command, one, two, three) => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const tables = [OLD, NEW].map((target) => {
      const root = rig.page();
      rig.map(root, IOVA, target | 3n);
      return root;
    });
    const write = (table: bigint): void => {
      for (const [pasid, domain] of [
        [1, 5n],
        [2, 5n],
        [3, 6n],
      ] as const) {
        rig.pasid(directory, pasid, { q0: table | 0x89n, q1: domain });
      }
    };
    write(tables[0]!);
    rig.enable('scalable');
    for (const pasid of [1, 2, 3]) expect(rig.ask(DEVICE, IOVA, Access.READ, pasid)).toBe('0x100000000');
    write(tables[1]!);
    command(rig);
    const verdict = (pasid: number): string => {
      iotlb(1n)(rig);
      return rig.ask(DEVICE, IOVA, Access.READ, pasid) === '0x180000000' ? 'fresh' : 'stale';
    };
    expect([1, 2, 3].map(verdict)).toEqual([one, two, three]);
  });

  it('a wrong order refills translations from the old PASID entry', () => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const [old, fresh] = [rig.page(), rig.page()];
    rig.map(old, IOVA, OLD | 3n);
    rig.map(fresh, IOVA, NEW | 3n);
    rig.pasid(directory, 1, { q0: old | 0x89n, q1: 5n });
    rig.enable('scalable');
    rig.ask(DEVICE, IOVA, Access.READ, 1);
    rig.pasid(directory, 1, { q0: fresh | 0x89n, q1: 5n });
    iotlb(2n, { did: 5n })(rig);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('0x100000000');
    pasidCache(1n, { did: 5n, pasid: 1n })(rig);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1), 'the IOTLB was filled again').toBe('0x100000000');
    iotlb(2n, { did: 5n })(rig);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('0x180000000');
  });
});

describe('IOTLB, first stage', () => {
  const SECOND = IOVA + 0x5000n;
  // PASID 1: two pages; PASID 2: one page; all in domain 5. A second-stage PASID 3 is in the same domain.
  const cases: [string, Command, string[]][] = [
    ['nothing', () => undefined, ['stale', 'stale', 'stale', 'stale']],
    ['PASID', pasidIotlb(2n, { did: 5n, pasid: 1n }), ['fresh', 'fresh', 'stale', 'stale']],
    ['PASID of another domain', pasidIotlb(2n, { did: 6n, pasid: 1n }), ['stale', 'stale', 'stale', 'stale']],
    ['page', pasidIotlb(3n, { did: 5n, pasid: 1n, address: IOVA }), ['fresh', 'stale', 'stale', 'stale']],
    ['8 pages', pasidIotlb(3n, { did: 5n, pasid: 1n, address: IOVA, am: 3n }), ['fresh', 'fresh', 'stale', 'stale']],
    ['IOTLB domain', iotlb(2n, { did: 5n }), ['fresh', 'fresh', 'fresh', 'fresh']],
    [
      'IOTLB page elsewhere: all first-stage',
      iotlb(3n, { did: 5n, address: 0n }),
      ['fresh', 'fresh', 'fresh', 'stale'],
    ],
    ['IOTLB page: all first-stage', iotlb(3n, { did: 5n, address: IOVA }), ['fresh', 'fresh', 'fresh', 'fresh']],
    ['IOTLB global', iotlb(1n), ['fresh', 'fresh', 'fresh', 'fresh']],
  ];
  it.each(cases)('%s', (_, command, verdicts) => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const tables = [rig.page(), rig.page(), rig.page()];
    const first = (table: bigint): { q0: bigint; q1: bigint; q2: bigint } => ({ q0: 0x41n, q1: 5n, q2: table });
    rig.pasid(directory, 1, first(tables[0]!));
    rig.pasid(directory, 2, first(tables[1]!));
    rig.pasid(directory, 3, { q0: tables[2]! | 0x89n, q1: 5n });
    const places = [
      { pasid: 1, iova: IOVA, at: rig.mapFirst(tables[0]!, IOVA, OLD | 0x67n), entry: NEW | 0x67n },
      { pasid: 1, iova: SECOND, at: rig.mapFirst(tables[0]!, SECOND, OLD | 0x67n), entry: NEW | 0x67n },
      { pasid: 2, iova: IOVA, at: rig.mapFirst(tables[1]!, IOVA, OLD | 0x67n), entry: NEW | 0x67n },
      { pasid: 3, iova: IOVA, at: rig.map(tables[2]!, IOVA, OLD | 3n), entry: NEW | 3n },
    ];
    rig.enable('scalable');
    for (const { pasid, iova } of places) expect(rig.ask(DEVICE, iova, Access.READ, pasid)).toBe('0x100000000');
    for (const { at, entry } of places) rig.store(at, entry);
    command(rig);
    const answers = places.map(({ pasid, iova }) =>
      rig.ask(DEVICE, iova, Access.READ, pasid) === '0x180000000' ? 'fresh' : 'stale',
    );
    expect(answers).toEqual(verdicts);
  });

  const linkCases: [string, Command, string][] = [
    ['nothing', () => undefined, 'stale'],
    ['page, IH = 0', pasidIotlb(3n, { did: 5n, pasid: 1n, address: IOVA }), 'fresh'],
    ['page, IH = 1', pasidIotlb(3n, { did: 5n, pasid: 1n, address: IOVA, ih: 1n }), 'stale'],
    ['another PASID', pasidIotlb(2n, { did: 5n, pasid: 2n }), 'stale'],
    ['PASID', pasidIotlb(2n, { did: 5n, pasid: 1n }), 'fresh'],
    ['IOTLB page elsewhere', iotlb(3n, { did: 5n, address: 0n, ih: 1n }), 'fresh'],
  ];
  it.each(linkCases)('links: %s', (_, command, verdict) => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const root = rig.page();
    rig.pasid(directory, 1, { q0: 0x41n, q1: 5n, q2: root });
    rig.mapFirst(root, IOVA, OLD | 0x67n);
    rig.mapFirst(root, IOVA + 0x1000n, OLD | 0x67n);
    rig.enable('scalable');
    rig.ask(DEVICE, IOVA, Access.READ, 1);
    const replacement = rig.page();
    rig.store(replacement + 8n, NEW | 0x67n);
    rig.store(rig.entryAt(root, 4, IOVA, 2), replacement | 7n);
    command(rig);
    expect(rig.ask(DEVICE, IOVA + 0x1000n, Access.READ, 1) === '0x180000000' ? 'fresh' : 'stale').toBe(verdict);
  });
});

describe('nested translations', () => {
  const build = (): { rig: VtdRig; page: bigint } => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const second = rig.page();
    const first = rig.page();
    rig.pasid(directory, 1, { q0: second | 0xc9n, q1: 5n, q2: first });
    rig.mapFirst(first, IOVA, 0x7000_0067n);
    // The guest's tables lie where the host has them: the second stage maps them one to one.
    for (let at = 0x20_0000n; at < 0x28_0000n; at += 0x1000n) rig.map(second, at, at | 3n);
    const page = rig.map(second, 0x7000_0000n, OLD | 3n);
    rig.enable('scalable');
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('0x100000000');
    rig.store(page, NEW | 3n);
    return { rig, page };
  };
  const cases: [string, Command, string][] = [
    ['nothing', () => undefined, 'stale'],
    ['IOTLB page of the second stage', iotlb(3n, { did: 5n, address: 0x7000_0000n }), 'fresh'],
    ['IOTLB page elsewhere drops them too', iotlb(3n, { did: 5n, address: 0n }), 'fresh'],
    ['PASID', pasidIotlb(2n, { did: 5n, pasid: 1n }), 'fresh'],
    ['page of the first stage', pasidIotlb(3n, { did: 5n, pasid: 1n, address: IOVA }), 'fresh'],
    ['another page of the first stage', pasidIotlb(3n, { did: 5n, pasid: 1n, address: IOVA + 0x1000n }), 'stale'],
    ['another domain', iotlb(2n, { did: 6n }), 'stale'],
  ];
  it.each(cases)('%s', (_, command, verdict) => {
    const { rig } = build();
    command(rig);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1) === '0x180000000' ? 'fresh' : 'stale').toBe(verdict);
  });
});

describe('root table pointer', () => {
  it.each([
    ['drops nothing', 0n, '0x100000000'],
    ['drops everything with ESRTPS', 1n << 63n, '0x180000000'],
  ])('SRTP %s', (_, esrtps, answer) => {
    const rig = new VtdRig({ cap: 0xd2_008c_222f_0606n | esrtps, ecap: 0xf42n });
    const root = rig.context(DEVICE, 5);
    const at = rig.map(root, IOVA, OLD | 3n);
    rig.enable();
    rig.ask(DEVICE, IOVA);
    rig.store(at, NEW | 3n);
    rig.unit.write32(0x18, 0xc400_0000 | 0);
    expect(rig.ask(DEVICE, IOVA)).toBe(answer);
  });
});
