import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreeBlocks } from '../../src/memory/free-blocks.js';

describe('FreeBlocks', () => {
  it('always finds its lowest member, also after it grew', () => {
    const index = fc.oneof(fc.nat(70), fc.nat(5000));
    const step = fc.oneof(
      fc.record({ op: fc.constantFrom('add' as const, 'delete' as const), index }),
      fc.record({ op: fc.constant('grow' as const), index: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const blocks = new FreeBlocks(5001);
        const model = new Set<number>();
        let capacity = 5001;
        for (const { op, index: at } of steps) {
          if (op === 'grow') blocks.grow((capacity += at));
          else if ((op === 'add') === model.has(at)) continue;
          else if (op === 'add') blocks.add(at);
          else blocks.delete(at);
          if (op === 'add') model.add(at);
          if (op === 'delete') model.delete(at);
          expect([blocks.count, blocks.has(at)]).toEqual([model.size, model.has(at)]);
          if (model.size > 0) expect(blocks.lowest()).toBe(Math.min(...model));
        }
      }),
      { numRuns: 100 },
    );
  });
});
