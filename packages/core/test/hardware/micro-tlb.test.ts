import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Access,
  CacheQuery,
  GLOBAL_PAGE,
  NO_PASID,
  RequestFront,
  RequestStream,
  Translation,
  TranslationCache,
  UnitCounters,
} from '../../src/index.js';
import { MicroTlb } from '../../src/hardware/micro-tlb.js';

const REQUESTERS = [8, 9, 10];
/** Pages in one set of the IOTLB, two of them in one slot of the micro-TLB, and one of another large page. */
const PAGES = [0x1000, 0x5000, 0x9000, 0x27f_d000, 0x20_0000];

function bench() {
  const translation = new Translation();
  const counters = new UnitCounters();
  const iotlb = new TranslationCache({ entries: 8, ways: 2 });
  const front = new RequestFront(translation, counters);
  front.connect({ iotlb, structures: [], highWindow: { first: 7, last: 8 } });
  const remember = (requesterId: number, tagB: number, rights = 3): void =>
    front.remember(
      new RequestStream({ requesterId, pasid: NO_PASID, tagA: 1, tagB, plain: 3 | Access.ATOMIC, rights, pages: null }),
    );
  const rememberAll = (): void => {
    remember(8, 2);
    remember(9, 2, Access.READ);
    remember(10, 3);
  };
  rememberAll();
  const ask = (requester: number, page: number, access: number): unknown[] => {
    const isAnswered = front.translate(requester, NO_PASID, 0, page | 0x123, access);
    const { paHi, paLo, pageShift, permissions } = translation;
    const { translations, iotlbHits, iotlbMisses } = counters;
    const answer = isAnswered ? [paHi, paLo, pageShift, permissions] : [];
    return [isAnswered, ...answer, translations, iotlbHits, iotlbMisses, iotlb.used];
  };
  return { translation, counters, iotlb, front, ask, remember, rememberAll };
}

const add = (iotlb: TranslationCache, at: number, tagB: number, paHi: number, paLo: number, isGlobal: boolean): true =>
  iotlb.add({ tagA: 1, tagB }, { paHi, paLo }, 0, at, 3, isGlobal ? GLOBAL_PAGE : 0);

type Bench = ReturnType<typeof bench>;
type Step = (on: Bench) => unknown;

const page = fc.constantFrom(...PAGES);
const pageShift = fc.oneof({ weight: 30, arbitrary: fc.constant(12) }, fc.constantFrom(21, 30, 11));
const tagB = fc.constantFrom(2, 3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.tuple(fc.constantFrom(...REQUESTERS), page, fc.constantFrom(0, 1, 2, 3, 4, 1 | Access.ATOMIC)).map(
      ([requester, at, access]): Step =>
        (on) =>
          on.ask(requester, at, access),
    ),
  },
  {
    weight: 10,
    arbitrary: fc.tuple(page, pageShift, tagB, fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.nat(99)).map(
      ([at, shift, tag, rights, isGlobal, frame]): Step =>
        ({ iotlb }) =>
          iotlb.insert(0, at, shift, 1, tag, frame, frame << 12, rights, 0, isGlobal),
    ),
  },
  {
    weight: 10,
    arbitrary: fc.tuple(page, tagB, fc.boolean(), fc.nat(99)).map(
      ([at, tag, isGlobal, frame]): Step =>
        ({ iotlb }) =>
          iotlb.lookup(0, at, 1, tag) ? null : add(iotlb, at, tag, 0, frame << 12, isGlobal),
    ),
  },
  fc.tuple(page, tagB).map(
    ([at, tag]): Step =>
      ({ iotlb }) =>
        iotlb.invalidate(
          new CacheQuery()
            .withTagA(1)
            .withTagB(tag)
            .inRange(0, at, 0, at | 0xfff),
        ),
  ),
  tagB.map(
    (tag): Step =>
      ({ iotlb }) =>
        iotlb.invalidate(new CacheQuery().withTagB(tag)),
  ),
  fc.constant<Step>(({ iotlb }) => iotlb.clear()),
  fc.constant<Step>(({ front, rememberAll }) => {
    front.forget();
    rememberAll();
  }),
  tagB.map(
    (tag): Step =>
      ({ remember }) =>
        remember(8, tag),
  ),
);

describe('MicroTlb', () => {
  it('changes no answer and no count, whatever the IOTLB and the front go through', () => {
    let kept = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
        const [one, other] = [bench(), bench()];
        for (const each of steps) {
          // The other one always asks its IOTLB.
          other.iotlb.microTlb?.forgetAll();
          const expected = each(other);
          expect(each(one)).toEqual(expected);
        }
        kept += one.counters.iotlbHits;
      }),
      { numRuns: 150, seed: 12 },
    );
    expect(kept).toBeGreaterThan(500);
  });

  it('answers without the IOTLB until that page comes, goes or moves', () => {
    const { ask, iotlb, counters } = bench();
    iotlb.insert(0, 0x1000, 12, 1, 2, 5, 0x7000, 3, 0, false);
    const { lookup } = iotlb;
    ask(8, 0x1000, 1);
    iotlb.lookup = () => expect.unreachable();
    expect(ask(8, 0x1000, 2).slice(0, 5)).toEqual([true, 5, 0x7123, 12, 3]);
    expect(counters).toMatchObject({ translations: 2, iotlbHits: 2 });
    // Another page that stays away from the set of the first.
    iotlb.insert(0, 0x2000, 12, 1, 2, 5, 0x8000, 3, 0, false);
    expect(ask(8, 0x1000, 1)[0]).toBe(true);
    iotlb.lookup = lookup;
    iotlb.invalidate(new CacheQuery().withTagA(1).inRange(0, 0x1000, 0, 0x1fff));
    expect(ask(8, 0x1000, 1)[0]).toBe(false);
  });

  it('forgets a page whose entry goes for another, and in front of which a global entry comes', () => {
    const { ask, iotlb } = bench();
    const drop = (at: number): number => iotlb.invalidate(new CacheQuery().withTagA(1).inRange(0, at, 0, at | 0xfff));
    iotlb.insert(0, 0x1000, 12, 1, 2, 5, 0x7000, 3, 0, false);
    ask(8, 0x1000, 1);
    for (const at of [0x5000, 0x9000]) iotlb.insert(0, at, 12, 1, 2, 5, 0x8000, 3, 0, false);
    expect(drop(0x1000)).toBe(0);
    expect(ask(8, 0x1000, 1)[0]).toBe(false);
    // Of requester 10, in the way that is not asked first; then one for everybody in the other way.
    iotlb.clear();
    iotlb.insert(0, 0x9000, 12, 1, 3, 6, 0x8000, 3, 0, false);
    iotlb.insert(0, 0x1000, 12, 1, 3, 6, 0x7000, 3, 0, false);
    expect(ask(10, 0x1000, 1).slice(0, 2)).toEqual([true, 6]);
    drop(0x9000);
    add(iotlb, 0x1000, 2, 7, 0x7000, true);
    expect(ask(10, 0x1000, 1).slice(0, 2)).toEqual([true, 7]);
  });

  it('keeps requesters with 32-bit numbers and addresses of windows apart', () => {
    const { ask, iotlb, front, remember } = bench();
    remember(0xffff_fff0, 2);
    for (const hi of [0, 7, 9]) iotlb.insert(hi, hi === 0 ? 0x1000 : 0x2000, 12, 1, 2, 5, 0x7000, 3, 0, false);
    for (let turn = 0; turn < 2; turn++) {
      expect(ask(0xffff_fff0, 0x1000, 1)[0]).toBe(true);
      expect(ask(-16, 0x1000, 1)[0]).toBe(false);
      expect([7, 9].map((hi) => front.translate(8, NO_PASID, hi, 0x2000, 1))).toEqual([false, true]);
    }
  });

  it('forgets a page or all, and is filled again', () => {
    const KEY_4K = 25;
    const micro = new MicroTlb();
    micro.forget(1, KEY_4K);
    const [first, second] = [micro.entryOf(1), micro.entryOf(2)];
    for (const [at, entry] of [first, second].entries()) entry.page = at + 1;
    micro.forget(1, KEY_4K);
    expect([first.page, second.page]).toEqual([-1, 2]);
    micro.forgetAll();
    expect(second.page).toBe(-1);
    expect([micro.entryOf(2), micro.entryOf(2 + micro.entries.length)]).toEqual([second, second]);
    second.page = 2;
    // A page of 2 MiB.
    micro.forget(0, 43);
    expect(second.page).toBe(-1);
  });

  it.each([0, 4, 9])('gives each of 2048 neighbours of 2^%i pages of 4 KiB a slot of its own', (shift) => {
    const microTlb = new MicroTlb();
    const entries = new Set(
      Array.from({ length: 2048 }, (_, number) => microTlb.entryOf((number << shift) & 0xf_ffff)),
    );
    expect(entries.size).toBe(2048);
  });

  it('forgets a page whatever its number has above the low word of the address', () => {
    const microTlb = new MicroTlb();
    const entry = microTlb.entryOf(0xa_bcde);
    entry.page = 0xa_bcde;
    const key = (5 << 7) | (12 << 1) | 1;
    microTlb.forget(0xa_bcdf | (0x765 << 20), key);
    expect(entry.page).toBe(0xa_bcde);
    microTlb.forget(0xa_bcde | (0x765 << 20), key);
    expect(entry.page).toBe(-1);
  });
});
