import { wordLayout } from '@ioasis/core';
import { expect, it } from 'vitest';
import { drawLayout } from '../src/bit-fields.ts';

const boxes = (svg: string): string[] =>
  [...svg.matchAll(/<rect class="([cr])" x="(\d+)" y="\d+" width="(\d+)"/g)].map(
    ([, kind, x, width]) => `${kind} ${x} ${width}`,
  );

it('puts bit 0 at the right end and leaves no bit out', () => {
  const svg = drawLayout(wordLayout('entry', 32, { ADDRESS: [31, 12], P: [0, 0] }));
  // Twenty bits, eleven without a field, one bit; 30 units a bit, from 8.
  expect(boxes(svg)).toEqual(['c 8 600', 'r 608 330', 'c 938 30']);
});

it('cuts a field that crosses a row and shows it in both', () => {
  const svg = drawLayout(wordLayout('entry', 64, { ADDRESS: [51, 12], P: [0, 0] }));
  expect(boxes(svg)).toEqual(['r 8 360', 'c 368 600', 'c 8 600', 'r 608 330', 'c 938 30']);
  expect(svg.match(/>ADDRESS</g)).toHaveLength(2);
});

it('tells readers of the text what it shows', () => {
  const svg = drawLayout(wordLayout('A<B', 32, { F: [3, 2] }));
  expect(svg).toContain('<title>A&lt;B, 32 bits: F 3:2</title>');
});

it('draws rows without fields as one', () => {
  const svg = drawLayout(wordLayout('structure', 128, { V: [0, 0] }));
  expect(boxes(svg)).toEqual(['r 8 960', 'r 8 930', 'c 938 30']);
  expect(svg).toContain('>127<');
  expect(svg).toContain('>32<');
});
