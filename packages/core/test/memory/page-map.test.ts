import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageMap } from '../../src/memory/page-map.js';

describe('PageMap', () => {
  it('behaves like a map, also for pages far apart and ranges over whole blocks', () => {
    const page = fc.oneof(
      fc.nat(1600),
      fc.nat(600).map((near) => 2 ** 35 - 300 + near),
    );
    const step = fc.oneof(
      fc.record({ op: fc.constant('set' as const), page, frame: fc.nat() }),
      fc.record({ op: fc.constant('take' as const), page, length: fc.constantFrom(1, 7, 511, 512, 1300, 2 ** 36) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const map = new PageMap();
        const model = new Map<number, number>();
        for (const s of steps) {
          if (s.op === 'set') {
            map.set(s.page, s.frame);
            model.set(s.page, s.frame);
          } else {
            const last = s.page + s.length - 1;
            const taken: number[] = [];
            map.takeRange(s.page, last, (frame) => taken.push(frame));
            const inside = [...model].filter(([at]) => at >= s.page && at <= last);
            expect(taken.toSorted()).toEqual(inside.map(([, frame]) => frame).toSorted());
            for (const [at] of inside) model.delete(at);
          }
        }
        const seen = new Map<number, number>();
        map.forEach((at, frame) => seen.set(at, frame));
        expect(seen).toEqual(model);
        for (const at of [0, 511, 512, 1600, 2 ** 35, ...model.keys()]) expect(map.get(at)).toBe(model.get(at) ?? -1);
      }),
      { numRuns: 80 },
    );
  });
});
