import { Access, hi32, IotlbGather, lo32, NO_PASID, type UnitObserver } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AmdViOptions } from '../../src/index.js';
import { bareBackend, device } from '../bench-machine.js';

const { READ, WRITE, EXECUTE } = Access;
const NX_HI = 1 << 31;
const nobody: UnitObserver = {
  filled: () => undefined,
  invalidated: () => undefined,
  executing: () => undefined,
  faulted: () => undefined,
};

/** A device on a domain; with an observer the unit takes its own path for every miss. */
function bench(options: AmdViOptions, isWatched: boolean) {
  const { backend, memory } = bareBackend({
    ...options,
    caches: { iotlbEntries: 8, directoryEntries: 4, deviceEntries: 4 },
  });
  const { unit } = backend;
  unit.observer = isWatched ? nobody : null;
  const one = device(8);
  backend.addDevice(one);
  const domain = backend.allocPaging(one, 0, undefined);
  if (typeof domain === 'number') throw new Error(`errno ${domain}`);
  backend.attach(one, domain);
  return {
    unit,
    map: (page: number, prot: number): void => void domain.mapPages(0, page << 12, 5, page << 12, 12, 1, prot),
    drop: (page: number): void => {
      const gather = new IotlbGather();
      domain.unmapPages(0, page << 12, 12, 1, gather);
      domain.syncUnmap(gather);
    },
    /** Sets NX in an entry, or in one of its links. */
    forbid: (page: number, up: number): void => {
      const { steps } = unit.explain(8, NO_PASID, BigInt(page) << 12n, READ);
      // Device table entry, GCR3 entry, and five levels when the page is mapped.
      if (steps.length < 7) return;
      const { address } = steps.at(-1 - up)!;
      const [hi, lo] = [hi32(address), lo32(address)];
      if (memory.load64(hi, lo) && (memory.loadedLo & 1) === 1)
        memory.store64(hi, lo, memory.loadedHi | NX_HI, memory.loadedLo);
    },
    ask: (page: number, access: number): unknown[] => {
      const isAllowed = unit.translate(8, NO_PASID, 0, (page << 12) | 0x44, access);
      const { paHi, paLo, pageShift, permissions } = unit.translation;
      return [isAllowed, ...(isAllowed ? [paHi, paLo, pageShift, permissions] : []), { ...unit.counters }];
    },
  };
}

const page = fc.integer({ min: 1, max: 6 }).map((at) => (at & 1) * 0x1_0000 + at);
const right = fc.constantFrom(READ, WRITE, 3, EXECUTE);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('map' as const), page, fc.constantFrom(READ, 3, 3)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('drop' as const), page, fc.constant(0)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('forbid' as const), page, fc.constantFrom(0, 0, 0, 1)) },
  { weight: 8, arbitrary: fc.tuple(fc.constant('ask' as const), page, right) },
);

describe('RequestStreams', () => {
  it.each([
    ['host tables', { preset: 'zen-server' }],
    ['guest tables', { preset: 'zen-server', pageTables: 'v2' }],
  ] as [string, AmdViOptions][])('serve %s with the answers and counts of the longer path', (_, options) => {
    let misses = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
        const [front, path] = [bench(options, false), bench(options, true)];
        for (const [kind, at, what] of steps) {
          for (const on of [front, path]) {
            if (kind === 'map') on.map(at, what);
            else if (kind === 'drop') on.drop(at);
            else if (kind === 'forbid' && options.pageTables === 'v2') on.forbid(at, what);
          }
          if (kind === 'ask') expect(front.ask(at, what)).toEqual(path.ask(at, what));
        }
        misses += front.unit.counters.iotlbMisses;
      }),
      { numRuns: 15, seed: 7 },
    );
    expect(misses).toBeGreaterThan(100);
  });
});
