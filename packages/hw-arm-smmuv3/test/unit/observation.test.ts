import { Access, NO_PASID, type CacheFill, type HardwareFault, type UnitInvalidation } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import type { SmmuV3Options } from '../../src/index.js';
import { BLOCK, PAGE, S2_BLOCK, SmmuRig } from './rig.js';

const IOVA = 0x12_3456_7000n;
const PA = 0x1_0000_0000n;

function watched(options: SmmuV3Options = {}) {
  const rig = new SmmuRig(options);
  const fills: CacheFill[] = [];
  const invalidations: UnitInvalidation[] = [];
  const executed: [string, ...number[]][] = [];
  const faults: HardwareFault[] = [];
  rig.unit.observer = {
    filled: (fill) => fills.push(fill),
    invalidated: (invalidation) => invalidations.push(invalidation),
    executing: (command, words) => executed.push([command, ...Array.from(words)]),
    faulted: (fault) => faults.push(fault),
  };
  return { rig, fills, invalidations, executed, faults };
}

describe('an observer', () => {
  it('is told of what a stage 1 walk left in the caches, and of nothing more for a hit', () => {
    const { rig, fills } = watched();
    rig.map(rig.stream(0x10, { asid: 5n }, { vmid: 3n }), IOVA, PA | PAGE);
    rig.enable();
    expect(rig.ask(0x10, IOVA + 0x123n)).toBe('0x100000123');
    const whose = { requesterId: 0x10, pasid: NO_PASID };
    const link = { cache: 'paging-structure', ...whose };
    const tags = { world: 1, vmid: 3, asid: 5, stage: 1, global: 0 };
    expect(fills.slice(0, 2)).toEqual([
      { cache: 'structure', ...whose, tags: { stream: 0x10 }, range: undefined, pa: undefined },
      { cache: 'structure', ...whose, tags: { stream: 0x10, ssid: 0 }, range: undefined, pa: undefined },
    ]);
    expect(fills.slice(2, 5)).toMatchObject([
      { ...link, tags, range: { start: 0x12_3440_0000n, last: 0x12_345f_ffffn } },
      { ...link, tags, range: { start: 0x12_0000_0000n, last: 0x12_3fff_ffffn } },
      { ...link, tags, range: { start: 0n, last: 0x7f_ffff_ffffn } },
    ]);
    expect(fills.slice(5)).toEqual([
      {
        cache: 'iotlb',
        ...whose,
        tags: { ...tags, level: 3, granule: 12 },
        range: { start: IOVA, last: IOVA + 0xfffn },
        pa: PA,
      },
    ]);
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(fills).toHaveLength(6);
  });

  it('sees global pages, substreams, EL2 streams and stage 2 by their tags', () => {
    const { rig, fills } = watched();
    const cds = rig.page();
    const root = rig.page();
    rig.cd(cds + 64n, { asid: 9n, ttb0: root });
    rig.map(root, IOVA, PA | (PAGE & ~0x800n));
    rig.ste(0x10, { cd: cds, cdMax: 2n });
    rig.map(rig.stream(0x11, { asid: 6n }, { world: 2n }), 0n, PA | BLOCK, 2);
    rig.map(rig.stage2(0x12, { vmid: 7n }), 0n, PA | S2_BLOCK, 2);
    rig.enable();
    expect(rig.ask(0x10, IOVA, Access.READ, 1)).toBe('0x100000000');
    expect(rig.ask(0x11, 0x1000n)).toBe('0x100001000');
    expect(rig.ask(0x12, 0x2000n)).toBe('0x100002000');
    expect(fills.filter(({ cache }) => cache === 'iotlb').map(({ tags, pasid }) => ({ ...tags, pasid }))).toEqual([
      { world: 1, vmid: 0, stage: 1, global: 1, level: 3, granule: 12, pasid: 1 },
      { world: 2, asid: 0, stage: 1, global: 0, level: 2, granule: 12, pasid: NO_PASID },
      { world: 1, vmid: 7, stage: 2, global: 0, level: 2, granule: 12, pasid: NO_PASID },
    ]);
    expect(fills.filter(({ tags }) => 'ssid' in tags).map(({ tags }) => tags)).toEqual([
      { stream: 0x10, ssid: 1 },
      { stream: 0x11, ssid: 0 },
    ]);
  });

  it('hears of an answer that a device may keep', () => {
    const { rig, fills } = watched();
    rig.map(rig.stream(0x10, {}, { ats: 1n }), 0x20_0000n, PA | BLOCK, 2);
    rig.enable();
    rig.ask(0x10, 0x20_3000n, Access.READ | Access.TRANSLATION_REQUEST);
    expect(fills.at(-1)).toEqual({
      cache: 'device-tlb',
      requesterId: 0x10,
      pasid: NO_PASID,
      tags: { stream: 0x10 },
      range: { start: 0x20_0000n, last: 0x3f_ffffn },
      pa: PA,
    });
  });

  it('hears nothing of caches that are off', () => {
    const { rig, fills } = watched({ caches: false });
    rig.map(rig.stream(0x10), IOVA, PA | PAGE);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(fills).toEqual([]);
  });

  const commands: [string, bigint, bigint, Omit<UnitInvalidation, 'command' | 'dropped'>][] = [
    ['CFGI_STE', 0x10_0000_0003n, 1n, { caches: ['structure'], tags: { stream: 0x10 }, range: undefined }],
    [
      'CFGI_STE_RANGE',
      0x13_0000_0004n,
      1n,
      { caches: ['structure'], tags: { stream: 0x10, streams: 4 }, range: undefined },
    ],
    ['CFGI_ALL', 0x04n, 31n, { caches: ['structure'], tags: {}, range: undefined }],
    ['CFGI_CD', 0x10_0000_3005n, 1n, { caches: ['structure'], tags: { stream: 0x10, ssid: 3 }, range: undefined }],
    ['CFGI_CD_ALL', 0x10_0000_0006n, 0n, { caches: ['structure'], tags: { stream: 0x10 }, range: undefined }],
    [
      'TLBI_NH_ALL',
      0x3_0000_0010n,
      0n,
      { caches: ['iotlb', 'paging-structure'], tags: { world: 1, vmid: 3, stage: 1 }, range: undefined },
    ],
    [
      'TLBI_NH_ASID',
      0x5_0003_0000_0011n,
      0n,
      {
        caches: ['iotlb', 'paging-structure'],
        tags: { world: 1, vmid: 3, stage: 1, asid: 5, global: 0 },
        range: undefined,
      },
    ],
    [
      'TLBI_NH_VA',
      0x5_0003_0000_0012n,
      0x1001n,
      { caches: ['iotlb'], tags: { world: 1, vmid: 3, stage: 1, asid: 5 }, range: { start: 0x1000n, last: 0x1fffn } },
    ],
    [
      'TLBI_NH_VAA',
      0x3_0020_3013n,
      // NUM 3, SCALE 2: sixteen pages of 4K, leaves of level 3.
      0x1_0000n | (1n << 10n) | (3n << 8n),
      {
        caches: ['iotlb', 'paging-structure'],
        tags: { world: 1, vmid: 3, stage: 1, level: 3, granule: 12 },
        range: { start: 0x1_0000n, last: 0x1_ffffn },
      },
    ],
    ['TLBI_EL2_ALL', 0x20n, 0n, { caches: ['iotlb', 'paging-structure'], tags: { world: 2 }, range: undefined }],
    [
      'TLBI_EL2_ASID',
      0x5_0000_0000_0021n,
      0n,
      { caches: ['iotlb', 'paging-structure'], tags: { world: 2, asid: 5, global: 0 }, range: undefined },
    ],
    [
      'TLBI_EL2_VA',
      0x5_0000_0000_0022n,
      0x2000n,
      { caches: ['iotlb', 'paging-structure'], tags: { world: 2 }, range: { start: 0x2000n, last: 0x2fffn } },
    ],
    [
      'TLBI_EL2_VAA',
      0x23n,
      0x2001n,
      { caches: ['iotlb'], tags: { world: 2 }, range: { start: 0x2000n, last: 0x2fffn } },
    ],
    [
      'TLBI_S12_VMALL',
      0x3_0000_0028n,
      0n,
      { caches: ['iotlb', 'paging-structure'], tags: { world: 1, vmid: 3 }, range: undefined },
    ],
    [
      'TLBI_S2_IPA',
      0x3_0000_002an,
      0x3000n,
      {
        caches: ['iotlb', 'paging-structure'],
        tags: { world: 1, vmid: 3, stage: 2 },
        range: { start: 0x3000n, last: 0x3fffn },
      },
    ],
    ['TLBI_NSNH_ALL', 0x30n, 0n, { caches: ['iotlb', 'paging-structure'], tags: { world: 1 }, range: undefined }],
    [
      'ATC_INV',
      0x10_0000_2840n,
      0x5_0000n | 1n,
      { caches: ['device-tlb'], tags: { stream: 0x10, ssid: 2 }, range: { start: 0x5_0000n, last: 0x5_1fffn } },
    ],
  ];
  it.each(commands)('is told of %s, before and after', (command, q0, q1, told) => {
    const { rig, invalidations, executed } = watched();
    rig.enable();
    rig.atcAnswer = 2;
    rig.submit([q0, q1]);
    expect(executed.map(([name]) => name)).toEqual([command]);
    const words = [q0, q0 >> 32n, q1, q1 >> 32n].map((word) => Number(BigInt.asIntN(32, word)));
    expect(executed[0]).toEqual([command, ...words]);
    expect(invalidations).toEqual([{ command, ...told, dropped: command === 'ATC_INV' ? 2 : 0 }]);
  });

  it('counts what went: a page and its links, and not for leaves only', () => {
    const dropped = (q1: bigint): number[] => {
      const { rig, invalidations } = watched();
      rig.map(rig.stream(0x10, { asid: 5n }), IOVA, PA | PAGE);
      rig.enable();
      rig.ask(0x10, IOVA);
      rig.submit([0x5_0000_0000_0012n, IOVA | q1]);
      return invalidations.map((invalidation) => invalidation.dropped);
    };
    expect(dropped(0n)).toEqual([4]);
    expect(dropped(1n)).toEqual([1]);
  });

  it('is told of refusals, recorded or silent, and of commands that are illegal', () => {
    const { rig, faults, executed, invalidations } = watched();
    rig.stream(0x10);
    rig.ste(0x11, { config: 0n });
    rig.enable();
    rig.ask(0x10, IOVA, Access.WRITE);
    rig.ask(0x11, IOVA);
    expect(faults.map(({ name, recorded, access }) => [name, recorded, access])).toEqual([
      ['F_TRANSLATION', 'recorded', 'write'],
      ['ABORT', 'disabled', 'read'],
    ]);
    rig.unit.explain(0x10, NO_PASID, IOVA, Access.READ);
    expect(faults).toHaveLength(2);
    rig.submit([0xeen]);
    expect(executed.map(([name]) => name)).toEqual(['0xee']);
    expect(invalidations).toEqual([]);
  });
});
