import {
  Access,
  DeviceTlb,
  NO_PASID,
  type CacheFill,
  type HardwareFault,
  type UnitInvalidation,
  type UnitObserver,
  tlbEndpoint,
} from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VTD_PRESETS, type VtdOptions } from '../../src/index.js';
import { VtdRig } from './rig.js';

const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;
const ALL = ['structure', 'iotlb', 'paging-structure'];

/** Keeps what it is told. */
class Notebook implements UnitObserver {
  readonly fills: CacheFill[] = [];
  readonly invalidations: UnitInvalidation[] = [];
  readonly commands: [name: string, words: number[]][] = [];
  readonly faults: HardwareFault[] = [];

  filled(fill: CacheFill): void {
    this.fills.push(fill);
  }

  invalidated(invalidation: UnitInvalidation): void {
    this.invalidations.push(invalidation);
  }

  executing(command: string, words: ArrayLike<number>): void {
    this.commands.push([command, Array.from(words)]);
  }

  faulted(fault: HardwareFault): void {
    this.faults.push(fault);
  }
}

function watched(options: VtdOptions = {}): { rig: VtdRig; notes: Notebook } {
  const rig = new VtdRig(options);
  const notes = new Notebook();
  rig.unit.observer = notes;
  return { rig, notes };
}

/** 2^shift bytes from an address. */
const bytes = (start: bigint, shift: bigint) => ({ start, last: start + (1n << shift) - 1n });

describe('fills', () => {
  it('of one request in legacy mode: context, each table below the root, the page', () => {
    const { rig, notes } = watched();
    const root = rig.context(DEVICE, 5);
    rig.map(root, IOVA, PA | 0x83n, { level: 2 });
    rig.enable();
    rig.ask(DEVICE, IOVA + 0x1234n);
    const from = { requesterId: DEVICE, pasid: NO_PASID };
    const tags = { stage: 2, domain: 5 };
    const table = (level: number): bigint => rig.entryAt(root, 4, IOVA, level) & ~0xfffn;
    expect(notes.fills).toEqual([
      {
        ...from,
        cache: 'structure',
        tags: { structure: 1, requester: DEVICE, domain: 5 },
        range: undefined,
        pa: undefined,
      },
      { ...from, cache: 'paging-structure', tags, range: bytes(IOVA, 30n), pa: table(2) },
      { ...from, cache: 'paging-structure', tags, range: bytes(0n, 39n), pa: table(3) },
      { ...from, cache: 'iotlb', tags, range: bytes(IOVA, 21n), pa: PA },
    ]);
  });

  it('a hit fills nothing, and so does a unit without caches', () => {
    const { rig, notes } = watched();
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
    rig.enable();
    rig.ask(DEVICE, IOVA);
    const before = notes.fills.length;
    rig.ask(DEVICE, IOVA + 8n);
    expect([notes.fills.length, rig.unit.counters.iotlbHits]).toEqual([before, 1]);

    const bare = watched({ caches: false });
    bare.rig.map(bare.rig.context(DEVICE, 5), IOVA, PA | 3n);
    bare.rig.enable().ask(DEVICE, IOVA);
    expect(bare.notes.fills).toEqual([]);
  });

  it('a nested translation: both contexts, links of both stages, the page under domain and PASID', () => {
    const { rig, notes } = watched({ preset: 'full' });
    const second = rig.page();
    const first = rig.page();
    // The guest's tables and its page lie where the second stage maps them one to one.
    rig.map(second, 0n, 0x83n, { level: 2 });
    rig.map(second, 0x20_0000n, 0x20_0083n, { level: 2 });
    rig.mapFirst(first, IOVA, 0x1000n | 0x67n);
    const directory = rig.scalableContext(DEVICE, { low: 8n });
    rig.pasid(directory, 3, { q0: second | 0xc9n, q1: 7n, q2: first });
    rig.enable('scalable').ask(DEVICE, IOVA, Access.READ, 3);
    const kinds = notes.fills.map(({ cache, tags }) => `${cache} ${JSON.stringify(tags)}`);
    expect(kinds.slice(0, 2)).toEqual([
      'structure {"structure":1,"requester":24}',
      'structure {"structure":2,"requester":24,"pasid":3,"domain":7}',
    ]);
    expect(new Set(kinds.slice(2, -1))).toEqual(
      new Set(['paging-structure {"stage":2,"domain":7}', 'paging-structure {"stage":1,"domain":7,"pasid":3}']),
    );
    expect(notes.fills.at(-1)).toEqual({
      cache: 'iotlb',
      requesterId: DEVICE,
      pasid: 3,
      tags: { stage: 1, domain: 7, pasid: 3 },
      range: bytes(IOVA, 12n),
      pa: 0x1000n,
    });
  });

  it('caching mode: what is not present, under its domain or under domain 0', () => {
    const { rig, notes } = watched({ cachingMode: true });
    rig.context(DEVICE, 5);
    rig.enable();
    rig.ask(0x20, IOVA);
    expect(notes.fills.map(({ tags }) => tags)).toEqual([{ structure: 1, requester: 0x20, domain: 0 }]);
    rig.ask(DEVICE, IOVA);
    expect(notes.fills.at(-1)).toMatchObject({ cache: 'iotlb', tags: { domain: 5 }, range: bytes(IOVA, 12n) });
    expect(notes.fills.at(-1)!.pa).toBeUndefined();
  });

  it('an answer to a translation request, which the device may keep; none without rights', () => {
    const { rig, notes } = watched({ preset: 'full' });
    rig.map(rig.context(DEVICE, 5, { low: 4n }), IOVA, PA | 1n);
    rig.enable();
    const tlb = new DeviceTlb(rig.unit, DEVICE);
    tlb.translate(NO_PASID, 0, Number(IOVA), Access.READ);
    tlb.translate(NO_PASID, 0, Number(IOVA) + 0x1000, Access.READ);
    const tags = { requester: DEVICE, pasid: NO_PASID };
    expect(notes.fills.filter(({ cache }) => cache === 'device-tlb')).toEqual([
      { cache: 'device-tlb', requesterId: DEVICE, pasid: NO_PASID, tags, range: bytes(IOVA, 12n), pa: PA },
    ]);
  });
});

describe('invalidations', () => {
  const page = IOVA + 0x5000n;
  const scalable: [string, bigint, bigint, Partial<UnitInvalidation>[]][] = [
    ['context cache, global', 0x11n, 0n, [{ command: 'context-cache global', tags: { structure: 1 } }]],
    [
      'context cache, domain',
      0x5_0021n,
      0n,
      [{ command: 'context-cache domain-selective', tags: { structure: 1, domain: 5 } }],
    ],
    [
      'context cache, two functions of a device',
      0x1_001c_0005_0031n,
      0n,
      [0x18, 0x1c].map((requester) => ({
        command: 'context-cache device-selective',
        tags: { structure: 1, domain: 5, requester },
      })),
    ],
    ['PASID cache, global', 0x37n, 0n, [{ command: 'PASID-cache global', tags: { structure: 2 } }]],
    [
      'PASID cache, domain',
      0x5_0007n,
      0n,
      [{ command: 'PASID-cache domain-selective', tags: { structure: 2, domain: 5 } }],
    ],
    [
      'PASID cache, PASID',
      0x3_0005_0017n,
      0n,
      [{ command: 'PASID-cache PASID-selective', tags: { structure: 2, domain: 5, pasid: 3 } }],
    ],
    ['IOTLB, global', 0x12n, 0n, [{ command: 'IOTLB global', caches: ['iotlb', 'paging-structure'], tags: {} }]],
    ['IOTLB, domain', 0x5_0022n, 0n, [{ command: 'IOTLB domain-selective', tags: { domain: 5 }, range: undefined }]],
    [
      'IOTLB, four pages with IH: an address inside is rounded down',
      0x5_0032n,
      page | 0x42n,
      [
        {
          command: 'IOTLB page-selective',
          caches: ['iotlb'],
          tags: { stage: 2, domain: 5 },
          range: bytes(IOVA + 0x4000n, 14n),
        },
      ],
    ],
    [
      'IOTLB, mask above MAMV: the domain',
      0x5_0032n,
      0x3fn,
      [{ command: 'IOTLB domain-selective', tags: { domain: 5 }, range: undefined }],
    ],
    [
      'PASID IOTLB, PASID',
      0x3_0005_0026n,
      0n,
      [
        { command: 'PASID-based-IOTLB PASID-selective', caches: ['iotlb'], tags: { domain: 5, pasid: 3 } },
        {
          command: 'PASID-based-IOTLB PASID-selective',
          caches: ['paging-structure'],
          tags: { stage: 1, domain: 5, pasid: 3 },
        },
      ],
    ],
    [
      'PASID IOTLB, pages',
      0x3_0005_0036n,
      page,
      [
        {
          command: 'PASID-based-IOTLB page-selective',
          caches: ['iotlb', 'paging-structure'],
          tags: { stage: 1, domain: 5, pasid: 3 },
          range: bytes(page, 12n),
        },
      ],
    ],
    ['interrupt entry cache: not a cache of translations', 0x4n, 0n, []],
  ];
  it.each(scalable)('%s', (_, low, high, expected) => {
    const { rig, notes } = watched({ preset: 'full' });
    rig.enable('scalable');
    notes.invalidations.length = 0;
    rig.submit([low, high]);
    expect(notes.invalidations).toMatchObject(expected);
    expect(notes.invalidations).toHaveLength(expected.length);
  });

  it('a page-selective one names first-stage and nested entries apart, once there were any', () => {
    const { rig, notes } = watched({ preset: 'full' });
    const first = rig.page();
    rig.mapFirst(first, IOVA, PA | 0x67n);
    rig.pasid(rig.scalableContext(DEVICE, { low: 8n }), 3, { q0: 0x41n, q1: 5n, q2: first });
    rig.enable('scalable').ask(DEVICE, IOVA, Access.READ, 3);
    notes.invalidations.length = 0;
    rig.submit([0x5_0032n, 0n]);
    // Three links and the page, though the command names another address.
    expect(notes.invalidations).toEqual([
      {
        command: 'IOTLB page-selective',
        caches: ['iotlb', 'paging-structure'],
        tags: { stage: 1, domain: 5 },
        range: undefined,
        dropped: 4,
      },
      {
        command: 'IOTLB page-selective',
        caches: ['iotlb', 'paging-structure'],
        tags: { stage: 2, domain: 5 },
        range: bytes(0n, 12n),
        dropped: 0,
      },
    ]);
  });

  it('through registers, with the number of entries that went', () => {
    const { rig, notes } = watched();
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
    rig.enable('legacy', { queue: false }).ask(DEVICE, IOVA);
    rig.write(0x28, (1n << 63n) | (1n << 61n));
    rig.write(0xf8, (1n << 63n) | (3n << 60n) | (5n << 32n));
    rig.write(0xf8, (1n << 63n) | (2n << 60n) | (5n << 32n));
    expect(notes.invalidations.map(({ command, dropped }) => [command, dropped])).toEqual([
      ['context-cache global', 1],
      // The page asked for has nothing in common with the one that is cached but the topmost table.
      ['IOTLB page-selective', 1],
      ['IOTLB domain-selective', 3],
    ]);
  });

  it('a device that answered: its range and PASID; one that did not has forgotten nothing', () => {
    const { rig, notes } = watched({ preset: 'full' });
    rig.enable('scalable');
    rig.unit.connectEndpoint(DEVICE, tlbEndpoint(new DeviceTlb(rig.unit, DEVICE)));
    notes.invalidations.length = 0;
    rig.submit(
      [0x18_0000_0003n, IOVA],
      [0x3_0018_0008n, IOVA | 0x800n],
      [0x18_0008n, 0x7fff_ffff_ffff_f801n],
      [0x20_0000_0003n, IOVA],
    );
    const caches = ['device-tlb'];
    expect(notes.invalidations).toEqual([
      {
        command: 'device-TLB',
        caches,
        tags: { requester: DEVICE, pasid: NO_PASID },
        range: bytes(IOVA, 12n),
        dropped: 0,
      },
      {
        command: 'PASID-based-device-TLB',
        caches,
        tags: { requester: DEVICE, pasid: 3 },
        range: bytes(IOVA, 13n),
        dropped: 0,
      },
      { command: 'PASID-based-device-TLB', caches, tags: { requester: DEVICE }, range: bytes(0n, 64n), dropped: 0 },
    ]);
  });

  it('SRTP drops everything with ESRTPS, and a reset does', () => {
    const { rig, notes } = watched({ cap: VTD_PRESETS.full.cap | (1n << 63n), ecap: VTD_PRESETS.full.ecap });
    rig.enable('scalable');
    rig.unit.reset();
    expect(notes.invalidations).toMatchObject([
      { command: 'SRTP', caches: ALL, tags: {}, range: undefined },
      { command: 'reset', caches: ALL, tags: {}, range: undefined },
    ]);
    const plain = watched();
    plain.rig.enable();
    expect(plain.notes.invalidations).toEqual([]);
  });
});

it('descriptors are shown before they act, with all their words', () => {
  const { rig, notes } = watched();
  rig.enable();
  let seen = -1;
  rig.unit.observer = Object.assign(Object.create(notes) as Notebook, {
    executing: (name: string, words: ArrayLike<number>) => {
      seen = notes.invalidations.length;
      notes.executing(name, words);
    },
  });
  rig.submit([0x5_0022n, 0n], [0x7_0000_0025n, 0x30_0000n]);
  expect(notes.commands).toEqual([
    ['IOTLB Invalidate', [0x5_0022, 0, 0, 0]],
    ['Invalidation Wait', [0x25, 7, 0x30_0000, 0]],
  ]);
  expect(seen).toBe(1);

  const wide = watched({ preset: 'full' });
  wide.rig.enable('scalable').submit([0x37n, 0n]);
  expect(wide.notes.commands).toEqual([['PASID-cache Invalidate', [0x37, 0, 0, 0, 0, 0, 0, 0]]]);
});

it('faults are told once they are recorded or not, of requests and of page requests', () => {
  const { rig, notes } = watched({ preset: 'full' });
  rig.enable('scalable').ask(DEVICE, IOVA);
  rig.unit.requestPage({
    requesterId: DEVICE,
    pasid: undefined,
    address: IOVA,
    read: true,
    write: false,
    groupIndex: 0,
    lastInGroup: true,
  });
  expect(notes.faults).toMatchObject([
    { name: 'SM_ROOT_NOT_PRESENT', recorded: 'recorded', requesterId: DEVICE },
    { name: 'SM_ROOT_NOT_PRESENT', recorded: 'collapsed' },
  ]);
});

it('explaining a request tells nobody', () => {
  const { rig, notes } = watched();
  rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
  rig.enable().unit.explain(DEVICE, NO_PASID, IOVA, Access.READ);
  rig.unit.explain(DEVICE, NO_PASID, 0n, Access.READ);
  expect([notes.fills, notes.faults]).toEqual([[], []]);
});
