import { describe, expect, it } from 'vitest';
import { nearest, unknownName } from '../src/nearest.js';

const known = ['MAP_IOVA_RESERVED', 'MAP_IOVA_TAKEN', 'EINVAL', 'ENOENT'];

describe('nearest', () => {
  it('finds names that contain the text, and those with few other letters', () => {
    expect(nearest('reserved', known)).toEqual(['MAP_IOVA_RESERVED']);
    expect(nearest('EINVALL', known)).toEqual(['EINVAL']);
    expect(nearest('ENOENR', known)).toEqual(['ENOENT']);
  });

  it('finds nothing for a text like no name, and says what there is', () => {
    expect(nearest('zzzzzzzz', known)).toEqual([]);
    expect(unknownName('code', 'zzzzzzzz', ['A', 'B'])).toEqual(['there is no code zzzzzzzz', 'known are A, B']);
  });
});
