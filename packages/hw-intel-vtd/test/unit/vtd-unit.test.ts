import { Access, hi32, lo32, NO_PASID, PhysicalMemory } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VtdUnit } from '../../src/index.js';

/*
 * Whatever memory and registers hold, the unit answers: with an address or with a fault of its table. Structures are right but for a
 * few flipped bits, table entries are random and mostly lead to another table, so that walks get deep.
 */

const page = (index: number): bigint => BigInt(index + 1) * 0x1000n;
const [ROOT, CONTEXTS, DIRECTORY, PASIDS, TABLES] = [page(0), page(1), page(2), page(3), page(4)];
const TABLE_PAGES = 4;

const entry: fc.Arbitrary<bigint> = fc
  .tuple(fc.nat(TABLE_PAGES - 1), fc.constantFrom(1, 3, 7, 7, 7, 0x67, 0x63, 0x87, 0x83, 0))
  .map(([at, low]) => (TABLES + BigInt(at) * 0x1000n) | BigInt(low));
const world = fc.record({
  scalable: fc.boolean(),
  entries: fc.array(entry, { minLength: 61, maxLength: 61 }),
  /** PASID entries: type with A/D, first-stage bits. */
  pasids: fc.array(fc.tuple(fc.constantFrom(0x89n, 0x289n, 0x41n, 0xc9n, 0x109n, 0x149n), fc.nat(0x7f)), {
    minLength: 4,
    maxLength: 4,
  }),
  contexts: fc.array(fc.constantFrom(1n, 5n, 9n, 3n, 0xdn), { minLength: 3, maxLength: 3 }),
  flips: fc.array(fc.tuple(fc.nat(4 * 512 - 1), fc.nat(63)), { maxLength: 3 }),
  requests: fc.array(
    fc.record({
      requester: fc.nat(0x1ff),
      pasid: fc.oneof(fc.constant(NO_PASID), fc.nat(63)),
      hi: fc.oneof(fc.constant(0), fc.nat(0xff), fc.integer()),
      lo: fc.integer(),
      access: fc.oneof(fc.constantFrom(1, 2, 3), fc.nat(0xff)),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  writes: fc.array(fc.record({ offset: fc.nat(0x17f).map((at) => at * 4), hi: fc.integer(), lo: fc.integer() }), {
    maxLength: 4,
  }),
});
type World = typeof world extends fc.Arbitrary<infer A> ? A : never;

function make(state: World, caches: boolean): VtdUnit {
  const { scalable, entries, pasids, contexts, flips } = state;
  const memory = new PhysicalMemory({ windows: [{ start: 0n, last: 0xffffn }], arena: { start: 0n, last: 0xffffn } });
  const store = (at: bigint, value: bigint): boolean => memory.store64(0, Number(at), hi32(value), lo32(value));
  for (let at = 0; at < 256; at++) {
    store(ROOT + BigInt(at * 16), CONTEXTS | 1n);
    store(ROOT + BigInt(at * 16 + 8), scalable ? CONTEXTS | 1n : 0n);
    if (!scalable) {
      store(CONTEXTS + BigInt(at * 16), TABLES | contexts[at % contexts.length]!);
      store(CONTEXTS + BigInt(at * 16 + 8), 0x502n);
    } else if (at < 128) {
      store(CONTEXTS + BigInt(at * 32), DIRECTORY | 0x40dn);
      store(CONTEXTS + BigInt(at * 32 + 8), BigInt(at % 64));
    }
  }
  for (let at = 0; at < 512; at++) store(DIRECTORY + BigInt(at * 8), PASIDS | 1n);
  for (let at = 0; at < 64; at++) {
    const [type, bits] = pasids[at % pasids.length]!;
    store(PASIDS + BigInt(at * 64), TABLES | type);
    store(PASIDS + BigInt(at * 64 + 8), 5n);
    store(PASIDS + BigInt(at * 64 + 16), TABLES | BigInt(bits & ~0xc));
  }
  // The entries repeat with a prime stride, so that no two tables are alike.
  for (let at = 0; at < TABLE_PAGES * 512; at++) store(TABLES + BigInt(at * 8), entries[(at * 17) % entries.length]!);
  for (const [at, bit] of flips) {
    memory.load64(0, 0x1000 + at * 8);
    const value = (BigInt(memory.loadedHi >>> 0) << 32n) | BigInt(memory.loadedLo >>> 0);
    store(ROOT + BigInt(at * 8), value ^ (1n << BigInt(bit)));
  }
  const unit = new VtdUnit({ memory, options: { preset: 'full', caches } });
  unit.write64(0x20, 0, Number(ROOT) | (scalable ? 0x400 : 0));
  unit.write32(0x18, 0x4000_0000);
  unit.write32(0x18, 0x8000_0000 | 0);
  return unit;
}

type Request = World['requests'][number];
const ask = (unit: VtdUnit, { requester, pasid, hi, lo, access }: Request): string =>
  unit.translate(requester, pasid, hi, lo, access)
    ? `${unit.translation.paHi >>> 0}:${unit.translation.paLo >>> 0}`
    : unit.translation.fault!.name;

describe('VtdUnit', () => {
  it('answers every request, whatever memory and registers hold', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(world, (state) => {
        const unit = make(state, true);
        for (const { offset, hi, lo } of state.writes) unit.write64(offset, hi, lo);
        for (const request of state.requests) {
          const answer = ask(unit, request);
          expect(answer).toMatch(/^(\d+:\d+|[A-Z_]+)$/);
          seen.add(answer.includes(':') ? 'address' : answer);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
    // Not only the first checks were reached.
    expect(seen.size).toBeGreaterThan(20);
  });

  it('answers a first request alike with caches, without them, and when it is only explained', () => {
    fc.assert(
      fc.property(world, (state) => {
        for (const request of state.requests) {
          const { requester, pasid, hi, lo, access } = request;
          const iova = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
          const explained = make(state, true).explain(requester, pasid, iova, access);
          const cached = make(state, true);
          const answer = ask(cached, request);
          expect(ask(make(state, false), request)).toBe(answer);
          // A walk that only looks does not write flags, so that no update of its can be refused.
          if (answer !== 'FS_UPDATE_WRITE_DENIED' && answer !== 'FS_UPDATE_FAILED') {
            const { pa, fault } = explained;
            expect(pa === undefined ? fault!.name : `${pa >> 32n}:${pa & 0xffff_ffffn}`).toBe(answer);
          }
          // Without flags to set, a cache gives the same answer the second time.
          if ((access & Access.TRANSLATION_REQUEST) === 0 && !state.scalable) expect(ask(cached, request)).toBe(answer);
        }
      }),
      { numRuns: 40, seed: 2 },
    );
  });
});
