import { describe, expect, it } from 'vitest';
import { inChunks } from '../src/chunks.ts';

describe('inChunks', () => {
  it('covers every operation once, in order, and adds what the chunks answer', () => {
    const seen: number[] = [];
    const sum = inChunks(2500, (from, to) => {
      seen.push(from, to);
      return to - from;
    });
    expect(sum).toBe(2500);
    expect(seen).toEqual([0, 1024, 1024, 2048, 2048, 2500]);
    expect(inChunks(0, () => 1)).toBe(0);
  });
});
