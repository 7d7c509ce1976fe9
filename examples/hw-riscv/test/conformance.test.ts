import { backendConformance, conformanceGaps } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { riscvIommu, type RiscvIommuOptions } from '../src/index.js';

const READABLE = 'write-only pages can be read: a PTE with W and without R is no page';
const NO_PASIDS = 'no PASIDs (DeviceCapabilities.maxPasidLog2)';
const NO_NESTING = 'no nesting (IommuBackend.allocNested, HwptFlag.NEST_PARENT)';

const VARIANTS: readonly { name: string; options: RiscvIommuOptions; gaps: readonly string[] }[] = [
  { name: 'Sv48, three directories', options: {}, gaps: [READABLE, NO_PASIDS, NO_NESTING] },
  {
    name: 'Sv39, two directories, stepped, no caches, no dirty bits',
    options: { mode: 'sv39', directoryLevels: 2, hardwareDirty: false, caches: false, completion: 'stepped' },
    gaps: [
      READABLE,
      'the unit keeps no translations (UnitCounters.iotlbHits)',
      'no dirty tracking (DeviceCapabilities.dirtyTracking)',
      NO_PASIDS,
      NO_NESTING,
    ],
  },
  {
    name: 'Sv57 with small caches',
    options: { mode: 'sv57', contextEntries: 1, iotlbEntries: 8 },
    gaps: [READABLE, NO_PASIDS, NO_NESTING],
  },
];

describe.each(VARIANTS)('$name', ({ options, gaps }) => {
  it('declares these gaps', () => {
    expect(conformanceGaps(riscvIommu(options))).toEqual(gaps);
  });

  backendConformance({ describe, it }, riscvIommu(options));
});
