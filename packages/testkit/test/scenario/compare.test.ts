import { describe, expect, it } from 'vitest';
import { compareRun, type Answer, type Expectation, type Scenario } from '../../src/index.js';
import { scenarioOf, type ScenarioFields } from './fake-unit.js';

const dma = { op: 'dma', rid: 8, iova: 0, len: 4, dir: 'read' };
const memory = { op: 'mem-read', addr: 0, len: 1 };
const ok = { status: 'ok', segments: [{ iova: '0x0', len: 4, pa: '0x1000' }], data: '01020304' };
const refused = { status: 'blocked', segments: [{ iova: '0x0', len: 4, pa: null }], data: '00000000' };

type Entry = Partial<Expectation> & Record<string, unknown>;

/** Verdict on one answer per step. */
function verdict(
  fields: Omit<ScenarioFields, 'steps' | 'expect'>,
  entries: readonly Entry[],
  answers: readonly Answer[],
  caches: boolean,
  steps: readonly object[] = answers.map(() => dma),
) {
  const indexed = entries.map((entry, step) => ({ step, ...entry }));
  const scenario: Scenario = scenarioOf({ ...fields, steps, expect: indexed });
  return compareRun({ scenario, answers, final: {} }, caches);
}
const counted = ({ compared, divergences }: ReturnType<typeof compareRun>): [number, number] => [
  compared,
  divergences.length,
];

describe('a settled scenario', () => {
  it.each([true, false])('compares everything present in strict entries, caches %s', (caches) => {
    const entries: Entry[] = [
      { ...ok, compare: 'strict' },
      { hex: '00', compare: 'strict' },
    ];
    expect(counted(verdict({}, entries, [ok, { hex: '00' }], caches, [dma, memory]))).toEqual([2, 0]);
    expect(counted(verdict({}, entries, [{ ...ok, data: 'ff020304' }, { hex: '01' }], caches, [dma, memory]))).toEqual([
      2, 2,
    ]);
  });

  it('does not look at fields that the recording does not have', () => {
    const { data: _, ...unknownData } = ok;
    expect(counted(verdict({}, [{ ...unknownData, compare: 'strict' }], [{ ...ok, registers: {} }], true))).toEqual([
      1, 0,
    ]);
  });

  it('skips what only informs, and compares only the refusal of a blocked entry', () => {
    expect(counted(verdict({}, [{ ...ok, compare: 'skip' }], [refused], true))).toEqual([0, 0]);
    const blocked: Entry = { ...refused, faults: [{ reason: 6 }], compare: 'blocked' };
    expect(counted(verdict({}, [blocked], [{ ...refused, faults: [{ reason: 0x59 }] }], true))).toEqual([1, 0]);
    expect(counted(verdict({}, [blocked], [ok], true))).toEqual([1, 1]);
  });

  it('says which field differs and how', () => {
    const far = { ...ok, segments: [{ iova: '0x0', len: 4, pa: '0x2000' }] };
    expect(verdict({}, [{ ...ok, compare: 'strict' }], [far], true).divergences[0]?.differences).toEqual([
      { field: 'segments[0].pa', expected: '0x1000', got: '0x2000' },
    ]);
    expect(verdict({}, [{ ...ok, compare: 'strict' }], [refused], true).divergences[0]?.differences).toContainEqual({
      field: 'segments[0].pa',
      expected: '0x1000',
      got: 'null',
    });
  });

  it('reads numbers by their value', () => {
    const entry: Entry = { value: 16, compare: 'strict' };
    expect(counted(verdict({}, [entry], [{ value: '0x10' }], true))).toEqual([1, 0]);
    expect(counted(verdict({}, [entry], [{ value: '0x11' }], true))).toEqual([1, 1]);
  });

  it('does not take byte strings for numbers', () => {
    expect(counted(verdict({}, [{ hex: '0010', compare: 'strict' }], [{ hex: '10' }], true))).toEqual([1, 1]);
  });

  it('compares the registers at the end', () => {
    const scenario = scenarioOf({ unit: 'smmuv3', steps: [], final: { CR0ACK: '0xd' } });
    expect(counted(compareRun({ scenario, answers: [], final: { CR0ACK: '0xd' } }, true))).toEqual([1, 0]);
    expect(compareRun({ scenario, answers: [], final: { CR0ACK: '0x5' } }, true).divergences).toMatchObject([
      { step: undefined, differences: [{ field: 'CR0ACK', expected: '0xd', got: '0x5' }] },
    ]);
  });
});

describe('a cached scenario on VT-d and AMD', () => {
  const fields = { class: 'cached' } as const;
  const registers = (value: string): Answer => ({ FSTS: value, FRCD_LO: '0x0', FRCD_HI: '0x0' });

  it('compares nothing while our unit caches', () => {
    expect(counted(verdict(fields, [{ ...ok, compare: 'strict' }], [refused], true))).toEqual([0, 0]);
  });

  it('compares strict accesses without data, and nothing but accesses, when it does not', () => {
    const entries: Entry[] = [
      { ...ok, compare: 'strict' },
      { hex: '00', compare: 'strict' },
      { ...ok, compare: 'cached' },
    ];
    const answers = [{ ...ok, data: 'ffffffff' }, { hex: '01' }, refused];
    expect(counted(verdict(fields, entries, answers, false, [dma, memory, dma]))).toEqual([1, 0]);
    expect(counted(verdict(fields, entries, [refused, { hex: '00' }, ok], false, [dma, memory, dma]))).toEqual([1, 1]);
  });

  it('compares fault registers up to the first access that is not strict', () => {
    const entry = { ...ok, registers: registers('0x0'), compare: 'strict' } as const;
    const answer = { ...ok, registers: registers('0x2') };
    expect(counted(verdict(fields, [entry], [answer], false))).toEqual([1, 1]);
    expect(counted(verdict(fields, [{ ...ok, compare: 'cached' }, entry], [ok, answer], false))).toEqual([1, 0]);
    expect(
      counted(verdict(fields, [{ hex: '00', compare: 'skip' }, entry], [{}, answer], false, [memory, dma])),
    ).toEqual([1, 1]);
  });
});

describe('a cached scenario on SMMUv3', () => {
  const fields = { unit: 'smmuv3', class: 'cached' } as const;
  const cached = { status: 'ok', how: 'ok', pa: '0x1000', data: '01020304' };
  const fresh = { status: 'blocked', how: 'fault', events: [{ type: 16, sid: 8 }] };
  const entry: Entry = { ...cached, compare: 'cached', fresh };

  it('accepts either answer while our unit caches, data aside', () => {
    expect(counted(verdict(fields, [entry], [{ ...cached, data: 'ffffffff' }], true))).toEqual([1, 0]);
    expect(counted(verdict(fields, [entry], [fresh], true))).toEqual([1, 0]);
    expect(counted(verdict(fields, [entry], [{ ...cached, pa: '0x2000' }], true))).toEqual([1, 1]);
    expect(counted(verdict(fields, [{ ...cached, compare: 'strict' }], [fresh], true))).toEqual([0, 0]);
  });

  it('wants the fresh answer when it does not cache', () => {
    expect(counted(verdict(fields, [entry], [cached], false))).toEqual([1, 1]);
    expect(counted(verdict(fields, [entry], [fresh], false))).toEqual([1, 0]);
    expect(counted(verdict(fields, [{ ...cached, compare: 'strict' }], [fresh], false))).toEqual([1, 1]);
  });

  it('takes a fault without events for one that was not recorded', () => {
    const silent: Entry = { status: 'blocked', how: 'fault', compare: 'strict' };
    expect(counted(verdict(fields, [silent], [{ status: 'blocked', how: 'fault' }], false))).toEqual([1, 0]);
    expect(counted(verdict(fields, [silent], [fresh], false))).toEqual([1, 1]);
  });

  it('does not compare the registers at the end', () => {
    const scenario = scenarioOf({ ...fields, steps: [], final: { CR0ACK: '0xd' } });
    expect(counted(compareRun({ scenario, answers: [], final: {} }, false))).toEqual([0, 0]);
  });
});

describe('a quirk', () => {
  it('is never compared', () => {
    for (const caches of [true, false]) {
      expect(counted(verdict({ class: 'quirk' }, [{ ...ok, compare: 'strict' }], [refused], caches))).toEqual([0, 0]);
    }
  });
});

describe('the PASID in a VT-d fault record', () => {
  const read = (off: number, size: number) => ({ op: 'mmio-read', off, size });
  const compareRead = (step: object, expected: string, got: string): [number, number] =>
    counted(verdict({}, [{ value: expected, compare: 'strict' }], [{ value: got }], true, [step]));

  it('is unspecified while PP is clear', () => {
    expect(compareRead(read(0x228, 8), '0xc0ffff0600000018', '0xc000000600000018')).toEqual([1, 0]);
    expect(compareRead(read(0x228, 8), '0xc0ffff0680000018', '0xc000000680000018')).toEqual([1, 1]);
    expect(compareRead(read(0x228, 8), '0xc0ffff0600000018', '0xc000000500000018')).toEqual([1, 1]);
    expect(compareRead(read(0x22c, 4), '0xc0ffff06', '0xc0000006')).toEqual([1, 0]);
    expect(compareRead(read(0x22c, 4), '0xc0ffff06', '0xc0000005')).toEqual([1, 1]);
  });

  it('is masked in the registers of an access too', () => {
    const registers = (high: string) => ({ registers: { FSTS: '0x2', FRCD_LO: '0x0', FRCD_HI: high } });
    const entry: Entry = { status: 'blocked', ...registers('0xc0ffff0600000018'), compare: 'strict' };
    expect(counted(verdict({}, [entry], [{ status: 'blocked', ...registers('0xc000000600000018') }], true))).toEqual([
      1, 0,
    ]);
    expect(counted(verdict({}, [entry], [{ status: 'blocked', ...registers('0x8000000600000018') }], true))).toEqual([
      1, 1,
    ]);
  });
});
