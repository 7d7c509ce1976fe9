import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CacheQuery, hi32, lo32, TranslationCache } from '../../src/index.js';

const put = (cache: TranslationCache, iova: bigint, shift: number, tagA = 1, tagB = 0, global = false): number =>
  cache.insert(hi32(iova), lo32(iova), shift, tagA, tagB, 0x5, 0x0020_0000 + tagA, 3, 7, global);
const hit = (cache: TranslationCache, iova: bigint, tagA = 1, tagB = 0): boolean =>
  cache.lookup(hi32(iova), lo32(iova), tagA, tagB);

describe('TranslationCache', () => {
  it('finds the page that holds an address, and gives back what was inserted', () => {
    const cache = new TranslationCache({ entries: 64 });
    put(cache, 0xffff_ffff_ffff_f000n, 12);
    expect(hit(cache, 0xffff_ffff_ffff_fabcn)).toBe(true);
    expect([cache.paHi, cache.paLo, cache.pageShift, cache.permissions, cache.attributes]).toEqual([
      5, 0x0020_0abc, 12, 3, 7,
    ]);
    expect(hit(cache, 0xffff_ffff_ffff_e000n)).toBe(false);
    expect(hit(cache, 0x0fff_ffff_ffff_f000n)).toBe(false);
    expect(hit(cache, 0xffff_ffff_ffff_f000n, 2)).toBe(false);
    expect(hit(cache, 0xffff_ffff_ffff_f000n, 1, 9)).toBe(false);
  });

  it('keeps the whole target of an entry for paging-structure caches', () => {
    const cache = new TranslationCache({ entries: 16, payload: true });
    const index = cache.insert(0, 0x4000_0000, 30, 1, 0, 2, 0x1234_5000, 0, 0, false);
    cache.payload!.set(index, -1, 3);
    expect(hit(cache, 0x7fff_ffffn)).toBe(true);
    expect([cache.targetHi(cache.index), cache.targetLo(cache.index)]).toEqual([2, 0x1234_5000]);
    expect([cache.payload!.hi(cache.index), cache.payload!.lo(cache.index)]).toEqual([-1, 3]);
  });

  it('lets a global entry answer for every tag B, and keeps it where asked to', () => {
    const cache = new TranslationCache({ entries: 16 });
    put(cache, 0x1000n, 12, 1, 5, true);
    put(cache, 0x2000n, 12, 1, 5, false);
    expect(hit(cache, 0x1000n, 1, 77)).toBe(true);
    expect(hit(cache, 0x1000n, 2, 5)).toBe(false);
    const query = new CacheQuery().withTagA(1).withTagB(5);
    query.global = 'keep';
    expect(cache.invalidate(query)).toBe(1);
    expect(hit(cache, 0x1000n, 1, 5)).toBe(true);
    query.global = 'plain';
    expect(cache.invalidate(query.withTagB(6))).toBe(0);
    query.global = 'match';
    expect(cache.invalidate(query)).toBe(1);
  });

  it('replaces round robin within a full set', () => {
    const cache = new TranslationCache({ entries: 4, ways: 4 });
    for (let page = 0n; page < 5n; page++) put(cache, page << 12n, 12);
    expect([0n, 1n, 2n, 3n, 4n].map((page) => hit(cache, page << 12n))).toEqual([false, true, true, true, true]);
    put(cache, 5n << 12n, 12);
    expect(hit(cache, 1n << 12n)).toBe(false);
    expect(cache.used).toBe(4);
  });

  it('keeps in each set what came last, whatever the number of ways, and never says that it lacks what it has', () => {
    const pages = fc.array(fc.tuple(fc.nat(63), fc.integer({ min: 0, max: 2 })), { minLength: 20, maxLength: 200 });
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 8), fc.constantFrom(12, 21), pages, (ways, shift, order) => {
        const cache = new TranslationCache({ entries: 16, ways });
        const sets = Array.from({ length: 16 / ways }, (): string[] => []);
        for (const [page, tagA] of order) {
          const iova = BigInt(page) << BigInt(shift);
          const set = sets[(page ^ tagA) % sets.length]!;
          const name = `${page} ${tagA}`;
          expect(hit(cache, iova, tagA)).toBe(set.includes(name));
          expect(cache.lacks(hi32(iova), lo32(iova), tagA) && set.includes(name)).toBe(false);
          if (set.includes(name)) continue;
          if (set.length === ways) set.shift();
          set.push(name);
          if (shift === 12) cache.add({ tagA, tagB: 0 }, { paHi: 5, paLo: 0x1000 }, hi32(iova), lo32(iova), 3, 7);
          else put(cache, iova, shift, tagA);
        }
        expect(cache.used).toBe(sets.flat().length);
      }),
      { numRuns: 200, seed: 13 },
    );
  });

  it('says that it lacks what it surely has not', () => {
    const cache = new TranslationCache({ entries: 16 });
    put(cache, 0x5000n, 12);
    expect([0x5000, 0x6000].map((lo) => cache.lacks(0, lo, 1))).toEqual([false, true]);
    put(cache, 0x4000_0000n, 21);
    // Of two sizes, only a look-up knows.
    expect(cache.lacks(0, 0x6000, 1)).toBe(false);
  });

  it('repeats a seeded replacement', () => {
    const survivors = (seed: number): bigint[] => {
      const cache = new TranslationCache({ entries: 8, ways: 8, replacement: { seed } });
      const pages = [...Array(40).keys()].map((page) => BigInt(page) << 12n);
      for (const page of pages) put(cache, page, 12);
      return pages.filter((page) => hit(cache, page));
    };
    expect(survivors(3)).toEqual(survivors(3));
    expect(survivors(3)).not.toEqual(survivors(4));
  });

  it('misses always when it is off', () => {
    const cache = new TranslationCache({ entries: 0 });
    expect(put(cache, 0x1000n, 12)).toBe(-1);
    expect(hit(cache, 0x1000n)).toBe(false);
    expect(cache.invalidate(new CacheQuery())).toBe(0);
  });

  it('tells where an entry came from until it is gone', () => {
    const cache = new TranslationCache({ entries: 16, provenance: true });
    const from = { sequence: 1, time: 20, cause: 'read by 00:01.0', words: [3n] };
    const index = put(cache, 0x1000n, 12);
    cache.note(index, from);
    expect(cache.provenanceOf(index)).toBe(from);
    cache.invalidate(new CacheQuery().all());
    expect(cache.provenanceOf(index)).toBeUndefined();
    expect(new TranslationCache({ entries: 16 }).provenanceOf(0)).toBeUndefined();
  });

  it('refuses sizes that are no powers of two', () => {
    expect(() => new TranslationCache({ entries: 48 })).toThrow(RangeError);
    expect(() => new TranslationCache({ entries: 16, ways: 3 })).toThrow(RangeError);
    expect(() => new TranslationCache({ entries: 4, ways: 8 })).toThrow(RangeError);
  });

  it('drops exactly what a query matches, like a list', () => {
    const shifts = [12, 16, 21, 30, 39, 48];
    const entry = fc.record({
      iova: fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: 0x40_0000n })),
      shift: fc.constantFrom(...shifts),
      tagA: fc.integer({ min: 0, max: 2 }),
      tagB: fc.integer({ min: -1, max: 1 }),
      global: fc.boolean(),
    });
    const query = fc.record({
      tagA: fc.option(fc.integer({ min: 0, max: 2 })),
      tagB: fc.option(fc.integer({ min: -1, max: 1 })),
      global: fc.constantFrom('match' as const, 'keep' as const, 'plain' as const),
      start: fc.option(
        fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: 0x40_0000n })),
      ),
      length: fc.oneof(
        fc.constantFrom(0x1000n, 0x20_0000n, 1n << 40n, (1n << 64n) - 1n),
        fc.bigInt({ min: 1n, max: 0x8000n }),
      ),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), fc.array(query, { maxLength: 4 }), (entries, queries) => {
        // Every set is large enough that nothing is replaced.
        const cache = new TranslationCache({ entries: 1024, ways: 32 });
        let list: typeof entries = [];
        for (const each of entries) {
          put(cache, each.iova, each.shift, each.tagA, each.tagB, each.global);
          const same = (other: typeof each): boolean =>
            other.shift === each.shift &&
            other.iova >> BigInt(other.shift) === each.iova >> BigInt(each.shift) &&
            other.tagA === each.tagA &&
            other.global === each.global &&
            (each.global || other.tagB === each.tagB);
          list = [...list.filter((other) => !same(other)), each];
        }
        expect(cache.used).toBe(list.length);
        for (const { tagA, tagB, global, start, length } of queries) {
          const asked = new CacheQuery();
          if (tagA !== null) asked.withTagA(tagA);
          if (tagB !== null) asked.withTagB(tagB);
          asked.global = global;
          const last =
            start === null ? 0n : start + length - 1n > (1n << 64n) - 1n ? (1n << 64n) - 1n : start + length - 1n;
          if (start !== null) asked.inRange(hi32(start), lo32(start), hi32(last), lo32(last));
          const goes = (each: (typeof entries)[number]): boolean => {
            const size = 1n << BigInt(each.shift);
            const first = (each.iova / size) * size;
            if (tagA !== null && each.tagA !== tagA) return false;
            if (each.global && global === 'keep') return false;
            if (tagB !== null && each.tagB !== tagB && !(each.global && global === 'match')) return false;
            return start === null || (first <= last && start <= first + size - 1n);
          };
          expect(cache.invalidate(asked)).toBe(list.filter(goes).length);
          list = list.filter((each) => !goes(each));
        }
        expect(cache.used).toBe(list.length);
        for (const each of list) expect(hit(cache, each.iova, each.tagA, each.tagB)).toBe(true);
        expect(cache.clear()).toBe(list.length);
      }),
      { numRuns: 300, seed: 11 },
    );
  });
});
