import { write64, type PageRequestMessage } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { Register } from '../../src/layouts/register-offsets.js';
import { DTE_RW, EVENTS, INVALIDATE_ALL, invalidateDevice, PPRS, Rig, TRANSLATION_REQUEST, WRITE } from './rig.js';

const fault = (rig: Rig, times = 1): void => {
  for (let at = 0; at < times; at++) rig.ask(8, 0x1000n + BigInt(at) * 0x1000n, WRITE);
};
const states = ({ unit: { status } }: Rig) => ({
  run: status['EVENT_LOG_RUN'],
  overflow: status['EVENT_OVERFLOW'],
  interrupt: status['EVENT_LOG_INT'],
});

function faulting() {
  const rig = new Rig();
  rig.hostDevice(8, 5);
  return rig;
}

describe('the event log', () => {
  it('takes 255 of its 256 entries, then overflows and stops', () => {
    const rig = faulting();
    fault(rig, 255);
    expect(states(rig)).toEqual({ run: 1n, overflow: 0n, interrupt: 1n });
    expect(rig.interrupts).toHaveLength(255);
    expect(rig.ask(8, 0n).fault?.recorded).toBe('overflow');
    expect(states(rig)).toEqual({ run: 0n, overflow: 1n, interrupt: 1n });
    expect(rig.interrupts).toHaveLength(256);
    expect(rig.ask(8, 0n).fault?.recorded).toBe('disabled');
    expect(rig.events()).toHaveLength(255);
    expect(rig.events()).toEqual([]);
  });

  it('logs nothing more until software has disabled it and enabled it again', () => {
    const rig = faulting();
    fault(rig, 256);
    expect(rig.events()).toHaveLength(255);
    write64(rig.unit, Register.STATUS, 1n);
    rig.control({ COHERENT: 1 });
    expect(rig.ask(8, 0n).fault?.recorded).toBe('disabled');
    rig.control({ EVENT_LOG_EN: 0 });
    rig.control({ EVENT_LOG_EN: 1 });
    expect(states(rig)).toEqual({ run: 1n, overflow: 0n, interrupt: 1n });
    expect(rig.ask(8, 0xabcn).fault?.recorded).toBe('recorded');
    expect(rig.events()).toEqual([[0x2000_0005_0000_0008n, 0xabcn]]);
  });

  it('goes round: entries land where the tail says, the code last', () => {
    const rig = faulting();
    fault(rig, 200);
    expect(rig.events()).toHaveLength(200);
    const writes: number[] = [];
    rig.memory.addObserver({ beforeWrite: (_hi, lo) => writes.push(lo) });
    fault(rig, 100);
    expect(rig.events()).toHaveLength(100);
    expect(writes.slice(0, 2)).toEqual([Number(EVENTS) + 200 * 16 + 8, Number(EVENTS) + 200 * 16]);
    expect(writes.at(-1)).toBe(Number(EVENTS) + 43 * 16);
  });

  it.each([
    ['EventLogEn', { EVENT_LOG_EN: 0 }],
    ['IommuEn', { IOMMU_EN: 0 }],
  ] as const)('is off without %s', (_, fields) => {
    const rig = faulting();
    rig.control(fields);
    expect(states(rig).run).toBe(0n);
    rig.command(0n);
    expect(rig.events()).toEqual([]);
  });

  it('interrupts only when EventIntEn is set', () => {
    const rig = faulting();
    rig.control({ EVENT_INT_EN: 0 });
    fault(rig);
    expect([rig.interrupts, states(rig).interrupt]).toEqual([[], 1n]);
    write64(rig.unit, Register.STATUS, 2n);
    expect(states(rig).interrupt).toBe(0n);
  });
});

describe('suppressed events', () => {
  const SE = 1n << 33n;
  const SA = 1n << 34n;

  it.each([
    ['with a cache of entries', {}],
    ['without one', { caches: false }],
  ])('SE: one page fault until the entry is invalidated, %s', (_, options) => {
    const rig = new Rig({ preset: 'zen-server', ...options });
    rig.dte(8, DTE_RW | 0x600n | rig.table(), 5n | SE);
    rig.dte(9, DTE_RW | 0x600n | rig.table(), 5n | SE);
    const recorded = (device: number): string | undefined => rig.ask(device, 0x1000n).fault?.recorded;
    expect([recorded(8), recorded(8), recorded(9), recorded(8)]).toEqual([
      'recorded',
      'suppressed',
      'recorded',
      'suppressed',
    ]);
    rig.command(...invalidateDevice(8));
    expect([recorded(8), recorded(8), recorded(9)]).toEqual(['recorded', 'suppressed', 'suppressed']);
    rig.command(...INVALIDATE_ALL);
    expect([recorded(9), recorded(9)]).toEqual(['recorded', 'suppressed']);
    expect(rig.events()).toHaveLength(4);
  });

  it('SE: a fault that was not logged does not count', () => {
    const rig = new Rig();
    rig.dte(8, DTE_RW | 0x600n | rig.table(), 5n | SE);
    rig.control({ EVENT_LOG_EN: 0 });
    expect(rig.ask(8, 0n).fault?.recorded).toBe('disabled');
    rig.control({ EVENT_LOG_EN: 1 });
    expect(rig.ask(8, 0n).fault?.recorded).toBe('recorded');
  });

  it('SA: no page fault at all, but other events', () => {
    const rig = new Rig();
    rig.dte(8, DTE_RW | 0x600n | rig.table(), 5n | SA);
    expect(rig.ask(8, 0n).fault?.recorded).toBe('suppressed');
    expect(rig.ask(8, 0xfee0_0000n).fault).toMatchObject({ name: 'INVALID_DEVICE_REQUEST', recorded: 'recorded' });
  });

  it('translation requests log no page fault', () => {
    const rig = new Rig();
    rig.dte(8, DTE_RW | 0x600n | rig.table(), 5n | (1n << 32n));
    expect(rig.ask(8, 0n, TRANSLATION_REQUEST | 1).fault).toMatchObject({
      recorded: 'suppressed',
      access: 'translation-request',
    });
    expect(rig.events()).toEqual([]);
  });
});

describe('page requests', () => {
  const request: PageRequestMessage = {
    requesterId: 8,
    pasid: undefined,
    groupIndex: 0,
    lastInGroup: false,
    address: 0x1234_5678n,
    read: true,
    write: false,
  };

  function asking(efr?: bigint) {
    const rig = new Rig(efr === undefined ? undefined : { preset: 'zen-server', efr });
    rig.dte(8, DTE_RW | (1n << 52n), 5n);
    return rig;
  }

  it('land in the PPR log as the sheet draws them', () => {
    const rig = asking();
    expect(rig.unit.requestPage(request)).toBe('queued');
    const second = { ...request, pasid: 0x1_2345, groupIndex: 0xaa, lastInGroup: true, write: true, execute: true };
    expect(rig.unit.requestPage(second)).toBe('queued');
    const entries = [0n, 16n].map((at) => [rig.load(PPRS + at), rig.load(PPRS + at + 8n)]);
    expect(entries).toEqual([
      [0x1004_0000_0000_0008n, 0x1234_5000n],
      [0x1166_06aa_2345_0008n, 0x1234_5000n],
    ]);
    expect(rig.interrupts).toEqual(['ppr-log', 'ppr-log']);
    expect(rig.unit.status).toMatchObject({ PPR_INT: 1n, PPR_LOG_RUN: 1n, PPR_OVERFLOW: 0n });
  });

  it('are lost when the log is full, until it is started again', () => {
    const rig = asking();
    for (let at = 0; at < 255; at++) rig.unit.requestPage(request);
    expect(rig.unit.requestPage(request)).toBe('lost');
    expect(rig.unit.status).toMatchObject({ PPR_LOG_RUN: 0n, PPR_OVERFLOW: 1n });
    write64(rig.unit, Register.PPR_LOG_HEAD, 0xff0n);
    expect(rig.unit.requestPage(request)).toBe('lost');
    rig.control({ PPR_LOG_EN: 0 });
    write64(rig.unit, Register.STATUS, 0x20n);
    rig.control({ PPR_LOG_EN: 1 });
    expect(rig.unit.requestPage(request)).toBe('queued');
    expect(rig.unit.status).toMatchObject({ PPR_LOG_RUN: 1n, PPR_OVERFLOW: 0n });
  });

  it('are answered by the unit where it can, when they cannot be logged', () => {
    const rig = asking(0x0013_02af_0000_98dbn);
    const responses: unknown[] = [];
    rig.unit.connectEndpoint(8, { invalidateTlb: () => 0, pageGroupResponse: (response) => responses.push(response) });
    rig.control({ PPR_LOG_EN: 0 });
    expect(rig.unit.requestPage(request)).toBe('lost');
    rig.control({ PPR_AUTO_RSP_EN: 1 });
    write64(rig.unit, Register.PPR_AUTO_RESPONSE, 0xffn);
    expect(rig.unit.requestPage({ ...request, groupIndex: 5 })).toBe('answered');
    expect(responses).toEqual([{ requesterId: 8, pasid: undefined, groupIndex: 5, code: 0xf }]);
    // Without the feature the register and the bit do nothing.
    const plain = asking();
    plain.control({ PPR_LOG_EN: 0, PPR_AUTO_RSP_EN: 1 });
    expect(plain.unit.requestPage(request)).toBe('lost');
  });

  it.each([
    ['PprEn is 0', (rig: Rig) => rig.control({ PPR_EN: 0 })],
    ['DTE.PPR is 0', (rig: Rig) => rig.dte(8, DTE_RW, 5n)],
    ['the entry is illegal', (rig: Rig) => rig.dte(8, DTE_RW | (1n << 52n) | 4n, 5n)],
  ])('are refused when %s', (_, prepare) => {
    const rig = asking();
    prepare(rig);
    expect(rig.unit.requestPage({ ...request, groupIndex: 3 })).toBe('refused');
    expect(rig.events()).toEqual([[0x9000_0003_0000_0008n, 0x1234_5678n]]);
  });
});
