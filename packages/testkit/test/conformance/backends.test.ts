import { describe, expect, it } from 'vitest';
import { backendConformance, conformanceGaps } from '../../src/index.js';
import { SUBJECTS } from './subjects.js';

describe.each(SUBJECTS)('$name', ({ definition, gaps }) => {
  it('declares these gaps', () => {
    expect(conformanceGaps(definition)).toEqual(gaps);
  });

  backendConformance({ describe, it }, definition);
});
