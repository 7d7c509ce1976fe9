import { backendConformance, conformanceGaps } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { amdVi } from '../src/index.js';

const READABLE =
  'write-only pages can be read: a present entry of guest (v2) tables can be read: the format has no bit against it';
const NO_PASIDS = 'no PASIDs (DeviceCapabilities.maxPasidLog2)';
const NO_NESTING = 'no nesting (IommuBackend.allocNested, HwptFlag.NEST_PARENT)';
const NO_DIRTY = 'no dirty tracking (DeviceCapabilities.dirtyTracking)';

/** Guest tables; testkit runs the same suite on host tables. */
describe.each([
  ['five levels', amdVi({ preset: 'zen-server', pageTables: 'v2' }), [READABLE, NO_DIRTY, NO_PASIDS, NO_NESTING]],
  [
    'four levels, NpCache, small caches',
    amdVi({
      preset: 'zen-server',
      pageTables: 'v2',
      efr: 0x0013_00af_0000_88dbn,
      npCache: true,
      caches: { iotlbEntries: 16, directoryEntries: 16, deviceEntries: 4, seed: 3 },
    }),
    [READABLE, NO_DIRTY, NO_PASIDS, NO_NESTING],
  ],
] as const)('guest tables of %s', (_, definition, gaps) => {
  it('declare these gaps', () => {
    expect(conformanceGaps(definition)).toEqual(gaps);
  });

  backendConformance({ describe, it }, definition);
});
