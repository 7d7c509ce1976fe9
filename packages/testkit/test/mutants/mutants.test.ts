import type { BackendDefinition } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { conformanceCases, ConformanceError, type ConformanceCase } from '../../src/index.js';
import { BACKEND_MUTANTS } from './backend-mutants.js';
import { DOMAIN_MUTANTS } from './domain-mutants.js';
import { definitionOf } from './mutant.js';

const MUTANTS = [...DOMAIN_MUTANTS, ...BACKEND_MUTANTS];

function caseOf(definition: BackendDefinition, title: string): ConformanceCase {
  const found = conformanceCases(definition).find(({ area, name }) => `${area}: ${name}` === title);
  if (found === undefined) throw new Error(`no case ${title}`);
  return found;
}

describe('a backend that', () => {
  it('is broken comes in at least twenty-five ways, each with its name', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
  });

  it.each(MUTANTS)('$name fails "$caughtBy"', (mutant) => {
    expect(() => caseOf(mutant.of, mutant.caughtBy).run(), 'the good backend').not.toThrow();
    expect(() => caseOf(definitionOf(mutant), mutant.caughtBy).run(), 'the broken one').toThrow(ConformanceError);
  });
});
