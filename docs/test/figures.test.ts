import { expect, it } from 'vitest';
import { figuresOf } from '../src/figures.ts';

it('takes the rows of VT-d, with their units', () => {
  const table = [
    '| P1 | map 4K, bulk | vtd-ss | 2.46x | 2.5 | met | 1.02 / 0.42 | 229% |',
    '| P1 | map 4K, bulk | amd-v1 | 2.30x | 2.5 | met | 0.96 / 0.42 | 55% |',
    '| start of a machine | intel-vtd | 820 us |',
  ];
  expect(figuresOf(table.join('\n'))).toBe(
    'map 4K, bulk                      2.46x\nstart of a machine                820 us\n',
  );
});

it('says when the tables changed', () => {
  expect(() => figuresOf('# Performance')).toThrow('another form');
});
