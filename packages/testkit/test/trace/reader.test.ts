import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { describeMalformedLine, readTrace } from '../../src/index.js';
import { fixture, fixturesIn } from '../fixtures.js';
import { traceText } from './fake-kernel.js';

const read = (text: string) => readTrace('t.jsonl', new TextEncoder().encode(text));
const complaint = (text: string): string => {
  const result = read(text);
  return result._tag === 'Left' ? describeMalformedLine(result.left) : 'no complaint';
};
const begin = { seq: 0, scenario: 's', op: 'begin', desc: '' };

describe('readTrace', () => {
  it('reads plain and compressed traces alike', () => {
    const text = traceText([begin, { seq: 1, scenario: 's', op: 'end' }]);
    const plain = read(text);
    expect(plain).toMatchObject({ right: { header: { machine: 'none' }, steps: [{ op: 'begin' }, { op: 'end' }] } });
    expect(readTrace('t.jsonl', gzipSync(text))).toEqual(plain);
  });

  it('reads every committed recording', () => {
    const steps = fixturesIn('traces').map((path) => {
      const result = readTrace(path, fixture(path));
      return result._tag === 'Right' ? result.right.steps.length : describeMalformedLine(result.left);
    });
    // 16 files; fixtures/README.md.
    expect(steps).toHaveLength(16);
    expect(steps.reduce((sum: number, count) => sum + Number(count), 0)).toBe(48_958);
  });

  it('keeps fields that it does not know', () => {
    const result = read(traceText([{ ...begin, extra: [1] }]));
    expect(result).toMatchObject({ right: { steps: [{ extra: [1] }] } });
  });

  it.each([
    ['an empty file', '', 't.jsonl:1: the file is empty; line 1 is a header'],
    [
      'no header',
      '{"seq":0}\n',
      't.jsonl:1: the first line must be a header: {"header":1,"format":"iommu-trace/1",...}',
    ],
    [
      'another format',
      '{"header":1,"format":"iommu-scenario/1"}\n',
      't.jsonl:1: format "iommu-scenario/1" is not iommu-trace/1',
    ],
    [
      'a header without a machine',
      traceText([]).replace('"machine":"none"', '"m":1'),
      't.jsonl:1: machine must be string; it is missing',
    ],
    ['a blank line', traceText([begin]) + '\n', 't.jsonl:3: blank line'],
    ['a list', traceText([]) + '[1]\n', 't.jsonl:2: not a JSON object'],
    ['an unknown step', traceText([{ ...begin, op: 'fork' }]), 't.jsonl:2: op "fork": not one of begin, end, open'],
    [
      'a missing field',
      traceText([begin, { seq: 1, scenario: 's', op: 'peek', addr: '0x10' }]),
      't.jsonl:3: data must be a string of hexadecimal bytes; it is missing',
    ],
    [
      'half a byte',
      traceText([begin, { seq: 1, scenario: 's', op: 'poke', addr: '0x10', data: 'abc' }]),
      't.jsonl:3: data must be a string of hexadecimal bytes; it is "abc"',
    ],
    [
      'a number with 65 bits',
      traceText([begin, { seq: 1, scenario: 's', op: 'poke', addr: '0x10000000000000000', data: '' }]),
      't.jsonl:3: addr must be an unsigned number',
    ],
    [
      'a step outside of a scenario',
      traceText([{ seq: 0, scenario: 's', op: 'end' }]),
      't.jsonl:2: scenario s has not begun',
    ],
    [
      'a scenario inside another',
      traceText([begin, { ...begin, scenario: 'u' }]),
      't.jsonl:3: scenario u begins before s has ended',
    ],
  ])('names the line and the reason: %s', (_, text, expected) => {
    expect(complaint(text)).toContain(expected);
  });

  it('says that a compressed file is damaged', () => {
    const result = readTrace('t.gz', gzipSync(traceText([begin])).subarray(0, 40));
    expect(result).toMatchObject({ left: { line: 0, reason: expect.stringContaining('damaged gzip stream') } });
  });
});
