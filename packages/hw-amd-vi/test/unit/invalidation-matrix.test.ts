import { DeviceTlb, hi32, lo32, NO_PASID, tlbEndpoint } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import {
  completionWait,
  DTE_RW,
  EVERYTHING,
  GUEST_RW,
  INVALIDATE_ALL,
  invalidateDevice,
  invalidateIotlb,
  invalidatePages,
  PTE_RW,
  READ,
  Rig,
} from './rig.js';

/** Host tables of six levels, domain 5. */
const HOST = 8;
/** The same, domain 6. */
const OTHER = 9;
/** Guest tables only, domain 7, PASIDs 3 and 4. */
const GUEST = 10;
/** Guest tables on host tables, domain 8, PASID 3. */
const NESTED = 11;
const HIGH = 0x1_8000_0000_0000n;

/** Every kind of entry that the unit and its devices can hold, and whether it is there. */
type Probe = (rig: Rig) => boolean;
const dte =
  (device: number): Probe =>
  ({ unit }) =>
    unit.caches.devices.find(device, 0) !== null;
const page =
  (domain: number, pasid: number, iova: bigint): Probe =>
  ({ unit }) =>
    unit.caches.iotlb.lookup(hi32(iova), lo32(iova), domain, pasid);
/** @param level of the table that the entry leads to, as the vendor counts */
const table =
  (domain: number, pasid: number, iova: bigint, level: number): Probe =>
  ({ unit: { caches } }) =>
    caches.directories.find(hi32(iova), lo32(iova), domain, pasid) && caches.directories.level === level - 1;

/** A unit whose caches hold one entry of each kind, and two devices with TLBs of their own. */
function filled() {
  // So many ways that nothing makes room for another.
  const rig = new Rig({ preset: 'zen-server', caches: { ways: 32 } });
  const root = rig.hostDevice(HOST, 5, 6);
  rig.dte(HOST, root | DTE_RW | (6n << 9n), 5n | (1n << 32n));
  rig.mapHost(root, 6, 0x1000n, 0x1000_0000n | PTE_RW);
  rig.mapHost(root, 6, 0x3000n, 0x1000_1000n | PTE_RW);
  rig.mapHost(root, 6, 0x40_0000n, 0x2000_0000n | PTE_RW, 2);
  rig.mapHost(root, 6, 0x4000_0000n, 0x4000_0000n | PTE_RW, 3);
  rig.mapHost(root, 6, HIGH, 0x1000_2000n | PTE_RW);
  for (const iova of [0x1000n, 0x3000n, 0x40_0000n, 0x4000_0000n, HIGH]) rig.ask(HOST, iova);
  const other = rig.hostDevice(OTHER, 6, 6);
  rig.mapHost(other, 6, 0x1000n, 0x1000_3000n | PTE_RW);
  rig.ask(OTHER, 0x1000n);

  const gcr3 = rig.table();
  const roots = [rig.table(), rig.table()] as const;
  rig.store(gcr3 + 24n, roots[0] | 1n);
  rig.store(gcr3 + 32n, roots[1] | 1n);
  const upper = (gcr3 >> 15n) << 16n;
  const lower = DTE_RW | (1n << 55n) | (((gcr3 >> 12n) & 7n) << 58n);
  rig.dte(GUEST, lower, upper | 7n | (1n << 32n));
  rig.mapGuest(roots[0], 4, 0x1000n, 0x1000_4000n | GUEST_RW);
  rig.mapGuest(roots[0], 4, 0x5000n, 0x1000_5000n | GUEST_RW);
  rig.mapGuest(roots[1], 4, 0x1000n, 0x1000_6000n | GUEST_RW);
  rig.ask(GUEST, 0x1000n, READ, 3);
  rig.ask(GUEST, 0x5000n, READ, 3);
  rig.ask(GUEST, 0x1000n, READ, 4);

  // Host stage of the nested device: identity for the first 2 GiB.
  const identity = rig.table();
  rig.mapHost(identity, 3, 0n, PTE_RW, 3);
  rig.mapHost(identity, 3, 0x4000_0000n, 0x4000_0000n | PTE_RW, 3);
  rig.dte(NESTED, lower | identity | (3n << 9n), upper | 8n);
  rig.ask(NESTED, 0x1000n, READ, 3);

  const tlbs = { host: new DeviceTlb(rig.unit, HOST), guest: new DeviceTlb(rig.unit, GUEST) };
  rig.unit.connectEndpoint(HOST, tlbEndpoint(tlbs.host));
  rig.unit.connectEndpoint(GUEST, tlbEndpoint(tlbs.guest));
  tlbs.host.translate(NO_PASID, 0, 0x1000, READ);
  tlbs.host.translate(NO_PASID, 0, 0x3000, READ);
  tlbs.guest.translate(3, 0, 0x1000, READ);
  tlbs.guest.translate(4, 0, 0x1000, READ);
  const probes: Record<string, Probe> = {
    'DTE host': dte(HOST),
    'DTE other': dte(OTHER),
    'DTE guest': dte(GUEST),
    'DTE nested': dte(NESTED),
    '4K at 0x1000': page(5, NO_PASID, 0x1000n),
    '4K at 0x3000': page(5, NO_PASID, 0x3000n),
    '2M at 0x400000': page(5, NO_PASID, 0x40_0000n),
    '1G at 0x40000000': page(5, NO_PASID, 0x4000_0000n),
    '4K at high': page(5, NO_PASID, HIGH),
    'other domain': page(6, NO_PASID, 0x1000n),
    'guest 3 at 0x1000': page(7, 3, 0x1000n),
    'guest 3 at 0x5000': page(7, 3, 0x5000n),
    'guest 4': page(7, 4, 0x1000n),
    nested: page(8, 3, 0x1000n),
    'L1 table at 0': table(5, NO_PASID, 0x1000n, 1),
    'L1 table at high': table(5, NO_PASID, HIGH, 1),
    'L1 table of other': table(6, NO_PASID, 0x1000n, 1),
    'L1 table of guest 3': table(7, 3, 0x1000n, 1),
    'L1 table of guest 4': table(7, 4, 0x1000n, 1),
    'L1 table of nested': table(8, 3, 0x1000n, 1),
  };
  const devices = {
    'device TLB host': (): number => tlbs.host.used,
    'device TLB guest': (): number => tlbs.guest.used,
  };
  const held = (): string[] => [
    ...Object.keys(probes).filter((name) => probes[name]!(rig)),
    ...Object.entries(devices).flatMap(([name, used]) => Array.from({ length: used() }, () => name)),
  ];
  return { rig, held };
}

const HOST_PAGES = ['4K at 0x1000', '4K at 0x3000', '2M at 0x400000', '1G at 0x40000000', '4K at high'];
const UNIT_ENTRIES = [
  'DTE host',
  'DTE other',
  'DTE guest',
  'DTE nested',
  ...HOST_PAGES,
  'other domain',
  'guest 3 at 0x1000',
  'guest 3 at 0x5000',
  'guest 4',
  'nested',
  'L1 table at 0',
  'L1 table at high',
  'L1 table of other',
  'L1 table of guest 3',
  'L1 table of guest 4',
  'L1 table of nested',
];

/** What each command makes go; everything else has to stay. */
const ROWS: readonly (readonly [what: string, command: [bigint, bigint], gone: readonly string[]])[] = [
  ['DEVTAB_ENTRY', invalidateDevice(HOST), ['DTE host']],
  ['DEVTAB_ENTRY of a device that is not cached', invalidateDevice(0x77), []],
  ['PAGES, one page', invalidatePages(5, 0x1000n), ['4K at 0x1000']],
  ['PAGES, one page, PDE', invalidatePages(5, 0x1000n, { pde: true }), ['4K at 0x1000', 'L1 table at 0']],
  ['PAGES, a page that is not cached', invalidatePages(5, 0x2000n), []],
  ['PAGES, one page inside 2 MiB', invalidatePages(5, 0x5f_f000n), ['2M at 0x400000']],
  ['PAGES, one page inside 1 GiB', invalidatePages(5, 0x7fff_f000n), ['1G at 0x40000000']],
  ['PAGES, 8 KiB', invalidatePages(5, 0n, { s: true }), ['4K at 0x1000']],
  ['PAGES, 8 KiB at 0x2000', invalidatePages(5, 0x2000n, { s: true }), ['4K at 0x3000']],
  ['PAGES, 16 KiB', invalidatePages(5, 0x1000n, { s: true }), ['4K at 0x1000', '4K at 0x3000']],
  ['PAGES, 4 MiB at 4 MiB', invalidatePages(5, 0x40_0000n | 0x1f_f000n, { s: true }), ['2M at 0x400000']],
  [
    'PAGES, 4 GiB',
    invalidatePages(5, 0x7fff_f000n, { s: true, pde: true }),
    [...HOST_PAGES.slice(0, 4), 'L1 table at 0'],
  ],
  ['PAGES, 2^51 bytes', invalidatePages(5, 0x3_ffff_ffff_f000n, { s: true }), HOST_PAGES],
  ['PAGES, everything', invalidatePages(5, EVERYTHING, { s: true }), HOST_PAGES],
  [
    'PAGES, everything, PDE',
    invalidatePages(5, EVERYTHING, { s: true, pde: true }),
    [...HOST_PAGES, 'L1 table at 0', 'L1 table at high'],
  ],
  [
    'PAGES of the other domain, PDE',
    invalidatePages(6, EVERYTHING, { s: true, pde: true }),
    ['other domain', 'L1 table of other'],
  ],
  ['PAGES of a domain that is not there', invalidatePages(99, EVERYTHING, { s: true, pde: true }), []],
  ['PAGES GN, one page', invalidatePages(7, 0x1000n, { pasid: 3 }), ['guest 3 at 0x1000']],
  [
    'PAGES GN, one page, PDE',
    invalidatePages(7, 0x1000n, { pasid: 3, pde: true }),
    ['guest 3 at 0x1000', 'L1 table of guest 3'],
  ],
  [
    'PAGES GN, everything of a PASID',
    invalidatePages(7, EVERYTHING, { s: true, pde: true, pasid: 3 }),
    ['guest 3 at 0x1000', 'guest 3 at 0x5000', 'L1 table of guest 3'],
  ],
  ['PAGES GN, everything, PDE = 0', invalidatePages(7, EVERYTHING, { s: true, pasid: 4 }), ['guest 4']],
  ['PAGES GN of a host domain', invalidatePages(5, EVERYTHING, { s: true, pde: true, pasid: 3 }), []],
  ['PAGES of a guest domain, host form', invalidatePages(7, EVERYTHING, { s: true, pde: true }), []],
  ['PAGES of a nested domain, host form, another page', invalidatePages(8, 0x5555_0000n), ['nested']],
  ['PAGES GN of a nested domain', invalidatePages(8, 0x1000n, { pasid: 3 }), ['nested']],
  ['PAGES GN of a nested domain, another page', invalidatePages(8, 0x2000n, { pasid: 3 }), []],
  ['IOTLB_PAGES, one page', invalidateIotlb(HOST, 0x1000n), ['device TLB host']],
  ['IOTLB_PAGES, a page that is not cached', invalidateIotlb(HOST, 0x2000n), []],
  ['IOTLB_PAGES, everything', invalidateIotlb(HOST, EVERYTHING, true), ['device TLB host', 'device TLB host']],
  ['IOTLB_PAGES GN', invalidateIotlb(GUEST, 0x1000n, false, 3), ['device TLB guest']],
  ['IOTLB_PAGES GN of another PASID', invalidateIotlb(GUEST, EVERYTHING, true, 0x1234), []],
  ['INVALIDATE_IOMMU_ALL', INVALIDATE_ALL, UNIT_ENTRIES],
  ['COMPLETION_WAIT', completionWait(0x9000n, 1n, 7n), []],
  ['INVALIDATE_INTERRUPT_TABLE', [(5n << 60n) | 8n, 0n], []],
  ['PREFETCH_IOMMU_PAGES', [(6n << 60n) | 8n, 0x1000n], []],
  ['COMPLETE_PPR_REQUEST', [(7n << 60n) | 8n, 0n], []],
];

describe('what an invalidation drops', () => {
  it('finds every kind of entry before', () => {
    const before = filled().held();
    expect(before).toEqual([
      ...UNIT_ENTRIES,
      'device TLB host',
      'device TLB host',
      'device TLB guest',
      'device TLB guest',
    ]);
  });

  it.each(ROWS)('%s', (_, command, gone) => {
    const { rig, held } = filled();
    const left = held();
    for (const name of gone) left.splice(left.indexOf(name), 1);
    const before = rig.unit.counters.invalidatedEntries;
    rig.command(...command);
    expect(held()).toEqual(left);
    expect(rig.events()).toEqual([]);
    const ofUnit = gone.filter((name) => !name.startsWith('device TLB')).length;
    expect(rig.unit.counters.invalidatedEntries - before).toBeGreaterThanOrEqual(ofUnit);
  });
});

describe('PDE = 0', () => {
  it('leaves the way to an old table in place: the new one is not seen until PDE = 1', () => {
    const rig = new Rig();
    const root = rig.hostDevice(HOST, 5);
    const leaf = rig.mapHost(root, 3, 0x1000n, 0x1000_0000n | PTE_RW);
    expect(rig.pa(HOST, 0x1000n)).toBe(0x1000_0000n);
    // Another table takes the place of the one that the directory is known to lead to.
    const fresh = rig.table();
    rig.store(fresh + 8n, 0x2000_0000n | PTE_RW);
    const link = rig.load(root) & 0xf_ffff_ffff_f000n;
    rig.store(link, fresh | 0x6000_0000_0000_0201n);
    rig.command(...invalidatePages(5, 0x1000n));
    expect(rig.pa(HOST, 0x1000n)).toBe(0x1000_0000n);
    rig.store(leaf, 0n);
    rig.command(...invalidatePages(5, 0x1000n));
    expect(rig.pa(HOST, 0x1000n)).toBeUndefined();
    rig.command(...invalidatePages(5, 0x1000n, { pde: true }));
    expect(rig.pa(HOST, 0x1000n)).toBe(0x2000_0000n);
  });
});

describe('the page directory cache', () => {
  it('learns nothing from an address beyond the tables', () => {
    const rig = new Rig();
    const root = rig.hostDevice(HOST, 5);
    rig.mapHost(root, 3, 0x1000n, 0x1000_0000n | PTE_RW);
    expect(rig.pa(HOST, 0x1000n)).toBe(0x1000_0000n);
    expect(rig.pa(HOST, 0x80_0000_1000n)).toBeUndefined();
    expect(rig.pa(HOST, 0x80_0000_1000n)).toBeUndefined();
  });

  it('is asked level by level: a walk that starts half way reads no more than the rest', () => {
    const rig = new Rig({ preset: 'zen-server', caches: { ways: 32 } });
    const root = rig.hostDevice(HOST, 5, 4);
    const reads = (iova: bigint): number => {
      const before = rig.unit.counters.walkReads;
      rig.ask(HOST, iova);
      return rig.unit.counters.walkReads - before;
    };
    for (const iova of [0x1000n, 0x2000n, 0x20_0000n, 0x4000_0000n]) rig.mapHost(root, 4, iova, 0x1000_0000n | PTE_RW);
    // The DTE and four tables; then one entry of the same table, two and three.
    expect([reads(0x1000n), reads(0x2000n), reads(0x20_0000n), reads(0x4000_0000n)]).toEqual([5, 1, 2, 3]);
    expect(reads(0x20_1000n)).toBe(1);
  });
});

describe('NpCache', () => {
  it.each([true, false])('%s: a page that was not there is asked for again or not', (npCache) => {
    const rig = new Rig({ preset: 'zen-server', npCache });
    const root = rig.hostDevice(HOST, 5);
    rig.mapHost(root, 3, 0x1000n, 0n);
    expect(rig.pa(HOST, 0x1000n)).toBeUndefined();
    rig.mapHost(root, 3, 0x1000n, 0x1000_0000n | PTE_RW);
    expect(rig.pa(HOST, 0x1000n)).toBe(npCache ? undefined : 0x1000_0000n);
    rig.command(...invalidatePages(5, 0x1000n));
    expect(rig.pa(HOST, 0x1000n)).toBe(0x1000_0000n);
  });
});
