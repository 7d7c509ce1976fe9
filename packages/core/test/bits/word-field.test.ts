import { describe, expect, it } from 'vitest';
import { anyBit, maskWords, wordField } from '../../src/bits/word-field.js';
import { wordLayout } from '../../src/bits/word-layout.js';

const layout = wordLayout('sample', 128, { LOW: [3, 0], TOP: [31, 31], WIDE: [63, 32], SID: [79, 72] });

describe('wordField', () => {
  const words = Int32Array.of(0, 0, 0x8000_000a | 0, 0xdead_beef | 0, 0x0000_5a7f, 0);

  it('reads the field where the layout has it', () => {
    expect(wordField(layout, 'LOW').of(words, 2)).toBe(0xa);
    expect(wordField(layout, 'TOP').of(words, 2)).toBe(1);
    expect(wordField(layout, 'WIDE').of(words, 2)).toBe(0xdead_beef | 0);
    expect(wordField(layout, 'SID').of(words, 2)).toBe(0x5a);
  });

  it('refuses a field that crosses a word', () => {
    const crossing = wordLayout('crossing', 64, { ADDR: [63, 12] });
    expect(() => wordField(crossing, 'ADDR')).toThrow('crossing.ADDR crosses');
  });
});

describe('maskWords', () => {
  it('finds a bit of the mask anywhere in the structure', () => {
    const mask = maskWords(1n << 127n, 128);
    expect(anyBit(mask, Int32Array.of(-1, -1, -1, 0x7fff_ffff), 0)).toBe(false);
    expect(anyBit(mask, Int32Array.of(9, 0, 0, 0, 0x8000_0000 | 0), 1)).toBe(true);
  });
});
