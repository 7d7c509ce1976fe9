import { describe, expect, it } from 'vitest';
import { describeMalformedLine, readScenarios } from '../../src/index.js';
import { fixture, fixturesIn } from '../fixtures.js';
import { scenarioText } from './fake-unit.js';

const complaint = (text: string): string => {
  const read = readScenarios('s.jsonl', new TextEncoder().encode(text));
  return read._tag === 'Left' ? describeMalformedLine(read.left) : 'no complaint';
};
const scenario = { id: 'a', unit: 'vtd', class: 'settled', config: {}, steps: [], expect: [] };

describe('readScenarios', () => {
  it('reads every committed file', () => {
    const counts = fixturesIn('scenarios').map((path) => {
      const read = readScenarios(path, fixture(path));
      return read._tag === 'Right' ? read.right.scenarios.length : describeMalformedLine(read.left);
    });
    // amdvi-linux, amdvi, smmuv3-linux, smmuv3, vtd-linux, vtd
    expect(counts).toEqual([1, 95, 1, 356, 1, 165]);
  });

  it.each([
    ['another format', '{"header":1,"format":"x"}\n', 's.jsonl:1: format "x" is not iommu-scenario/1'],
    ['an unknown unit', scenarioText('riscv'), 's.jsonl:1: unit must be "vtd" | "amdvi" | "smmuv3"; it is "riscv"'],
    [
      'an unknown class',
      scenarioText('vtd', { ...scenario, class: 'x' }),
      's.jsonl:2: class must be "settled" | "cached" | "quirk"; it is "x"',
    ],
    [
      'an unknown step',
      scenarioText('vtd', scenario, { ...scenario, steps: [{ op: 'jump' }] }),
      's.jsonl:3: steps.0.op must be one of mem, fill',
    ],
    [
      'a step with a missing field',
      scenarioText('vtd', { ...scenario, steps: [{ op: 'mem', addr: 1 }] }),
      's.jsonl:2: steps.0: hex must be a string of hexadecimal bytes; it is missing',
    ],
    [
      'a register of 2 bytes',
      scenarioText('vtd', { ...scenario, steps: [{ op: 'mmio-read', off: 0, size: 2 }] }),
      's.jsonl:2: steps.0: size must be',
    ],
    [
      'a write without its bytes',
      scenarioText('vtd', { ...scenario, steps: [{ op: 'dma', rid: 1, iova: 0, len: 4, dir: 'write', data: '00' }] }),
      's.jsonl:2: steps.0: a write of 4 bytes must have as many bytes of data',
    ],
    [
      'a result of a step that is not there',
      scenarioText('vtd', { ...scenario, expect: [{ step: 0, compare: 'strict' }] }),
      's.jsonl:2: expect names step 0, and there are 0',
    ],
  ])('names the line and the reason: %s', (_, text, expected) => {
    expect(complaint(text)).toContain(expected);
  });
});
