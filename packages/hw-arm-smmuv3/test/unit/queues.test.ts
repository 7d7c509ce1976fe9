import {
  Access,
  NO_PASID,
  PrgResponseCode,
  write64,
  type PageGroupResponse,
  type PageRequestMessage,
} from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import type { SmmuV3Options } from '../../src/index.js';
import { SmmuRig } from './rig.js';

const EVENTQ_PROD = 0x1_00a8;
const EVENTQ_CONS = 0x1_00ac;
const PRIQ_PROD = 0x1_00c8;
const PRIQ_CONS = 0x1_00cc;
const GERROR = 0x60;
const OVERFLOW = 0x8000_0000;
const HOLE = 0x8000_0000n;

/** Refuses a request; its address tells the records apart. */
const fault = (rig: SmmuRig, page: number): unknown => {
  rig.ask(0x10, BigInt(page) << 12n);
  return rig.unit.translation.fault?.recorded;
};
const addressesOf = (records: bigint[][]): number[] => records.map(([, , address]) => Number(address! >> 12n));

describe('the event queue', () => {
  const faulting = (log2Events: number): SmmuRig => {
    const rig = new SmmuRig({}, { log2Events });
    rig.stream(0x10);
    return rig.enable();
  };

  it('drops a record when it is full and says so once, until the acknowledgement', () => {
    const rig = faulting(1);
    expect([1, 2, 3, 4].map((page) => fault(rig, page))).toEqual(['recorded', 'recorded', 'overflow', 'overflow']);
    // Index and wrap of two records, OVFLG.
    expect(rig.read(EVENTQ_PROD)).toBe(OVERFLOW + 2);
    // Once: the queue was empty once.
    expect(rig.interrupts).toEqual(['eventq']);
    // Room again, with the overflow not acknowledged: records go on, OVFLG stays as it is.
    rig.unit.write32(EVENTQ_CONS, 1);
    expect(fault(rig, 5)).toBe('recorded');
    expect(rig.read(EVENTQ_PROD)).toBe(OVERFLOW + 3);
    expect(fault(rig, 6)).toBe('overflow');
    expect(rig.read(EVENTQ_PROD)).toBe(OVERFLOW + 3);
    // Acknowledged: the next overflow toggles OVFLG back.
    rig.unit.write32(EVENTQ_CONS, (OVERFLOW | 0) + 1);
    expect(fault(rig, 7)).toBe('overflow');
    expect(rig.read(EVENTQ_PROD)).toBe(3);
  });

  it('keeps records in order over the wrap', () => {
    const rig = faulting(2);
    const seen: number[] = [];
    for (let page = 1; page <= 11; page++) {
      expect(fault(rig, page)).toBe('recorded');
      seen.push(...addressesOf(rig.events()));
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(rig.read(EVENTQ_PROD)).toBe(11 & 7);
  });

  it('records nothing while EVENTQEN is 0, and keeps its base and producer while it is 1', () => {
    const rig = faulting(3);
    rig.unit.write32(EVENTQ_PROD, 5);
    write64(rig.unit, 0xa0, 0x55_0000n);
    expect(rig.read(EVENTQ_PROD)).toBe(0);
    expect(rig.read(0xa0)).toBe(Number(rig.eventQueue) + 3);
    rig.unit.write32(0x20, 0x9);
    expect(fault(rig, 1)).toBe('disabled');
    rig.unit.write32(EVENTQ_PROD, 5);
    expect(rig.read(EVENTQ_PROD)).toBe(5);
  });

  it('is a global error when its memory is not there', () => {
    const rig = faulting(3);
    rig.unit.write32(0x20, 0x9);
    write64(rig.unit, 0xa0, HOLE | 3n);
    rig.unit.write32(0x20, 0xd);
    expect(fault(rig, 1)).toBe('disabled');
    expect(rig.read(GERROR)).toBe(1 << 2);
    expect(fault(rig, 2)).toBe('disabled');
    expect(rig.read(GERROR)).toBe(1 << 2);
    rig.unit.write32(0x64, 1 << 2);
    fault(rig, 3);
    expect(rig.read(GERROR)).toBe(0);
    expect(rig.interrupts).toEqual(['gerror', 'gerror']);
  });

  it('is not written while that error is active, even where there would be memory again', () => {
    const rig = faulting(3);
    rig.unit.write32(0x20, 0x9);
    write64(rig.unit, 0xa0, HOLE | 3n);
    rig.unit.write32(0x20, 0xd);
    fault(rig, 1);
    rig.unit.write32(0x20, 0x9);
    write64(rig.unit, 0xa0, rig.eventQueue | 3n);
    rig.unit.write32(0x20, 0xd);
    expect(fault(rig, 2)).toBe('disabled');
    rig.unit.write32(0x64, 1 << 2);
    expect(fault(rig, 3)).toBe('recorded');
    expect(addressesOf(rig.events())).toEqual([3]);
  });

  it('is no larger than the unit has entries, and aligned to its size', () => {
    // EVENTQS 2, CMDQS 2.
    const idr1 = (0x0273_9d20 & ~((31 << 16) | (31 << 21))) | (2 << 16) | (2 << 21);
    const rig = new SmmuRig({ idr1 }, { log2Events: 7 });
    rig.stream(0x10);
    rig.enable();
    rig.unit.write32(0x20, 0x9);
    write64(rig.unit, 0xa0, (rig.eventQueue + 0x60n) | 7n);
    rig.unit.write32(0x20, 0xd);
    expect([1, 2, 3, 4, 5].map((page) => fault(rig, page))).toEqual([
      ...Array.from({ length: 4 }, () => 'recorded'),
      'overflow',
    ]);
    expect(rig.read(EVENTQ_PROD)).toBe(OVERFLOW + 4);
    expect(rig.load(rig.eventQueue) & 0xffn).toBe(0x10n);
    // The fifth command is in the first slot again.
    for (let slot = 0n; slot < 4n; slot++) rig.store(rig.commands + slot * 16n, 0x46n, 0n);
    rig.unit.write32(0x98, 5);
    expect(rig.read(0x9c)).toBe(5);
  });

  it('raises a wire, a message, or nothing', () => {
    const rig = faulting(5);
    fault(rig, 1);
    expect(rig.interrupts).toEqual(['eventq']);
    const at = rig.page();
    const message = (address: bigint): void => {
      rig.unit.write32(0x50, 3);
      write64(rig.unit, 0xb0, address);
      rig.unit.write32(0xb8, 0xabcd);
      rig.unit.write32(0x50, 7);
    };
    rig.events();
    message(at);
    fault(rig, 2);
    expect(rig.load(at)).toBe(0xabcdn);
    rig.events();
    message(HOLE);
    fault(rig, 3);
    expect(rig.read(GERROR)).toBe(1 << 5);
    rig.unit.write32(0x50, 1);
    rig.events();
    fault(rig, 4);
    expect(rig.interrupts).toEqual(['eventq', 'gerror']);
  });
});

describe('the PRI queue', () => {
  const request = (groupIndex: number, more: Partial<PageRequestMessage> = {}): PageRequestMessage => ({
    requesterId: 0x10,
    pasid: undefined,
    address: 0x1234_5678n,
    read: true,
    write: false,
    groupIndex,
    lastInGroup: true,
    ...more,
  });
  const on = (options: SmmuV3Options = {}): SmmuRig => new SmmuRig(options).enable(2);
  const answer = (pasid: number | undefined, groupIndex: number, code: number): PageGroupResponse => ({
    requesterId: 0x10,
    pasid,
    groupIndex,
    code,
  });
  const { SUCCESS, FAILURE } = PrgResponseCode;

  it('holds requests as the fact sheet lays them out', () => {
    const rig = on();
    expect(rig.unit.requestPage(request(5))).toBe('queued');
    const more = { pasid: 3, write: true, execute: true, privileged: true, lastInGroup: false };
    expect(rig.unit.requestPage(request(0x1ff, more))).toBe('queued');
    // SID, READ 60, LAST 62; SSID, SSV 63, PRIV 58, EXEC 59, WRITE 61.
    expect([0n, 8n, 16n, 24n].map((word) => rig.load(rig.priQueue + word))).toEqual([
      0x5000_0000_0000_0010n,
      0x1234_5005n,
      0xbc00_0003_0000_0010n,
      0x1234_51ffn,
    ]);
    expect(rig.interrupts, 'when it was empty').toEqual(['priq']);
    expect(rig.responses).toEqual([]);
  });

  it('interrupts for the last message of a group with LO, even when there is no room for it', () => {
    const rig = on();
    rig.unit.write32(0x50, 0);
    rig.unit.write32(0xdc, 1 << 31);
    rig.unit.write32(0x50, 2);
    rig.unit.requestPage(request(1, { lastInGroup: false }));
    expect(rig.interrupts).toEqual([]);
    rig.unit.requestPage(request(1));
    rig.unit.requestPage(request(2, { lastInGroup: false }));
    expect(rig.interrupts).toEqual(['priq']);
    rig.unit.requestPage(request(2));
    expect(rig.interrupts).toEqual(['priq', 'priq']);
  });

  it('answers success for groups that it has no room for, until the overflow is acknowledged', () => {
    const rig = on();
    rig.unit.requestPage(request(1));
    rig.unit.requestPage(request(2));
    expect(rig.unit.requestPage(request(3, { lastInGroup: false }))).toBe('lost');
    expect(rig.unit.requestPage(request(3))).toBe('answered');
    expect(rig.read(PRIQ_PROD)).toBe(OVERFLOW + 2);
    // Room does not help: the middle of a group may be missing.
    rig.unit.write32(PRIQ_CONS, 1);
    expect(rig.unit.requestPage(request(4, { pasid: 9 }))).toBe('answered');
    expect(rig.responses).toEqual([answer(undefined, 3, SUCCESS), answer(undefined, 4, FAILURE)]);
    rig.unit.write32(PRIQ_CONS, (OVERFLOW | 0) + 1);
    expect(rig.unit.requestPage(request(5))).toBe('queued');
    expect(rig.read(PRIQ_PROD)).toBe(OVERFLOW + 3);
  });

  it.each([
    ['no entry', {}, undefined, undefined, FAILURE],
    ['an entry without PPAR', {}, 0n, undefined, SUCCESS],
    ['an entry with PPAR', {}, 1n << 18n, 9, SUCCESS],
    ['no entry, but IDR3.PPS', { idr3: 0x1424 }, undefined, 9, SUCCESS],
  ] as const)('answers an overflowing group with a PASID by %s', (_, options, ppar, pasid, code) => {
    const rig = on(options);
    if (ppar !== undefined) rig.stream(0x10, {}, { q1: ppar });
    for (let group = 0; group < 3; group++) rig.unit.requestPage(request(group, { pasid: 9 }));
    expect(rig.responses).toEqual([answer(pasid, 2, code)]);
  });

  it('is off while SMMUEN is 0', () => {
    const rig = new SmmuRig().enable(2);
    rig.unit.write32(0x20, 0xe);
    expect(rig.unit.requestPage(request(1))).toBe('answered');
    expect(rig.responses).toEqual([answer(undefined, 1, FAILURE)]);
  });

  it('answers failure while it is off or broken', () => {
    const rig = new SmmuRig().enable();
    expect(rig.unit.requestPage(request(1))).toBe('answered');
    write64(rig.unit, 0xc0, HOLE | 1n);
    rig.unit.write32(0x20, 0xf);
    expect(rig.unit.requestPage(request(2))).toBe('answered');
    expect(rig.read(GERROR)).toBe(1 << 3);
    // The error is active now: nothing is written although there would be memory again. Each request of a group is answered.
    rig.unit.write32(0x20, 0xd);
    write64(rig.unit, 0xc0, rig.priQueue | 1n);
    rig.unit.write32(0x20, 0xf);
    expect(rig.unit.requestPage(request(3, { pasid: 9, lastInGroup: false }))).toBe('answered');
    expect(rig.responses).toEqual([1, 2, 3].map((group) => answer(undefined, group, FAILURE)));
    expect(rig.unit.requestPage(request(4, { pasid: 9, read: false })), 'a stop marker has no response').toBe('lost');
    expect(rig.responses).toHaveLength(3);
  });

  it.each([0xf, 0xe])('keeps base and producer while PRIQEN is 1, also without SMMUEN: CR0 0x%s', (cr0) => {
    const rig = on();
    rig.unit.write32(0x20, cr0);
    write64(rig.unit, 0xc0, 0x55_0000n);
    rig.unit.write32(PRIQ_PROD, 1);
    expect(rig.read(0xc0)).toBe(Number(rig.priQueue) + 1);
    expect(rig.read(PRIQ_PROD)).toBe(0);
  });

  it('cannot be switched on without IDR0.PRI', () => {
    const rig = new SmmuRig({ preset: 'qemu-virt-7.2' });
    rig.enable(2);
    expect(rig.read(0x24)).toBe(0xd);
    expect(rig.unit.requestPage(request(1))).toBe('answered');
  });
});

describe('stalled transactions', () => {
  const STALLING = { flags: 7n << 44n };
  const S = 1n << 31n;
  const stalling = (options = {}): SmmuRig => {
    const rig = new SmmuRig(options);
    rig.stream(0x10, STALLING);
    rig.stream(0x11, STALLING);
    return rig.enable();
  };
  const tags = (rig: SmmuRig): [stall: boolean, tag: number][] =>
    rig.events().map(([, word]) => [(word! & S) !== 0n, Number(word! & 0xffffn)]);

  it('get the lowest free tag, in the event and in the fault', () => {
    const rig = stalling();
    rig.ask(0x10, 0x1000n);
    expect(rig.unit.translation.fault?.details).toMatchObject({ stall: 0 });
    // An explanation stalls nothing.
    expect(rig.unit.explain(0x11, NO_PASID, 0x1000n, Access.READ).fault?.name).toBe('F_TRANSLATION');
    rig.ask(0x11, 0x1000n);
    rig.ask(0x10, 0x2000n);
    expect(tags(rig)).toEqual([
      [true, 0],
      [true, 1],
      [true, 2],
    ]);
    rig.submit([0x11_0000_1044n, 1n]);
    rig.ask(0x10, 0x3000n);
    expect(tags(rig)).toEqual([[true, 1]]);
  });

  it.each([
    ['terminate', 0n],
    ['retry', 1n],
    ['abort', 2n],
    ['retry', 3n],
  ])('end as RESUME says: %s', (outcome, action) => {
    const rig = stalling();
    rig.ask(0x10, 0x1000n);
    rig.ask(0x10, 0x2000n);
    rig.submit([0x10_0000_0044n | (action << 12n), 1n]);
    expect(rig.resumed).toEqual([[0x10, 1, outcome]]);
    // Tag 1 is free again, and no second RESUME finds it. Neither does another stream's.
    rig.submit([0x10_0000_0044n | (action << 12n), 1n], [0x11_0000_0044n, 0n]);
    expect(rig.resumed).toHaveLength(1);
    expect(rig.read(0x60)).toBe(0);
  });

  it('end with an abort on units that have no other termination', () => {
    const rig = stalling({ idr0: 0x0c4d_369b });
    rig.ask(0x10, 0x1000n);
    rig.submit([0x10_0000_0044n]);
    expect(rig.resumed).toEqual([[0x10, 0, 'abort']]);
  });

  it('of a stream all end with STALL_TERM', () => {
    const rig = stalling();
    rig.ask(0x10, 0x1000n);
    rig.ask(0x11, 0x1000n);
    rig.ask(0x10, 0x2000n);
    rig.submit([0x10_0000_0045n]);
    expect(rig.resumed).toEqual([
      [0x10, 0, 'abort'],
      [0x10, 2, 'abort'],
    ]);
  });

  it('all end with an abort when translation goes off, and give their tags back', () => {
    const rig = stalling();
    rig.ask(0x10, 0x1000n);
    rig.ask(0x11, 0x1000n);
    rig.unit.write32(0x20, 0xc);
    expect(rig.resumed).toEqual([
      [0x10, 0, 'abort'],
      [0x11, 1, 'abort'],
    ]);
    rig.unit.write32(0x20, 0xd);
    rig.events();
    rig.ask(0x11, 0x1000n);
    expect(tags(rig)).toEqual([[true, 0]]);
  });

  it('are at most STALL_MAX; what comes then terminates', () => {
    const rig = stalling({ idr5: 0x0002_0075 });
    for (let page = 1n; page <= 3n; page++) rig.ask(0x10, page << 12n);
    expect(tags(rig)).toEqual([
      [true, 0],
      [true, 1],
      [false, 0],
    ]);
  });

  it('come again when the event queue had no room, which is no overflow', () => {
    const rig = new SmmuRig({}, { log2Events: 1 });
    rig.stream(0x10, STALLING);
    rig.enable();
    for (const page of [1n, 2n, 3n]) rig.ask(0x10, page << 12n);
    expect(rig.unit.translation.fault).toMatchObject({ recorded: 'disabled', details: { stall: 2 } });
    expect(rig.read(EVENTQ_PROD), 'OVFLG stays').toBe(2);
    expect(rig.resumed).toEqual([]);
    expect(tags(rig)).toHaveLength(2);
    expect(rig.resumed).toEqual([[0x10, 2, 'retry']]);
    rig.ask(0x10, 0x3000n);
    expect(tags(rig)).toEqual([[true, 2]]);
  });

  it('come again when the event queue is on, unless they were ended before', () => {
    const rig = stalling();
    rig.unit.write32(0x20, 9);
    rig.ask(0x10, 0x1000n);
    rig.ask(0x11, 0x1000n);
    rig.submit([0x10_0000_0045n]);
    expect(rig.resumed).toEqual([[0x10, 0, 'abort']]);
    rig.unit.write32(0x20, 0xd);
    expect(rig.resumed).toEqual([
      [0x10, 0, 'abort'],
      [0x11, 1, 'retry'],
    ]);
  });

  it('are recorded even when R is 0', () => {
    const rig = new SmmuRig();
    rig.stream(0x10, { flags: 5n << 44n });
    rig.enable();
    rig.ask(0x10, 0x1000n);
    expect(tags(rig)).toEqual([[true, 0]]);
  });

  it('do not exist for configuration errors and for translation requests', () => {
    const rig = new SmmuRig();
    rig.stream(0x11, { ...STALLING, valid: 0n });
    rig.stream(0x12, STALLING, { ats: 1n });
    rig.enable();
    rig.ask(0x11, 0x1000n);
    expect(tags(rig)).toEqual([[false, 0]]);
    rig.ask(0x12, 0x1000n, Access.READ | Access.TRANSLATION_REQUEST);
    expect(tags(rig)).toEqual([]);
  });

  it('exist for stage 2 (S2S)', () => {
    const rig = new SmmuRig();
    rig.stage2(0x10, { q2: 1n << 57n });
    rig.enable();
    rig.ask(0x10, 0x1000n);
    expect(tags(rig)).toEqual([[true, 0]]);
  });

  it('make a CD illegal where the STE forbids them (S1STALLD), and are a must where the unit cannot do without', () => {
    const rig = new SmmuRig();
    rig.stream(0x10, STALLING, { q1: 1n << 27n });
    rig.stream(0x11, {}, { q1: 1n << 27n });
    rig.enable();
    expect([0x10, 0x11].map((stream) => rig.ask(stream, 0x1000n))).toEqual(['C_BAD_CD', 'F_TRANSLATION']);
    const must = new SmmuRig({ idr0: 0x0a4d_369b });
    must.stream(0x10, STALLING);
    must.stream(0x11);
    must.enable();
    expect([0x10, 0x11].map((stream) => must.ask(stream, 0x1000n))).toEqual(['F_TRANSLATION', 'C_BAD_CD']);
    expect(tags(must)).toEqual([
      [true, 0],
      [false, 0],
    ]);
  });

  it('exist for the context descriptor that stage 2 hides (S2S)', () => {
    const rig = new SmmuRig();
    rig.stream(0x10, {}, { config: 7n, s2ttb: rig.page(), q2: 1n << 57n });
    rig.enable();
    expect(rig.ask(0x10, 0x1000n)).toBe('F_TRANSLATION');
    expect(rig.unit.translation.fault?.details).toMatchObject({ stage: 2, class: 0, stall: 0 });
    expect(tags(rig)).toEqual([[true, 0]]);
  });

  it('leave a stream that terminates-only units refuse: C_BAD_CD and C_BAD_STE', () => {
    const rig = new SmmuRig({ idr0: 0x094d_369b });
    rig.stream(0x10, STALLING);
    rig.stage2(0x11, { q2: 1n << 57n });
    rig.stream(0x12, {}, { q1: 1n << 27n });
    rig.enable();
    expect([0x10, 0x11, 0x12].map((stream) => rig.ask(stream, 0x1000n))).toEqual([
      'C_BAD_CD',
      'C_BAD_STE',
      'C_BAD_STE',
    ]);
  });
});
