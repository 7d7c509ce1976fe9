import { describe, expect, it } from 'vitest';
import {
  Access,
  NO_PASID,
  PagingStructureCache,
  PageWalk,
  RadixWalker,
  RequestFront,
  RequestStream,
  StructureCache,
  Translation,
  TranslationCache,
  UnitCounters,
  type RadixTable,
} from '../../src/index.js';
import { IotlbGather } from '../../src/domain/index.js';
import { makeMemory, makeTable, rootOf } from '../page-table/bench-memory.js';
import { everyFormat } from '../page-table/formats.js';

const REQUESTER = 8;
const KIND = 5;
const under = everyFormat.find(({ format }) => format.name.startsWith('VT-d second') && format.levels.length === 4)!;

/** A front before a table with pages at 0x1000 (to 0x20_0000_5000) and at 0xfee0_0000, and before a window there. */
function bench(options: { readonly links?: boolean; readonly provenance?: boolean; readonly mostSizes?: number } = {}) {
  const place = makeMemory();
  const table: RadixTable = makeTable(under, place, { levels: 4, inputBits: 48 });
  const gather = new IotlbGather();
  table.mapPages(0, 0x1000, 0x20, 0x5000, 12, 1, 3, gather);
  table.mapPages(0, 0xfee0_0000 | 0, 0x20, 0x6000, 12, 1, 3, gather);
  table.mapPages(0, 0x2000, 0, 0xfee0_0000 | 0, 12, 1, 3, gather);
  table.mapPages(0, 0x3000, 0x20, 0x7000, 12, 1, 1, gather);
  const walker = new RadixWalker({ memory: place.memory, format: under.format });
  const { provenance = false } = options;
  const iotlb = new TranslationCache({ entries: 16, provenance });
  const links = options.links === true ? new PagingStructureCache({ entries: 16 }) : null;
  const structures = new StructureCache<string>(4, 4, undefined);
  const translation = new Translation();
  const counters = new UnitCounters();
  const window = { first: 0xfee, last: 0xfee };
  const front = new RequestFront(translation, counters);
  front.connect({ iotlb, structures: [structures], window, highWindow: { first: 7, last: 8 } });
  const root = rootOf(table);
  const { mostSizes } = options;
  const pages = new PageWalk({
    walker,
    root,
    links,
    linkTagA: 1,
    linkTagB: 9,
    permissions: 3,
    attributes: KIND,
    ...(mostSizes !== undefined && { mostSizes }),
  });
  const stream = (more: Partial<RequestStream> = {}): RequestStream =>
    new RequestStream({
      requesterId: REQUESTER,
      pasid: NO_PASID,
      tagA: 1,
      tagB: 2,
      plain: 3,
      rights: 3,
      pages,
      ...more,
    });
  const ask = (iova: number, access: number = Access.READ, requester = REQUESTER, pasid = NO_PASID): boolean =>
    front.translate(requester, pasid, 0, iova | 0, access);
  return { place, table, gather, walker, iotlb, links, structures, translation, counters, front, root, stream, ask };
}

describe('RequestFront', () => {
  it('leaves everything to the unit until it remembers the requester', () => {
    const { ask, counters } = bench();
    expect(ask(0x1000)).toBe(false);
    expect(counters).toEqual(new UnitCounters());
  });

  it('answers a miss from the tables with the counts and the entry of a unit, and then a hit', () => {
    const { front, stream, ask, translation, counters, iotlb } = bench();
    front.remember(stream());
    expect(ask(0x1abc, Access.WRITE)).toBe(true);
    expect(translation).toMatchObject({ paHi: 0x20, paLo: 0x5abc, pageShift: 12, permissions: 3 });
    expect(counters).toMatchObject({ translations: 1, iotlbMisses: 1, iotlbHits: 0, walkReads: 4 });
    expect(iotlb.lookup(0, 0x1000, 1, 2)).toBe(true);
    expect([iotlb.permissions, iotlb.attributes]).toEqual([3, KIND]);
    expect(ask(0x1123)).toBe(true);
    expect(translation.paLo).toBe(0x5123);
    expect(counters).toMatchObject({ translations: 2, iotlbMisses: 1, iotlbHits: 1, walkReads: 4 });
  });

  it('takes hits of every page size and of global entries', () => {
    const { front, stream, ask, translation, iotlb, counters } = bench();
    front.remember(stream());
    iotlb.insert(0, 0x4000_0000, 21, 1, 2, 7, 0x20_0000, 3, KIND, false);
    iotlb.insert(0, 0x5000_0000, 12, 1, 77, 6, 0x9000, 1, KIND, true);
    expect(ask(0x400a_bcde)).toBe(true);
    expect(translation).toMatchObject({ paHi: 7, paLo: 0x2a_bcde, pageShift: 21 });
    expect(ask(0x5000_0fff)).toBe(true);
    expect(translation).toMatchObject({ paHi: 6, paLo: 0x9fff, permissions: 1 });
    expect(counters).toMatchObject({ translations: 2, iotlbHits: 2, iotlbMisses: 0 });
  });

  it('starts at a table that the paging-structure cache knows, and does not fill that cache', () => {
    const { front, stream, ask, links, walker, root, counters } = bench({ links: true });
    front.remember(stream());
    expect(ask(0x1000)).toBe(false);
    walker.isWatched = true;
    walker.walk(root, 0, 0x1000, Access.READ);
    walker.isWatched = false;
    links!.keepPath(walker, 0, 0x1000, 1, 9, 0);
    expect(ask(0x1000)).toBe(true);
    expect(counters).toMatchObject({ translations: 1, iotlbMisses: 1, walkReads: 1 });
  });

  it.each([
    ['another PASID', 0x1000, Access.READ, 3],
    ['an instruction fetch', 0x1000, Access.EXECUTE, NO_PASID],
    ['a privileged request', 0x1000, Access.READ | Access.PRIVILEGED, NO_PASID],
    ['a request for nothing', 0x1000, 0, NO_PASID],
    ['a request to the window', 0xfee0_0000, Access.READ, NO_PASID],
    ['a page in the window', 0x2000, Access.READ, NO_PASID],
    ['a page that may only be read', 0x3000, Access.READ, NO_PASID],
    ['a page that is not there', 0x9000, Access.READ, NO_PASID],
  ])('leaves %s to the unit and changes nothing', (_, iova, access, pasid) => {
    const { front, stream, ask, counters, iotlb } = bench();
    front.remember(stream());
    expect(ask(iova, access, REQUESTER, pasid)).toBe(false);
    expect(counters).toEqual(new UnitCounters());
    expect(iotlb.used).toBe(0);
  });

  it('grants what both the entry and the requester have', () => {
    const { front, stream, ask, translation } = bench();
    front.remember(stream({ rights: Access.READ }));
    expect(ask(0x1000, Access.WRITE)).toBe(false);
    expect(ask(0x1000)).toBe(true);
    expect(translation.permissions).toBe(Access.READ);
    expect(ask(0x1000, Access.WRITE)).toBe(false);
  });

  it('knows several requesters, and forgets all when a structure comes or goes', () => {
    const { front, stream, ask, structures, counters } = bench();
    for (let requester = 0; requester < 20; requester++)
      front.remember(stream({ requesterId: requester, tagA: requester }));
    // Sixteen have room: the first four had to go.
    expect([3, 4, 19, 20].map((requester) => front.knows(requester, NO_PASID))).toEqual([false, true, true, false]);
    expect(front.knows(19, 1)).toBe(false);
    expect(ask(0x1000, Access.READ, 19)).toBe(true);
    expect(ask(0x1000, Access.READ, 10)).toBe(true);
    expect(counters.iotlbMisses).toBe(2);
    structures.insert(REQUESTER, 0, 'entry');
    expect(ask(0x1000, Access.READ, 19)).toBe(false);
    expect(front.knows(19, NO_PASID)).toBe(false);
    front.remember(stream());
    structures.drop(() => false);
    expect(ask(0x1000)).toBe(true);
    structures.drop(() => true);
    expect(ask(0x1000)).toBe(false);
    front.remember(stream());
    structures.clear();
    expect(ask(0x1000)).toBe(false);
  });

  it('leaves misses to a unit that is watched or keeps provenance, and hits not', () => {
    const watched = bench();
    watched.front.remember(watched.stream());
    expect(watched.ask(0x1000)).toBe(true);
    watched.front.isWatched = true;
    expect(watched.ask(0x1000)).toBe(true);
    watched.iotlb.clear();
    expect(watched.ask(0x1000)).toBe(false);
    const noting = bench({ provenance: true });
    noting.front.remember(noting.stream());
    expect(noting.ask(0x1000)).toBe(false);
  });

  it('leaves misses to a unit that looks for contradicting page sizes once there are two', () => {
    const { front, stream, ask, iotlb } = bench({ mostSizes: 1 });
    front.remember(stream());
    expect(ask(0x1000)).toBe(true);
    iotlb.insert(0, 0x4000_0000, 21, 1, 2, 7, 0x20_0000, 3, KIND, false);
    iotlb.insert(0, 0x5000_0000, 30, 1, 2, 7, 0x20_0000, 3, KIND, false);
    iotlb.insert(0, 0x1000, 12, 3, 3, 7, 0x20_0000, 3, KIND, false);
    expect(ask(0x1000)).toBe(true);
    front.remember(stream({ tagA: 4 }));
    expect(ask(0x1000)).toBe(false);
  });

  it('keeps nothing in an IOTLB that is off', () => {
    const { front, stream, ask } = bench();
    front.remember(stream());
    const off = new TranslationCache({ entries: 0 });
    off.add({ tagA: 1, tagB: 2 }, { paHi: 0, paLo: 0x5000 }, 0, 0x1000, 3, 0);
    expect([off.used, off.lookup(0, 0x1000, 1, 2)]).toEqual([0, false]);
    expect(ask(0x1000)).toBe(true);
  });
});
