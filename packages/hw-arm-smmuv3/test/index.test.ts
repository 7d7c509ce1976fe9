import { expect, it } from 'vitest';
import * as index from '../src/index.js';

it('the public entry loads and exports something', () => {
  expect(Object.keys(index)).not.toEqual([]);
});
