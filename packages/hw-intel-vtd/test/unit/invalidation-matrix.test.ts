import { Access, DeviceTlb, hi32, lo32, NO_PASID, tlbEndpoint } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VTD_PRESETS } from '../../src/index.js';
import { VtdRig } from './rig.js';

/*
 * Every cache, every command, every granularity (VT-d 6.5.2): which entries go (x) and which stay (.). A world fills all caches once; a
 * row gives one descriptor and says what is left of each entry. Entries are looked for in the caches themselves, so that none can hide
 * behind another; unit-caches.test.ts shows what requests see of the same.
 */

const [A, B, C] = [0x0018, 0x001c, 0x0120];
/** Two neighbouring pages, one far away below another table of every level, and a page of 2 MiB. */
const P = 0x4000_0000n;
const Q = P + 0x5000n;
const R = 0x80_0000_0000n;
const L = 0x5000_0000n;
const PA = 0x1_0000_0000n;
/** Nothing goes because a set is full. */
const ROOMY = { pagingEntries: 1024, ways: 16 };

interface World {
  readonly rig: VtdRig;
  /** Entries by name: whether each is cached now. */
  readonly entries: Readonly<Record<string, () => boolean>>;
}

const inIotlb = (rig: VtdRig, domain: number, pasid: number, iova: bigint) => (): boolean =>
  rig.unit.caches.iotlb.lookup(hi32(iova), lo32(iova), domain, pasid);
const inLinks =
  (rig: VtdRig, stage: 'firstStage' | 'secondStage', domain: number, pasid: number, iova: bigint) => (): boolean =>
    rig.unit.caches[stage].find(hi32(iova), lo32(iova), domain, pasid);

/** Domain 5 has two requesters, domain 6 one; caching mode keeps an absent context and an absent page. */
function legacyWorld(): World {
  const rig = new VtdRig({ cachingMode: true, caches: ROOMY });
  const root = rig.page();
  for (const requester of [A, B]) rig.context(requester, 5, { root });
  const other = rig.context(C, 6);
  for (const iova of [P, Q, R]) rig.map(root, iova, PA | 3n);
  rig.map(root, L, PA | 0x83n, { level: 2 });
  rig.map(other, P, PA | 3n);
  rig.enable();
  const absent = 0x0121;
  for (const iova of [P, Q, R, L, P + 0x1000n]) rig.ask(A, iova);
  for (const requester of [B, C, absent]) rig.ask(requester, P);
  const { contexts } = rig.unit.caches;
  const entries = {
    'context A': () => contexts.find(A, NO_PASID) !== null,
    'context B': () => contexts.find(B, NO_PASID) !== null,
    'context C': () => contexts.find(C, NO_PASID) !== null,
    'context absent': () => contexts.find(absent, NO_PASID) !== null,
    '5 P': inIotlb(rig, 5, -1, P),
    '5 Q': inIotlb(rig, 5, -1, Q),
    '5 R': inIotlb(rig, 5, -1, R),
    '5 L': inIotlb(rig, 5, -1, L),
    '5 absent': inIotlb(rig, 5, -1, P + 0x1000n),
    '6 P': inIotlb(rig, 6, -1, P),
    'links 5 P': inLinks(rig, 'secondStage', 5, -1, P),
    'links 5 R': inLinks(rig, 'secondStage', 5, -1, R),
    'links 6 P': inLinks(rig, 'secondStage', 6, -1, P),
  };
  return { rig, entries };
}

/**
 * PASID 1 of A is first-stage in domain 5, PASID 2 too; 3 is nested in domain 6, 4 second-stage in domain 7, on B too; 7 has no entry,
 * which caching mode keeps. A has a device TLB with a page of requests without PASID (domain 8) and one of PASID 4.
 */
function scalableWorld(): World {
  const rig = new VtdRig({ preset: 'full', cachingMode: true, caches: ROOMY });
  const directories = [A, B].map((requester) => rig.scalableContext(requester, { low: 0x40cn }));
  const firsts = [rig.page(), rig.page()];
  const guest = rig.page();
  const host = rig.page();
  const second = rig.page();
  for (const [at, table] of firsts.entries()) {
    for (const iova of [P, Q, R]) rig.mapFirst(table, iova, PA | 0x67n);
    rig.pasid(directories[0]!, at + 1, { q0: 0x41n, q1: 5n, q2: table });
  }
  rig.mapFirst(guest, P, 0x7000_0067n);
  for (let at = 0x20_0000n; at < 0x2a_0000n; at += 0x1000n) rig.map(host, at, at | 3n);
  rig.map(host, 0x7000_0000n, PA | 3n);
  rig.pasid(directories[0]!, 3, { q0: host | 0xc9n, q1: 6n, q2: guest });
  for (const iova of [P, Q, R]) rig.map(second, iova, PA | 3n);
  for (const directory of directories) rig.pasid(directory, 4, { q0: second | 0x89n, q1: 7n });
  rig.pasid(directories[0]!, 0, { q0: second | 0x89n, q1: 8n });
  rig.enable('scalable');
  for (const pasid of [1, 2]) for (const iova of [P, Q, R]) rig.ask(A, iova, Access.READ, pasid);
  rig.ask(A, P, Access.READ, 3);
  for (const iova of [P, Q, R]) rig.ask(A, iova, Access.READ, 4);
  rig.ask(B, P, Access.READ, 4);
  rig.ask(A, P, Access.READ, 7);
  const tlb = new DeviceTlb(rig.unit, A);
  rig.unit.connectEndpoint(A, tlbEndpoint(tlb));
  for (const [pasid, iova] of [
    [NO_PASID, P],
    [NO_PASID, R],
    [4, P],
  ] as const) {
    tlb.translate(pasid, hi32(iova), lo32(iova), Access.READ);
  }
  const deviceHas = (pasid: number, iova: bigint) => (): boolean => {
    const before = tlb.requests;
    tlb.translate(pasid, hi32(iova), lo32(iova), Access.READ);
    return tlb.requests === before;
  };
  const { scalableContexts, pasids } = rig.unit.caches;
  const entries = {
    'context A': () => scalableContexts.find(A, NO_PASID) !== null,
    'context B': () => scalableContexts.find(B, NO_PASID) !== null,
    'A 1': () => pasids.find(A, 1) !== null,
    'A 3': () => pasids.find(A, 3) !== null,
    'A 4': () => pasids.find(A, 4) !== null,
    'B 4': () => pasids.find(B, 4) !== null,
    'A absent': () => pasids.find(A, 7) !== null,
    '5 1 P': inIotlb(rig, 5, 1, P),
    '5 1 Q': inIotlb(rig, 5, 1, Q),
    '5 1 R': inIotlb(rig, 5, 1, R),
    '5 2 P': inIotlb(rig, 5, 2, P),
    '6 3 P': inIotlb(rig, 6, 3, P),
    '7 4 P': inIotlb(rig, 7, 4, P),
    '7 4 R': inIotlb(rig, 7, 4, R),
    'links 5 1 P': inLinks(rig, 'firstStage', 5, 1, P),
    'links 5 1 R': inLinks(rig, 'firstStage', 5, 1, R),
    'links 5 2 P': inLinks(rig, 'firstStage', 5, 2, P),
    'links 6 3 P': inLinks(rig, 'firstStage', 6, 3, P),
    'links 6 host': inLinks(rig, 'secondStage', 6, -1, 0x7000_0000n),
    'links 7 P': inLinks(rig, 'secondStage', 7, -1, P),
    // Asking a device TLB may fill it: these come last.
    'device P': deviceHas(NO_PASID, P),
    'device R': deviceHas(NO_PASID, R),
    'device 4 P': deviceHas(4, P),
  };
  return { rig, entries };
}

const context = (g: bigint, did = 0n, sid = 0, fm = 0n): [bigint, bigint] => [
  1n | (g << 4n) | (did << 16n) | (BigInt(sid) << 32n) | (fm << 48n),
  0n,
];
const iotlb = (g: bigint, did = 0n, address = 0n, am = 0n, ih = 0n): [bigint, bigint] => [
  2n | (g << 4n) | (did << 16n),
  address | am | (ih << 6n),
];
const pasidCache = (g: bigint, did = 0n, pasid = 0n): [bigint, bigint] => [
  7n | (g << 4n) | (did << 16n) | (pasid << 32n),
  0n,
];
const pasidIotlb = (g: bigint, did: bigint, pasid: bigint, address = 0n, am = 0n, ih = 0n): [bigint, bigint] => [
  6n | (g << 4n) | (did << 16n) | (pasid << 32n),
  address | am | (ih << 6n),
];
const deviceTlb = (sid: number, address: bigint): [bigint, bigint] => [3n | (BigInt(sid) << 32n), address];
const pasidDeviceTlb = (sid: number, pasid: bigint, address: bigint): [bigint, bigint] => [
  8n | (BigInt(sid) << 16n) | (pasid << 32n),
  address,
];
const EVERYTHING = 0x7fff_ffff_ffff_f001n;

type Row = readonly [title: string, descriptor: readonly [bigint, bigint], verdicts: string];

/** After the descriptor, entry by entry: x gone, . still there. Spaces part the caches. */
function left(build: () => World, descriptor: readonly [bigint, bigint], expected: string) {
  const filled = Object.values(build().entries).every((isCached) => isCached());
  const { rig, entries } = build();
  rig.submit(descriptor);
  const verdicts = expected.replaceAll(' ', '');
  return {
    is: { filled, errors: rig.unit.read32(0x34) & 0x70, ...mapped(entries, (isCached) => (isCached() ? '.' : 'x')) },
    expected: { filled: true, errors: 0, ...mapped(entries, (_, at) => verdicts[at]!) },
  };
}

const mapped = (entries: World['entries'], verdict: (isCached: () => boolean, at: number) => string) =>
  Object.fromEntries(Object.entries(entries).map(([name, isCached], at) => [name, verdict(isCached, at)]));

describe('legacy mode', () => {
  // contexts A B C absent; pages 5:P Q R L absent, 6:P; links 5:P R, 6:P
  const rows: readonly Row[] = [
    ['context cache, global', context(1n), 'xxxx ..... . .. .'],
    ['context cache, domain 5', context(2n, 5n), 'xx.. ..... . .. .'],
    ['context cache, domain 6', context(2n, 6n), '..x. ..... . .. .'],
    ['context cache, domain 0: absent entries', context(2n, 0n), '...x ..... . .. .'],
    ['context cache, device A of domain 5', context(3n, 5n, A), 'x... ..... . .. .'],
    ['context cache, device A of domain 6: nothing', context(3n, 6n, A), '.... ..... . .. .'],
    ['context cache, device A of domain 0: nothing', context(3n, 0n, A), '.... ..... . .. .'],
    ['context cache, absent device of domain 0', context(3n, 0n, 0x121), '...x ..... . .. .'],
    ['context cache, FM 1 drops bit 2: A and B', context(3n, 5n, A, 1n), 'xx.. ..... . .. .'],
    ['context cache, FM 2 drops bits 2:1, not bit 0', context(3n, 5n, A | 1, 2n), '.... ..... . .. .'],
    ['context cache, FM 3 drops bits 2:0', context(3n, 5n, A | 7, 3n), 'xx.. ..... . .. .'],
    ['IOTLB, global', iotlb(1n), '.... xxxxx x xx x'],
    ['IOTLB, domain 5', iotlb(2n, 5n), '.... xxxxx . xx .'],
    ['IOTLB, domain 6', iotlb(2n, 6n), '.... ..... x .. x'],
    ['IOTLB, domain 0: pages are tagged with their own', iotlb(2n, 0n), '.... ..... . .. .'],
    ['IOTLB, page P, IH = 0', iotlb(3n, 5n, P), '.... x.... . x. .'],
    ['IOTLB, page P, IH = 1', iotlb(3n, 5n, P, 0n, 1n), '.... x.... . .. .'],
    ['IOTLB, page P of domain 9: nothing', iotlb(3n, 9n, P), '.... ..... . .. .'],
    ['IOTLB, page R', iotlb(3n, 5n, R, 0n, 1n), '.... ..x.. . .. .'],
    ['IOTLB, the absent page', iotlb(3n, 5n, P + 0x1000n, 0n, 1n), '.... ....x . .. .'],
    ['IOTLB, a page inside L', iotlb(3n, 5n, L + 0x7_8000n, 0n, 1n), '.... ...x. . .. .'],
    ['IOTLB, 2 pages', iotlb(3n, 5n, P, 1n, 1n), '.... x...x . .. .'],
    ['IOTLB, 4 pages, not the sixth', iotlb(3n, 5n, P, 2n, 1n), '.... x...x . .. .'],
    ['IOTLB, 8 pages, from an address inside', iotlb(3n, 5n, Q, 3n, 1n), '.... xx..x . .. .'],
    ['IOTLB, 1 GiB, with its links', iotlb(3n, 5n, P, 18n), '.... xx.xx . x. .'],
    ['IOTLB, mask above MAMV: the domain', iotlb(3n, 5n, P, 19n), '.... xxxxx . xx .'],
    ['IOTLB, address bits above MGAW are ignored', iotlb(3n, 5n, P | (1n << 60n), 0n, 1n), '.... x.... . .. .'],
    ['interrupt entry cache: nothing', [4n, 0n], '.... ..... . .. .'],
    ['wait: nothing', [0x40_0000_0025n, 0x3_0000n], '.... ..... . .. .'],
  ];
  it.each(rows)('%s', (_, descriptor, verdicts) => {
    const { is, expected } = left(legacyWorld, descriptor, verdicts);
    expect(is).toEqual(expected);
  });
});

describe('commands ignore', () => {
  it.each([
    ['bits of the domain id that the unit does not have', iotlb(2n, 0x15n)],
    ['the same of page-selective ones', iotlb(3n, 0xfff5n, P, 0n, 1n)],
  ])('%s', (_, descriptor) => {
    const rig = new VtdRig({ cap: VTD_PRESETS['qemu-q35-48bit'].cap & ~7n });
    rig.map(rig.context(A, 5), P, PA | 3n);
    rig.enable().ask(A, P);
    rig.submit(descriptor);
    expect(inIotlb(rig, 5, -1, P)()).toBe(false);
  });

  it('those bits for contexts and PASIDs as well', () => {
    const rig = new VtdRig({ cap: VTD_PRESETS['qemu-q35-48bit'].cap & ~7n });
    rig.map(rig.context(A, 5), P, PA | 3n);
    rig.enable().ask(A, P);
    rig.submit(context(3n, 0x25n, A));
    expect(rig.unit.caches.contexts.find(A, NO_PASID)).toBeNull();
    rig.ask(A, P);
    rig.submit(context(2n, 0x25n));
    expect(rig.unit.caches.contexts.find(A, NO_PASID)).toBeNull();
  });
});

describe('scalable mode', () => {
  // contexts A B; PASIDs A1 A3 A4 B4 absent; pages 5.1:P Q R, 5.2:P, 6.3:P, 7.4:P R; links 5.1:P R, 5.2:P, 6.3:P, 6 host, 7:P;
  // device TLB P R, 4:P
  const rows: readonly Row[] = [
    ['context cache, global', context(1n), 'xx ..... ... . . .. .... .. .. .'],
    ['context cache, any domain: all', context(2n, 99n), 'xx ..... ... . . .. .... .. .. .'],
    ['context cache, device A, whatever the domain', context(3n, 99n, A), 'x. ..... ... . . .. .... .. .. .'],
    ['context cache, FM 1: A and B', context(3n, 0n, A, 1n), 'xx ..... ... . . .. .... .. .. .'],
    ['PASID cache, global', pasidCache(3n), '.. xxxxx ... . . .. .... .. .. .'],
    ['PASID cache, domain 5, and what is absent', pasidCache(0n, 5n), '.. x...x ... . . .. .... .. .. .'],
    ['PASID cache, domain 7 on all devices', pasidCache(0n, 7n), '.. ..xxx ... . . .. .... .. .. .'],
    ['PASID cache, PASID 4 of domain 7', pasidCache(1n, 7n, 4n), '.. ..xx. ... . . .. .... .. .. .'],
    ['PASID cache, PASID 4 of domain 5: nothing', pasidCache(1n, 5n, 4n), '.. ..... ... . . .. .... .. .. .'],
    ['PASID cache, the absent PASID', pasidCache(1n, 0n, 7n), '.. ....x ... . . .. .... .. .. .'],
    ['IOTLB, global', iotlb(1n), '.. ..... xxx x x xx xxxx xx .. .'],
    ['IOTLB, domain 5', iotlb(2n, 5n), '.. ..... xxx x . .. xxx. .. .. .'],
    ['IOTLB, domain 6: both stages', iotlb(2n, 6n), '.. ..... ... . x .. ...x x. .. .'],
    ['IOTLB, domain 7', iotlb(2n, 7n), '.. ..... ... . . xx .... .x .. .'],
    ['IOTLB, page P of domain 7', iotlb(3n, 7n, P), '.. ..... ... . . x. .... .x .. .'],
    ['IOTLB, page P of domain 7, IH = 1', iotlb(3n, 7n, P, 0n, 1n), '.. ..... ... . . x. .... .. .. .'],
    [
      'IOTLB, any page of domain 5: all of its first stage, IH or not',
      iotlb(3n, 5n, 0x1000n, 0n, 1n),
      '.. ..... xxx x . .. xxx. .. .. .',
    ],
    [
      'IOTLB, page of domain 6: nested pages and links; host links of the page',
      iotlb(3n, 6n, 0x7000_0000n),
      '.. ..... ... . x .. ...x x. .. .',
    ],
    [
      'IOTLB, the same with IH = 1: host links stay',
      iotlb(3n, 6n, 0x7000_0000n, 0n, 1n),
      '.. ..... ... . x .. ...x .. .. .',
    ],
    ['PASID IOTLB, PASID 1', pasidIotlb(2n, 5n, 1n), '.. ..... xxx . . .. xx.. .. .. .'],
    ['PASID IOTLB, PASID 1 of domain 6: nothing', pasidIotlb(2n, 6n, 1n), '.. ..... ... . . .. .... .. .. .'],
    ['PASID IOTLB, PASID 3: not the host links', pasidIotlb(2n, 6n, 3n), '.. ..... ... . x .. ...x .. .. .'],
    ['PASID IOTLB, PASID 4: second-stage pages, not links', pasidIotlb(2n, 7n, 4n), '.. ..... ... . . xx .... .. .. .'],
    ['PASID IOTLB, page P, IH = 0', pasidIotlb(3n, 5n, 1n, P), '.. ..... x.. . . .. x... .. .. .'],
    ['PASID IOTLB, page P, IH = 1', pasidIotlb(3n, 5n, 1n, P, 0n, 1n), '.. ..... x.. . . .. .... .. .. .'],
    [
      'PASID IOTLB, 8 pages from an address inside',
      pasidIotlb(3n, 5n, 1n, Q, 3n, 1n),
      '.. ..... xx. . . .. .... .. .. .',
    ],
    ['PASID IOTLB, mask above MAMV is a mask', pasidIotlb(3n, 5n, 1n, 0n, 26n), '.. ..... xx. . . .. x... .. .. .'],
    ['PASID IOTLB, all pages', pasidIotlb(3n, 5n, 1n, 0n, 52n), '.. ..... xxx . . .. xx.. .. .. .'],
    ['PASID IOTLB, page of a second stage: nothing', pasidIotlb(3n, 7n, 4n, P), '.. ..... ... . . .. .... .. .. .'],
    ['device TLB, page P', deviceTlb(A, P), '.. ..... ... . . .. .... .. x. .'],
    ['device TLB, 16 pages', deviceTlb(A, P | 0x7001n), '.. ..... ... . . .. .... .. x. .'],
    ['device TLB, everything: of requests without PASID', deviceTlb(A, EVERYTHING), '.. ..... ... . . .. .... .. xx .'],
    ['PASID device TLB, PASID 4', pasidDeviceTlb(A, 4n, P), '.. ..... ... . . .. .... .. .. x'],
    ['PASID device TLB, PASID 1: nothing', pasidDeviceTlb(A, 1n, P), '.. ..... ... . . .. .... .. .. .'],
    [
      'PASID device TLB, everything of all PASIDs, and of none',
      pasidDeviceTlb(A, 0n, EVERYTHING | 0x800n),
      '.. ..... ... . . .. .... .. xx x',
    ],
  ];
  it.each(rows)('%s', (_, descriptor, verdicts) => {
    const { is, expected } = left(scalableWorld, descriptor, verdicts);
    expect(is).toEqual(expected);
  });
});
