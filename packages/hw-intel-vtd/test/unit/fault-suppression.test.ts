import { Access, hi32, lo32, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { FAULT_CONDITIONS } from '../../src/index.js';
import { DEVICE, IOVA, HOLE, type Case } from './fault-case.js';
import { LEGACY_CASES } from './fault-cases-legacy.js';
import { SCALABLE_CASES } from './fault-cases-scalable.js';
import { VtdRig } from './rig.js';

const cases = [...LEGACY_CASES, ...SCALABLE_CASES];

describe('suppression', () => {
  /** Sets FPD in each entry on the way that has it, where there is one. */
  function disableFaults(rig: VtdRig, mode: Case['mode']): void {
    if (mode !== 'scalable') {
      const at = rig.contextAt(DEVICE);
      rig.store(at, rig.load(at) | 2n);
      return;
    }
    const context = rig.scalableContextAt(DEVICE);
    rig.store(context, rig.load(context) | 2n);
  }

  const late = cases.filter(({ reason, setup }) => setup !== undefined && !/ACCESS|ROOT|MODE/.test(reason));
  it.each(late.map((test) => ({ ...test, title: `${test.reason}: ${test.when}` })))('FPD and $title', (test) => {
    const rig = new VtdRig(test.options ?? {});
    const { iova = IOVA, access = Access.READ, pasid = NO_PASID } = test.request ?? {};
    test.setup?.(rig);
    disableFaults(rig, test.mode);
    rig.enable(test.mode ?? 'legacy');
    const { unit } = rig;
    expect(unit.translate(DEVICE, pasid, hi32(iova), lo32(iova), access)).toBe(false);
    const isRecorded = !FAULT_CONDITIONS[test.reason].qualified;
    expect(unit.translation.fault).toMatchObject({
      name: test.reason,
      recorded: isRecorded ? 'recorded' : 'suppressed',
    });
    expect((rig.register(0x34) & 2n) !== 0n).toBe(isRecorded);
  });

  it.each([
    ['the PASID directory entry', (rig: VtdRig, directory: bigint) => rig.store(directory, rig.load(directory) | 2n)],
    ['the PASID entry', (rig: VtdRig, directory: bigint) => rig.store(rig.pasidAt(directory, 1), 2n)],
  ] as const)('FPD of %s', (_, disable) => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 8n });
    rig.pasid(directory, 1, { q0: 0n });
    disable(rig, directory);
    rig.enable('scalable');
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('PASID_ENTRY_NOT_PRESENT');
    expect(rig.unit.translation.fault?.recorded).toBe('suppressed');
  });

  it.each(cases.filter(({ reason, setup }) => /(ACCESS)$/.test(reason) && setup !== undefined).slice(0, 1))(
    'FPD does not drop a failed fetch',
    () => {
      const rig = new VtdRig();
      rig.store(rig.root, HOLE | 1n);
      rig.enable();
      expect(rig.ask(DEVICE, IOVA)).toBe('CONTEXT_ACCESS');
      expect(rig.unit.translation.fault?.recorded).toBe('recorded');
    },
  );
});
