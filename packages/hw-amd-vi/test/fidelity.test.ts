import { describe, expect, it } from 'vitest';
import { amdVi } from '../src/index.js';

describe('the fidelity ladder', () => {
  const rows = (options: Parameters<typeof amdVi>[0]) => amdVi(options).fidelity ?? [];
  const stateOf = (options: Parameters<typeof amdVi>[0], feature: RegExp): string | undefined =>
    rows(options).find((row) => feature.test(row.feature))?.state;

  it('has all four levels, and a reason wherever something is missing', () => {
    for (const options of [{}, { preset: 'zen-server' }] as const) {
      expect([...new Set(rows(options).map(({ level }) => level))]).toEqual([1, 2, 3, 4]);
      expect(rows(options).filter(({ state, note }) => state !== 'modelled' && note === undefined)).toEqual([]);
    }
  });

  it.each([
    [/^Guest \(v2\)/, { preset: 'zen-server' }, { preset: 'zen-server', efr: 0x800n }],
    [/^Accessed and dirty/, { preset: 'zen-server' }, {}],
    [/^Device table segments/, { preset: 'zen-server' }, {}],
    [/^Device table entry cache/, { preset: 'zen-server' }, {}],
    [/^Device table entry cache/, { caches: { deviceEntries: 4 } }, { preset: 'zen-server', caches: false }],
    [/^Entries that are not present/, { preset: 'zen-server', npCache: true }, { npCache: true }],
    [/^Torn/, { dteFetchBits: 128 }, {}],
    [/^Page directories/, { preset: 'zen-server' }, {}],
    [/^PPR log/, {}, { efr: 0x800n }],
    [/^IOTLB/, {}, { caches: false }],
  ] as const)('follows the options: %s', (feature, on, off) => {
    expect([stateOf(on, feature), stateOf(off, feature)]).toEqual(['modelled', 'absent']);
  });

  it('does not claim what is left out', () => {
    for (const feature of [/AVIC/, /SNP/, /MARC/, /Dual/])
      expect(stateOf({ preset: 'zen-server' }, feature)).toBe('absent');
  });
});
