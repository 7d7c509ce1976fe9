import {
  DeviceTlb,
  NO_PASID,
  type CacheFill,
  type HardwareFault,
  type UnitInvalidation,
  tlbEndpoint,
} from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import {
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

function watched() {
  const rig = new Rig();
  const fills: CacheFill[] = [];
  const invalidations: UnitInvalidation[] = [];
  const commands: [string, number[]][] = [];
  const faults: HardwareFault[] = [];
  rig.unit.observer = {
    filled: (fill) => fills.push(fill),
    invalidated: (invalidation) => invalidations.push(invalidation),
    executing: (command, words) => commands.push([command, Array.from(words)]),
    faulted: (fault) => faults.push(fault),
  };
  return { rig, fills, invalidations, commands, faults };
}

describe('an observer of the unit', () => {
  it('is told of each entry that a host translation fills, and of none on a hit', () => {
    const { rig, fills } = watched();
    const root = rig.hostDevice(8, 5);
    const leaf = rig.mapHost(root, 3, 0x40_1000n, 0x1234_5000n | PTE_RW);
    rig.ask(8, 0x40_1234n);
    const who = { requesterId: 8, pasid: NO_PASID };
    const tags = { domain: 5, pasid: NO_PASID };
    expect(fills).toEqual([
      { ...who, cache: 'structure', tags: { requester: 8 }, range: undefined, pa: undefined },
      {
        ...who,
        cache: 'paging-structure',
        tags,
        range: { start: 0x40_0000n, last: 0x5f_ffffn },
        pa: leaf & ~0xfffn,
      },
      {
        ...who,
        cache: 'paging-structure',
        tags,
        range: { start: 0n, last: 0x3fff_ffffn },
        pa: rig.load(root) & 0xf_ffff_ffff_f000n,
      },
      {
        ...who,
        cache: 'iotlb',
        tags: { ...tags, nested: 0 },
        range: { start: 0x40_1000n, last: 0x40_1fffn },
        pa: 0x1234_5000n,
      },
    ]);
    fills.length = 0;
    expect(rig.pa(8, 0x40_1ffcn)).toBe(0x1234_5ffcn);
    expect(fills).toEqual([]);
  });

  it('is told the tags of guest entries', () => {
    const { rig, fills } = watched();
    const gcr3 = rig.table();
    const guestRoot = rig.table();
    rig.store(gcr3 + 8n * 7n, guestRoot | 1n);
    rig.mapGuest(guestRoot, 4, 0x5000n, 0x1000_0000n | GUEST_RW);
    const parts = ((gcr3 >> 12n) & 7n) << 58n;
    const upper = ((gcr3 >> 15n) & 0xffffn) << 16n;
    rig.dte(8, DTE_RW | (1n << 55n) | parts, upper | 3n);
    expect(rig.pa(8, 0x5000n, READ, 7)).toBe(0x1000_0000n);
    expect(fills.at(-1)).toMatchObject({ cache: 'iotlb', pasid: 7, tags: { domain: 3, pasid: 7, nested: 0 } });
    expect(fills.filter(({ cache }) => cache === 'paging-structure').map(({ tags }) => tags)).toEqual(
      Array.from({ length: 3 }, () => ({ domain: 3, pasid: 7 })),
    );
  });

  it('is told of every invalidation with what it asks for and what went', () => {
    const { rig, invalidations } = watched();
    const root = rig.hostDevice(8, 5);
    rig.mapHost(root, 3, 0x1000n, 0x1234_5000n | PTE_RW);
    rig.mapHost(root, 3, 0x2000n, 0x1234_6000n | PTE_RW);
    rig.ask(8, 0x1000n);
    rig.ask(8, 0x2000n);
    rig.command(...invalidatePages(5, 0x1000n));
    rig.command(...invalidatePages(5, 0x1000n, { s: true, pde: true }));
    rig.command(...invalidatePages(5, EVERYTHING, { s: true, pasid: 9 }));
    rig.command(...invalidateDevice(8));
    rig.command((5n << 60n) | 8n);
    rig.command(...INVALIDATE_ALL);
    const host = { domain: 5, pasid: NO_PASID };
    expect(invalidations).toEqual([
      {
        command: 'INVALIDATE_IOMMU_PAGES',
        caches: ['iotlb'],
        tags: host,
        range: { start: 0x1000n, last: 0x1fffn },
        dropped: 1,
      },
      {
        command: 'INVALIDATE_IOMMU_PAGES with PDE',
        caches: ['iotlb', 'paging-structure'],
        tags: host,
        range: { start: 0n, last: 0x3fffn },
        dropped: 3,
      },
      {
        command: 'INVALIDATE_IOMMU_PAGES',
        caches: ['iotlb'],
        tags: { domain: 5, pasid: 9 },
        range: { start: 0n, last: 0xffff_ffff_ffff_ffffn },
        dropped: 0,
      },
      {
        command: 'INVALIDATE_DEVTAB_ENTRY',
        caches: ['structure'],
        tags: { requester: 8 },
        range: undefined,
        dropped: 1,
      },
      { command: 'INVALIDATE_INTERRUPT_TABLE', caches: [], tags: { requester: 8 }, range: undefined, dropped: 0 },
      {
        command: 'INVALIDATE_IOMMU_ALL',
        caches: ['structure', 'iotlb', 'paging-structure'],
        tags: {},
        range: undefined,
        dropped: 0,
      },
    ]);
  });

  it('is told what a device keeps, and when it is made to forget', () => {
    const { rig, fills, invalidations } = watched();
    const root = rig.hostDevice(8, 5);
    rig.dte(8, root | DTE_RW | (3n << 9n), 5n | (1n << 32n));
    rig.mapHost(root, 3, 0x1000n, 0x1234_5000n | PTE_RW);
    const tlb = new DeviceTlb(rig.unit, 8);
    rig.unit.connectEndpoint(8, tlbEndpoint(tlb));
    expect(tlb.translate(NO_PASID, 0, 0x1000, READ)).toBe(true);
    const tags = { requester: 8, pasid: NO_PASID };
    const range = { start: 0x1000n, last: 0x1fffn };
    expect(fills.at(-1)).toEqual({
      cache: 'device-tlb',
      requesterId: 8,
      pasid: NO_PASID,
      tags,
      range,
      pa: 0x1234_5000n,
    });
    rig.command(...invalidateIotlb(8, 0x1000n));
    expect(invalidations).toEqual([
      { command: 'INVALIDATE_IOTLB_PAGES', caches: ['device-tlb'], tags, range, dropped: 1 },
    ]);
    expect(tlb.used).toBe(0);
  });

  it('is told of commands before they act, the illegal ones too, and of faults with their records', () => {
    const { rig, commands, faults } = watched();
    rig.command(...invalidateDevice(0x1234));
    rig.command(0xf000_0000_0000_0000n);
    expect(commands).toEqual([
      ['INVALIDATE_DEVTAB_ENTRY', [0x1234, 0x2000_0000, 0, 0]],
      ['reserved opcode 15', [0, -0x1000_0000, 0, 0]],
    ]);
    rig.events();
    rig.hostDevice(8, 5);
    rig.ask(8, 0x1000n);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ name: 'IO_PAGE_FAULT', requesterId: 8, recorded: 'recorded' });
    expect(faults[0]?.record).toEqual(rig.events()[0]);
    rig.unit.requestPage({
      requesterId: 8,
      pasid: 3,
      groupIndex: 7,
      lastInGroup: false,
      address: 0x1000n,
      read: true,
      write: false,
    });
    expect(faults[1]).toMatchObject({ name: 'INVALID_PPR_REQUEST', pasid: 3, details: { tag: 7 } });
    expect(rig.unit.translation.fault).toBe(faults[1]);
  });
});
