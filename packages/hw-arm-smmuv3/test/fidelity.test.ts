import type { FidelityFeature } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { armSmmuv3, SMMU_V3_PRESETS, type SmmuV3Options } from '../src/index.js';

const { server } = SMMU_V3_PRESETS;
const ladder = (options: SmmuV3Options): readonly FidelityFeature[] => armSmmuv3(options).fidelity!;
const stateOf = (options: SmmuV3Options, start: string): string | undefined =>
  ladder(options).find(({ feature }) => feature.startsWith(start))?.state;

describe('the fidelity ladder', () => {
  it('goes up, names each feature once, and says why something is missing', () => {
    const rows = ladder({ preset: 'server' });
    const levels = rows.map(({ level }) => level);
    expect(levels).toEqual(levels.toSorted());
    expect(new Set(rows.map(({ feature }) => feature)).size).toBe(rows.length);
    for (const { feature, state, note } of rows) expect(state === 'modelled' || note !== undefined, feature).toBe(true);
  });

  it.each<[feature: string, without: SmmuV3Options]>([
    ['Two-level stream tables', { idr0: server.idr0 & ~(3 << 27) }],
    ['Stage 1 tables', { idr0: server.idr0 & ~2 }],
    ['Stage 2 tables', { idr0: server.idr0 & ~1 }],
    ['Nested translation', { idr0: server.idr0 & ~1 }],
    ['Range invalidation', { idr3: server.idr3 & ~0x400 }],
    ['TLB by world', { caches: { tlbEntries: 0 } }],
    ['STE cache', { caches: { streamEntries: 0 } }],
    ['CD cache', { caches: { contextEntries: 0 } }],
    ['Walk caches', { caches: { walkEntries: 0 } }],
    ['Substreams', { idr1: server.idr1 & ~0x7c0 }],
    ['Two-level context tables', { idr0: server.idr0 & ~(1 << 19) }],
    ['Hardware accessed flag', { idr0: server.idr0 & ~0xc0 }],
    ['Hardware dirty state', { idr0: (server.idr0 & ~0xc0) | 0x40 }],
    ['Stall model', { idr0: server.idr0 | (1 << 24) }],
    ['ATS', { idr0: server.idr0 & ~0x400 }],
    ['Split-stage ATS', { idr0: server.idr0 | 0x800 }],
    ['PRI queue', { idr0: server.idr0 & ~0x1_0000 }],
    ['Interrupts by message', { idr0: server.idr0 & ~0x2000 }],
    ['EL2 streams', { idr0: server.idr0 & ~0x200 }],
  ])('has %s, and not where it is switched off', (feature, without) => {
    expect(stateOf({ preset: 'server' }, feature)).toBe('modelled');
    expect(stateOf({ preset: 'server', ...without }, feature)).toBe('absent');
  });

  it.each<[feature: string, having: SmmuV3Options]>([
    ['Addresses of 52 bits', { idr5: (server.idr5 & ~7) | 6 }],
    ['F_TLB_CONFLICT', { idr3: server.idr3 & ~0x1800 }],
    ['Commands that wait', { completion: 'stepped' }],
    ['Walks that do not snoop', { idr0: server.idr0 & ~0x10 }],
    ['A bus narrower', { busBits: 48 }],
  ])('has %s where it is asked for', (feature, having) => {
    expect(stateOf({ preset: 'server' }, feature)).toBe('absent');
    expect(stateOf({ preset: 'server', ...having }, feature)).toBe('modelled');
  });

  it('of the presets: what QEMU has not', () => {
    const missing = ladder({ preset: 'qemu-virt-7.2' }).filter(({ state }) => state === 'absent');
    const names = missing.map(({ feature }) => feature.split(/[ ,:;]/, 2).join(' '));
    expect(names.slice(0, 11)).toEqual([
      'Stage 2',
      'Substreams of',
      'Two-level context',
      'Nested translation',
      'Hardware accessed',
      'Hardware dirty',
      'Stall model',
      'ATS ',
      'Split-stage ATS',
      'PRI queue',
      'Interrupts by',
    ]);
    expect(stateOf({ caches: { seed: 7 } }, 'Replacement')).toBe('modelled');
    expect(ladder({ caches: { seed: 7 } }).find(({ feature }) => feature === 'Replacement')?.note).toContain('seed 7');
  });
});
