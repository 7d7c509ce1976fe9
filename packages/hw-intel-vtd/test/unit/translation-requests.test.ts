import { Access, hi32, lo32, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { FAULT_CONDITIONS, VTD_PRESETS } from '../../src/index.js';
import { DEVICE, IOVA, PA, HOLE, type Case, legacy, first } from './fault-case.js';
import { LEGACY_CASES } from './fault-cases-legacy.js';
import { SCALABLE_CASES } from './fault-cases-scalable.js';
import { VtdRig } from './rig.js';

const cases = [...LEGACY_CASES, ...SCALABLE_CASES];

const TRANSLATION = Access.READ | Access.WRITE | Access.TRANSLATION_REQUEST;

describe('translation requests', () => {
  const answered = cases.filter(
    ({ reason, request }) =>
      FAULT_CONDITIONS[reason].translation !== 'fault' &&
      ((request?.access ?? 0) & (Access.EXECUTE | Access.PRIVILEGED | Access.TRANSLATED)) === 0,
  );
  /** Allows device TLBs to the device. */
  function allow(rig: VtdRig, mode: Case['mode']): void {
    const at = mode === 'scalable' ? rig.scalableContextAt(DEVICE) : rig.contextAt(DEVICE);
    // Pass-through allows none of them in legacy mode (LCT.5).
    if (mode === 'scalable' || (rig.load(at) & 0xcn) === 0n) rig.store(at, rig.load(at) | 4n);
  }

  it.each(answered.map((test) => ({ ...test, title: `${test.reason}: ${test.when}` })))('$title', (test) => {
    const rig = new VtdRig({ preset: 'full', ...test.options });
    const { iova = IOVA, pasid = NO_PASID } = test.request ?? {};
    test.setup?.(rig);
    allow(rig, test.mode);
    rig.enable(test.mode ?? 'legacy');
    const { unit } = rig;
    const isAllowed = unit.translate(DEVICE, pasid, hi32(iova), lo32(iova), TRANSLATION);
    if (test.mode === undefined && (rig.load(rig.contextAt(DEVICE)) & 8n) !== 0n) {
      expect(unit.translation.fault?.name).toBe('REQUEST_TYPE_BLOCKED');
      return;
    }
    expect(isAllowed).toBe(true);
    const rights = FAULT_CONDITIONS[test.reason].translation === 'rights';
    const granted = unit.translation.permissions & (Access.READ | Access.WRITE);
    // A page of which a right is missing may have the other one; what has no page has none.
    if (!rights) expect(granted).toBe(0);
    else expect(granted).not.toBe(Access.READ | Access.WRITE);
    expect(rig.register(0x34) & 0xffn, 'nothing is recorded').toBe(0n);
  });

  it.each([
    ['a read-only page', 1n, Access.READ],
    ['a write-only page', 2n, Access.WRITE],
    ['a page with both', 3n, Access.READ | Access.WRITE],
    ['no page', 0n, 0],
  ])('get the rights of %s, whichever are asked for', (_, rights, granted) => {
    const rig = new VtdRig({ preset: 'full' });
    legacy(PA | rights, { low: 4n })(rig);
    rig.enable();
    for (const asked of [Access.READ, Access.READ | Access.WRITE]) {
      expect(unit(rig).translate(DEVICE, NO_PASID, 0, Number(IOVA), asked | Access.TRANSLATION_REQUEST)).toBe(true);
      expect(unit(rig).translation.permissions & 3).toBe(granted);
    }
  });

  it('that say they will not write get no W from a unit that listens (ECAP.NWFS)', () => {
    const rig = new VtdRig({ preset: 'full', ecap: VTD_PRESETS.full.ecap | (1n << 33n) });
    legacy(PA | 3n, { low: 4n })(rig);
    rig.enable();
    unit(rig).translate(DEVICE, NO_PASID, 0, Number(IOVA), Access.READ | Access.TRANSLATION_REQUEST);
    expect(unit(rig).translation.permissions & 3).toBe(Access.READ);
  });

  it('are recorded as reads with AT 1, and once more when an update fails', () => {
    const rig = new VtdRig({ preset: 'full' });
    rig.scalableContext(DEVICE, { low: 4n });
    rig.enable('scalable');
    rig.store(rig.root, HOLE | 1n);
    rig.submit([0x11n, 0n]);
    unit(rig).translate(DEVICE, NO_PASID, 0, 0, TRANSLATION);
    const high = rig.register(rig.unit.configuration.capabilities.faultRecordOffset + 8);
    expect([(high >> 62n) & 1n, (high >> 28n) & 1n, (high >> 60n) & 3n]).toEqual([1n, 0n, 1n]);

    const failing = new VtdRig({ preset: 'full' });
    first(PA | 7n)(failing);
    allow(failing, 'scalable');
    failing.enable('scalable');
    failing.memory.compareExchange64 = () => false;
    expect(unit(failing).translate(DEVICE, 1, 0, Number(IOVA), TRANSLATION)).toBe(true);
    expect(unit(failing).translation.permissions).toBe(0);
    expect(unit(failing).translation.fault).toMatchObject({ name: 'FS_UPDATE_FAILED', recorded: 'recorded' });
  });

  it('to the interrupt window get nothing, and pages over it are faults', () => {
    const rig = new VtdRig({ preset: 'full' });
    const root = rig.context(DEVICE, 5, { low: 4n });
    rig.map(root, 0xc000_0000n, 0xc000_0083n, { level: 3 });
    rig.map(root, IOVA, 0xc000_0083n, { level: 3 });
    rig.enable();
    expect(unit(rig).translate(DEVICE, NO_PASID, 0, 0xfee0_0000 | 0, TRANSLATION)).toBe(true);
    expect(unit(rig).translation.permissions).toBe(0);
    expect(unit(rig).translate(DEVICE, NO_PASID, 0, Number(IOVA), TRANSLATION)).toBe(false);
    expect(unit(rig).translation.fault?.name).toBe('INTERRUPT_RANGE');
    expect(rig.ask(DEVICE, IOVA), 'other requests see one address').toBe('0xc0000000');
    expect(rig.ask(DEVICE, 0xfee0_0000n, Access.WRITE | Access.TRANSLATED)).toBe('INTERRUPT_RANGE');
  });

  it('are unsupported while translation is off, without a record', () => {
    const rig = new VtdRig({ preset: 'full' });
    expect(unit(rig).translate(DEVICE, NO_PASID, 0, 0, TRANSLATION)).toBe(false);
    expect(unit(rig).translation.fault?.recorded).toBe('suppressed');
    expect(unit(rig).translate(DEVICE, NO_PASID, 0, 0, Access.READ | Access.TRANSLATED)).toBe(false);
  });
});

describe('translated requests', () => {
  it('carry an address of the host, whatever the tables and the privilege are', () => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 4n, high: 1n << 20n });
    rig.pasid(directory, 0, { q0: rig.page() | 0x89n, q1: 5n });
    rig.enable('scalable');
    expect(rig.ask(DEVICE, IOVA)).toBe('SUPERVISOR_DISABLED');
    expect(rig.ask(DEVICE, PA | 8n, Access.WRITE | Access.TRANSLATED)).toBe('0x100000008');
    expect(rig.ask(DEVICE, 0xfee0_0000n, Access.WRITE | Access.TRANSLATED)).toBe('SM_INTERRUPT_RANGE');
  });

  it('are asked for with pages as large as the unit has where all passes through, but near the interrupt window', () => {
    const rig = new VtdRig({ preset: 'full' });
    rig.pasid(rig.scalableContext(DEVICE, { low: 4n }), 0, { q0: 0x109n, q1: 5n });
    rig.enable('scalable');
    const shift = (hi: number, lo: number): number => {
      unit(rig).translate(DEVICE, NO_PASID, hi, lo | 0, TRANSLATION);
      return unit(rig).translation.pageShift;
    };
    expect([shift(1, 0x1234_5678), shift(0, 0xc000_0000)]).toEqual([30, 12]);
  });
});

const unit = (rig: VtdRig): VtdRig['unit'] => rig.unit;
