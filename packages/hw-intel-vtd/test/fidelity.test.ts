import type { FidelityFeature } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { intelVtd, intelVtdUnits, VTD_PRESETS, type VtdOptions, type VtdPresetName } from '../src/index.js';

const ladder = (options: VtdOptions = {}): readonly FidelityFeature[] => intelVtd(options).fidelity!;
const state = (options: VtdOptions, start: string): string =>
  ladder(options).find(({ feature }) => feature.startsWith(start))!.state;

describe('what the backend claims', () => {
  it.each(Object.keys(VTD_PRESETS) as VtdPresetName[])('%s: says why, unless a feature is modelled', (preset) => {
    const rows = ladder({ preset });
    expect(rows.filter(({ state: is, note }) => is !== 'modelled' && note === undefined)).toEqual([]);
    expect(new Set(rows.map(({ feature }) => feature)).size).toBe(rows.length);
    expect([...new Set(rows.map(({ level }) => level))]).toEqual([1, 2, 3, 4]);
  });

  it.each<[string, VtdOptions, VtdOptions]>([
    ['Scalable-mode root', { preset: 'full' }, { preset: 'qemu-q35-48bit' }],
    ['Nested translation', { preset: 'full' }, { preset: 'full', ecap: VTD_PRESETS.full.ecap & ~(1n << 26n) }],
    ['Extended accessed flag', { preset: 'full' }, { preset: 'xeon-skylake-sp' }],
    ['Page requests', { preset: 'full' }, { preset: 'xeon-sapphire-rapids' }],
    ['Abort-DMA mode', { preset: 'full' }, { preset: 'xeon-skylake-sp' }],
    ['Protected memory', { preset: 'xeon-skylake-sp' }, {}],
    ['Paging-structure caches', {}, { caches: false }],
    ['IOTLB', {}, { caches: { iotlbEntries: 0 } }],
    ['Not-present entries', { cachingMode: true }, { cachingMode: true, caches: { negative: false } }],
    ['Walks that do not snoop', { coherent: false }, { coherent: true }],
    ['Write buffer', { writeBufferFlush: true }, {}],
    ['Commands that wait', { completion: 'stepped' }, {}],
  ])('%s follows the options', (feature, on, off) => {
    expect([state(on, feature), state(off, feature)]).toEqual(['modelled', 'absent']);
  });

  it('lists interrupt remapping as absent, and names the seed of replacement', () => {
    expect(state({ preset: 'full' }, 'Interrupt remapping')).toBe('absent');
    const replaced = ladder({ caches: { seed: 7 } }).find(({ feature }) => feature === 'Replacement');
    expect(replaced?.note).toBe('pseudo-random, seed 7');
  });

  it('of several units is what the first has', () => {
    const specs = [{ options: { preset: 'full' } as const }, {}];
    expect(intelVtdUnits(specs).fidelity).toEqual(ladder({ preset: 'full' }));
  });
});
