import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { emitScenario, readScenarios, type Answer, type Expectation } from '../../src/index.js';
import { fixture, fixturesIn } from '../fixtures.js';
import { scenarioOf } from './fake-unit.js';

const outcome = ({ step: _, compare: __, fresh: ___, ...answer }: Expectation): Answer => answer;

describe('emitting scenarios', () => {
  it.each(fixturesIn('scenarios'))('gives %s byte for byte when every answer is the observed one', (path) => {
    const bytes = fixture(path);
    const read = readScenarios(path, bytes);
    if (read._tag === 'Left') throw new Error(read.left.reason);
    const lines = read.right.scenarios.map((scenario) => {
      const answers: (Answer | undefined)[] = scenario.steps.map(() => undefined);
      for (const entry of scenario.expect) answers[entry.step] = outcome(entry);
      return emitScenario({ scenario, answers, final: scenario.final ?? {} });
    });
    const text = [read.right.headerLine, ...lines].map((line) => `${line}\n`).join('');
    expect(text === gunzipSync(bytes).toString()).toBe(true);
  });

  it('replaces outcomes, drops what did not happen, adds what did, and copies the rest', () => {
    const step = { op: 'dma', rid: 8, iova: 0, len: 4, dir: 'read' };
    const entry = { step: 0, status: 'ok', how: 'ok', pa: '0x1000', compare: 'cached', fresh: { status: 'blocked' } };
    const scenario = scenarioOf({
      unit: 'smmuv3',
      class: 'cached',
      steps: [step],
      expect: [entry],
      final: { CR0ACK: '0xd' },
    });
    const answer = { status: 'blocked', how: 'fault', events: [{ type: 16 }], data: '00000000' };
    const emitted = JSON.parse(emitScenario({ scenario, answers: [answer], final: { CR0ACK: '0x1' } })) as object;
    expect(emitted).toEqual({
      ...scenario,
      // No data, because what a read delivers is not known in the input.
      expect: [
        {
          step: 0,
          status: 'blocked',
          how: 'fault',
          compare: 'cached',
          fresh: { status: 'blocked' },
          events: [{ type: 16 }],
        },
      ],
      final: { CR0ACK: '0x1' },
    });
  });
});
