import { readFileSync } from 'node:fs';
import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { FAULT_CONDITIONS, FaultReason, type FaultReasonName } from '../../src/index.js';
import { DEVICE, IOVA, PA, first, second } from './fault-case.js';
import { LEGACY_CASES } from './fault-cases-legacy.js';
import { SCALABLE_CASES } from './fault-cases-scalable.js';
import { VtdRig } from './rig.js';

const cases = [...LEGACY_CASES, ...SCALABLE_CASES];

const F = 1n << 63n;
const PP = 1n << 31n;

describe('every fault reason', () => {
  it.each(cases.map((test) => ({ ...test, title: `${test.reason}: ${test.when}` })))('$title', (test) => {
    const rig = new VtdRig(test.options ?? {});
    const { iova = IOVA, access = Access.READ, pasid = NO_PASID } = test.request ?? {};
    test.setup?.(rig);
    const pointer = rig.register(0x20);
    rig.enable(test.mode ?? 'legacy');
    // A case that moves the root table says where; enable() put it back.
    if (pointer !== 0n) {
      rig.write(0x20, pointer);
      rig.unit.write32(0x18, 0xc400_0000 | 0);
    }
    expect(rig.ask(DEVICE, iova, access, pasid)).toBe(test.reason);
    const offset = rig.unit.configuration.capabilities.faultRecordOffset;
    const high = rig.register(offset + 8);
    expect(rig.register(offset), 'FI').toBe(BigInt.asUintN(64, iova) & ~0xfffn);
    expect(high & F, 'F').toBe(F);
    expect(Number((high >> 32n) & 0xffn), 'FR').toBe(FaultReason[test.reason]);
    expect(Number(high & 0xffffn), 'SID').toBe(DEVICE);
    const hasPasid = pasid !== NO_PASID && rig.unit.configuration.capabilities.pasidBits > 0;
    expect((high & PP) !== 0n, 'PP: reserved in units without PASIDs').toBe(hasPasid);
    if (hasPasid) expect(Number((high >> 40n) & 0xf_ffffn), 'PASID').toBe(pasid);
    expect((high >> 62n) & 1n, 'T1: a read').toBe((access & Access.WRITE) === 0 ? 1n : 0n);
  });

  it.each([
    ['FS_UPDATE_FAILED', first(PA | 7n)],
    ['SS_UPDATE_FAILED', second(PA | 3n, 0x289n)],
  ] as const)('%s: the entry changed between the walk and its update', (reason, setup) => {
    const rig = new VtdRig({ preset: 'full' });
    setup(rig);
    rig.enable('scalable');
    // Another agent on the bus interferes just before the update is stored.
    const memory = rig.memory;
    const exchange = memory.compareExchange64.bind(memory);
    memory.compareExchange64 = (...words) => exchange(words[0], words[1], ~words[2], words[3], words[4], words[5]);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe(reason);
  });

  it.each([
    ['PAGE_REQUEST_IN_LEGACY_MODE', 'legacy'],
    ['PAGE_REQUEST_DISABLED', 'scalable'],
  ] as const)('%s', (reason, mode) => {
    const rig = new VtdRig({ preset: 'full' });
    if (mode === 'scalable') rig.scalableContext(DEVICE);
    rig.enable(mode);
    const request = {
      requesterId: DEVICE,
      pasid: undefined,
      address: IOVA,
      read: true,
      write: false,
      groupIndex: 3,
      lastInGroup: true,
    };
    expect(rig.unit.requestPage(request)).toBe('refused');
    expect(rig.unit.translation.fault?.name).toBe(reason);
    const high = rig.register(rig.unit.configuration.capabilities.faultRecordOffset + 8);
    expect([(high >> 62n) & 1n, (high >> 28n) & 1n], 'T1, T2: a page request').toEqual([0n, 1n]);
  });

  it('is reached by a test', () => {
    const reached = new Set<string>([
      ...cases.map(({ reason }) => reason),
      'FS_UPDATE_FAILED',
      'SS_UPDATE_FAILED',
      'PAGE_REQUEST_IN_LEGACY_MODE',
      'PAGE_REQUEST_DISABLED',
    ]);
    expect(Object.keys(FaultReason).filter((name) => !reached.has(name))).toEqual([]);
  });

  it('is in the table of docs/vtd-faults.md, as the code has it', () => {
    const document = readFileSync(new URL('../../../../docs/vtd-faults.md', import.meta.url), 'utf8');
    const rows = [...document.matchAll(/^\| (0x\w\w)\s+\| `(\w+)`\s+\| (\S+)\s+\| (yes|no)\s+\| ([^|]+?)\s+\|/gm)];
    const answers = {
      fault: 'fault',
      rights: 'the rights there are',
      none: 'no rights',
      both: 'no rights, and a fault',
    };
    expect(rows.map(([, ...columns]) => columns)).toEqual(
      Object.entries(FaultReason).map(([name, code]) => {
        const { condition, qualified, translation } = FAULT_CONDITIONS[name as FaultReasonName];
        const hexCode = `0x${code.toString(16).padStart(2, '0')}`;
        return [hexCode, name, condition, qualified ? 'yes' : 'no', answers[translation]];
      }),
    );
  });
});
