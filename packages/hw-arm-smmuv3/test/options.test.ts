import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, smmuV3Configuration, SmmuV3Unit, stage1Format, stage2Format } from '../src/index.js';
import { IDR0, IDR1, IDR3, IDR5 } from '../src/layouts/registers.js';

describe('wrong options name the path, the value and what is allowed', () => {
  it.each<[string, object, string]>([
    ['an unknown key', { idr2: 0 }, 'expected one of the keys preset, idr0'],
    ['a preset', { preset: 'mmu-400' }, 'preset is "mmu-400", expected'],
    ['an ID register', { idr0: -1 }, 'idr0 is -1, expected'],
    ['a bus', { busBits: 20 }, 'busBits is 20, expected an integer from 32 to 64'],
    ['a completion', { completion: 'late' }, 'completion is "late", expected one of immediate, stepped'],
    [
      'a cache size',
      { caches: { tlbEntries: 100 } },
      'caches.tlbEntries is 100, expected a power of two from 1 to 65536',
    ],
    ['a key inside caches', { caches: { tlb: 4 } }, 'expected one of the keys streamEntries'],
    ['ways', { caches: { ways: 3 } }, 'caches.ways is 3, expected a power of two from 1 to 64'],
  ])('%s', (_, options, text) => {
    expect(() => smmuV3Configuration(options)).toThrow(text);
  });
});

describe('presets', () => {
  const fieldsOf = (name: keyof typeof SMMU_V3_PRESETS) => {
    const preset = SMMU_V3_PRESETS[name];
    const of = (layout: { decode(word: bigint): Record<string, bigint> }, word: number): Record<string, bigint> =>
      Object.fromEntries(Object.entries(layout.decode(BigInt(word >>> 0))).filter(([, value]) => value !== 0n));
    return {
      idr0: of(IDR0, preset.idr0),
      idr1: of(IDR1, preset.idr1),
      idr3: of(IDR3, preset.idr3),
      idr5: of(IDR5, preset.idr5),
    };
  };

  it("qemu-virt-7.2 has QEMU's registers", () => {
    expect(fieldsOf('qemu-virt-7.2')).toEqual({
      idr0: { ST_LEVEL: 1n, TERM_MODEL: 1n, STALL_MODEL: 1n, TTENDIAN: 2n, ASID16: 1n, COHACC: 1n, TTF: 2n, S1P: 1n },
      idr1: { CMDQS: 19n, EVENTQS: 19n, SIDSIZE: 16n },
      idr3: { BBML: 2n, RIL: 1n, HAD: 1n },
      idr5: { OAS: 4n, GRAN4K: 1n, GRAN16K: 1n, GRAN64K: 1n },
    });
  });

  it('server has everything', () => {
    expect(fieldsOf('server')).toEqual({
      idr0: {
        ST_LEVEL: 1n,
        TTENDIAN: 2n,
        CD2L: 1n,
        VMID16: 1n,
        PRI: 1n,
        MSI: 1n,
        ASID16: 1n,
        ATS: 1n,
        HYP: 1n,

        HTTU: 2n,
        COHACC: 1n,
        TTF: 2n,
        S1P: 1n,
        S2P: 1n,
      },
      idr1: { CMDQS: 19n, EVENTQS: 19n, PRIQS: 19n, SSIDSIZE: 20n, SIDSIZE: 32n },
      idr3: { BBML: 2n, RIL: 1n, HAD: 1n },
      idr5: { OAS: 5n, GRAN4K: 1n, GRAN16K: 1n, GRAN64K: 1n, STALL_MAX: 256n },
    });
  });

  it('are the default of every option, and options win', () => {
    const { capabilities, busBits, caches, completion } = smmuV3Configuration();
    expect(capabilities.registers.idr0).toBe(SMMU_V3_PRESETS['qemu-virt-7.2'].idr0);
    expect([busBits, completion, caches.walkEntries, caches.tlbEntries]).toEqual([48, 'immediate', 0, 1024]);
    const other = smmuV3Configuration({ preset: 'server', aidr: 9, busBits: 52, caches: { tlbEntries: 2, ways: 1 } });
    expect(other.capabilities.registers.aidr).toBe(9);
    expect(other.caches).toMatchObject({ tlbEntries: 2, ways: 1, walkEntries: 256 });
    expect(smmuV3Configuration({ caches: false }).caches).toMatchObject({
      tlbEntries: 0,
      streamEntries: 0,
      contextEntries: 0,
    });
  });

  it('make units', () => {
    expect(SmmuV3Unit).toBeTypeOf('function');
    const wide = { granule: 16, wide: true } as const;
    expect(stage1Format({ ...wide, hierarchyDisabled: false, singlePrivilege: false }).name).toBe(
      'VMSAv8-64 stage 1, 64K',
    );
    expect(stage2Format(wide).address).toHaveLength(2);
  });
});
