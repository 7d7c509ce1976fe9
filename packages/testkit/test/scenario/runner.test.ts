import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/index.js';
import { FakeUnit, fakeScenarioUnit, scenarioOf } from './fake-unit.js';

const readAt = (address: string, len = 4) => ({ op: 'dma', rid: '0x18', iova: address, len, dir: 'read' });
const writeAt = (address: string, data: string) => ({
  op: 'dma',
  rid: '0x18',
  iova: address,
  len: data.length / 2,
  dir: 'write',
  data,
});

describe('running steps', () => {
  it('stores, fills and reads memory', () => {
    const scenario = scenarioOf({
      steps: [
        { op: 'mem', addr: '0x1000', hex: 'aabb' },
        { op: 'fill', addr: 4098, len: 2, byte: 7 },
        { op: 'fill', addr: '0x1008', len: 8, pattern: 'hash64' },
        { op: 'mem-read', addr: '0x1000', len: 16 },
        { op: 'note' },
      ],
    });
    const { answers } = runScenario(scenario, fakeScenarioUnit(new FakeUnit(() => 0n)));
    // (0x201 * 0x9E3779B97F4A7C15) mod 2^64 = 0xad2ecc5013de9429... folded, see hash64.test.ts for the formula.
    expect(answers[3]).toEqual({ hex: expect.stringMatching(/^aabb070700000000[0-9a-f]{16}$/) });
    expect([0, 1, 2, 4].map((index) => answers[index])).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('writes and reads registers of 4 and 8 bytes', () => {
    const unit = new FakeUnit(() => 0n);
    const scenario = scenarioOf({
      steps: [
        { op: 'mmio-write', off: '0x18', size: 4, value: '0x80000000' },
        { op: 'mmio-write', off: 0x20, size: 8, value: '0xfedcba9876543210' },
        { op: 'mmio-read', off: '0x18', size: 4 },
        { op: 'mmio-read', off: '0x20', size: 8 },
      ],
    });
    const { answers } = runScenario(scenario, fakeScenarioUnit(unit));
    expect(answers.slice(2)).toEqual([{ value: '0x80000000' }, { value: '0xfedcba9876543210' }]);
  });
});

describe('what an access came to', () => {
  it('says it for VT-d by pieces, faults and fault registers', () => {
    const unit = new FakeUnit((address) => (address < 0x2000n ? address + 0x1000n : { code: 5, name: 'W' }));
    unit.registers.set(0x34, 2).set(0x220, 0x2000).set(0x228, 0x18).set(0x22c, -1);
    const on = fakeScenarioUnit(unit);
    const { answers } = runScenario(
      scenarioOf({ steps: [writeAt('0x1ffc', '0102030405060708'), { op: 'mem-read', addr: '0x2ffc', len: 8 }] }),
      on,
    );
    expect(answers).toEqual([
      {
        status: 'partial',
        segments: [
          { iova: '0x1ffc', len: 4, pa: '0x2ffc' },
          { iova: '0x2000', len: 4, pa: null },
        ],
        faults: [{ reason: 5, iova: '0x2000', rid: '0x18', write: true }],
        registers: { FSTS: '0x2', FRCD_LO: '0x2000', FRCD_HI: '0xffffffff00000018' },
      },
      { hex: '0102030400000000' },
    ]);
  });

  it('says for VT-d that a fault was suppressed', () => {
    const unit = new FakeUnit(() => ({ code: 2, recorded: 'suppressed' }));
    const { answers } = runScenario(scenarioOf({ steps: [readAt('0x5004')] }), fakeScenarioUnit(unit));
    expect(answers[0]).toMatchObject({ status: 'blocked', suppressed: true, data: '00000000' });
    expect(answers[0]).not.toHaveProperty('faults');
  });

  it('says it for AMD by pieces alone', () => {
    const { answers } = runScenario(
      scenarioOf({ unit: 'amdvi', steps: [readAt('0x10')] }),
      fakeScenarioUnit(new FakeUnit(() => ({}))),
    );
    expect(answers[0]).toEqual({ status: 'blocked', segments: [{ iova: '0x10', len: 4, pa: null }], data: '00000000' });
  });

  it.each([
    // Records as IHI 0070, 7.3 lays them out: words 0 to 3.
    ['F_TRANSLATION', [0x18_0000_0010n, 1n << 35n, 0x10n, 0n], { iova: '0x10', rnw: 1 }],
    ['C_BAD_STE', [0x18_0000_0004n, 0n, 0n, 0n], {}],
    ['F_CD_FETCH', [0x18_0000_0009n, 0n, 0n, 0x3_0000_1000n], { fetch: '0x300001000' }],
    ['F_WALK_EABT', [0x18_0000_000bn, 0n, 0x10n, 0x3_0000_0008n], { iova: '0x10', rnw: 0, addr2: '0x300000008' }],
  ])('says it for SMMUv3 by the event record: %s', (name, record, fields) => {
    const unit = new FakeUnit(() => ({ code: Number((record[0] ?? 0n) & 0xffn), name, record }));
    const on = fakeScenarioUnit(unit, (_rid, _iova, fault) => (fault === undefined ? 'ok' : 'fault'));
    const { answers } = runScenario(scenarioOf({ unit: 'smmuv3', steps: [readAt('0x10')] }), on);
    const type = Number((record[0] ?? 0n) & 0xffn);
    expect(answers[0]).toEqual({
      status: 'blocked',
      how: 'fault',
      events: [{ type, name, sid: 24, ...fields }],
      data: '00000000',
    });
  });

  it('has no event for SMMUv3 when none was recorded, and the address when it went through', () => {
    const unit = new FakeUnit((address) => (address === 0x10n ? 0x2010n : { recorded: 'disabled' }));
    const on = fakeScenarioUnit(unit, (_rid, _iova, fault) => (fault === undefined ? 'bypass' : 'abort'));
    const { answers } = runScenario(scenarioOf({ unit: 'smmuv3', steps: [readAt('0x10'), readAt('0x20')] }), on);
    expect(answers).toEqual([
      { status: 'ok', how: 'bypass', pa: '0x2010', data: '00000000' },
      { status: 'blocked', how: 'abort', data: '00000000' },
    ]);
  });

  it('reads the registers that final names', () => {
    const unit = new FakeUnit(() => 0n);
    unit.registers.set(0x1_00a8, 3).set(0x24, 0xd);
    const run = runScenario(
      scenarioOf({ unit: 'smmuv3', steps: [], final: { CR0ACK: '0xd', EVENTQ_PROD: '0x3' } }),
      fakeScenarioUnit(unit),
    );
    expect(run.final).toEqual({ CR0ACK: '0xd', EVENTQ_PROD: '0x3' });
  });
});
