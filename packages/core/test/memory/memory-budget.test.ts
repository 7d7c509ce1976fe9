import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/index.js';

describe('MemoryBudget', () => {
  it('charges up to its limit and nothing of what does not fit', () => {
    const budget = new MemoryBudget(100);
    expect([budget.charge(60), budget.charge(41), budget.charge(40), budget.charge(1)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    budget.uncharge(99);
    expect([budget.used, budget.limit]).toEqual([1, 100]);
  });

  it('throws when more comes back than was charged', () => {
    const budget = new MemoryBudget(100);
    budget.charge(5);
    expect(() => budget.uncharge(6)).toThrow(RangeError);
  });
});
