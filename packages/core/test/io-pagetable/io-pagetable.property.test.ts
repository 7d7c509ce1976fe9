import { isLeft } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prot, type IoPageTable, type Range64 } from '../../src/index.js';
import { FakeDomain, IO_PAGE } from './fake-domain.js';
import { BUFFER, codeOf, testTables, type TestTables } from './fixture.js';
import { OracleTable, type OracleArea, type OracleArray } from './oracle.js';

const PAGES = 24;
const AREA_BYTES = 192;
const ARRAY_BYTES = 192;
const RANGE_BYTES = 64;
/** A narrow aperture, in pages. */
const APERTURE = { start: 2n, end: 40n };

interface Both {
  readonly table: IoPageTable;
  readonly oracle: OracleTable;
}

type Step =
  | {
      readonly do: 'map';
      readonly at: number;
      readonly offset: bigint;
      readonly length: bigint;
      readonly iova: bigint | undefined;
      readonly prot: number;
    }
  | {
      readonly do: 'copy';
      readonly at: number;
      readonly from: number;
      readonly iova: bigint;
      readonly length: bigint;
      readonly to: bigint | undefined;
      readonly prot: number;
    }
  | { readonly do: 'unmap'; readonly at: number; readonly iova: bigint; readonly length: bigint }
  | { readonly do: 'cut'; readonly at: number; readonly iova: bigint }
  | { readonly do: 'add'; readonly at: number; readonly narrow: boolean }
  | { readonly do: 'remove'; readonly at: number; readonly which: number }
  | { readonly do: 'reserve'; readonly at: number; readonly iova: bigint; readonly length: bigint }
  | { readonly do: 'unreserve'; readonly at: number }
  | { readonly do: 'allow'; readonly at: number; readonly ranges: readonly (readonly [bigint, bigint])[] }
  | { readonly do: 'large'; readonly at: number; readonly on: boolean };

function steps(page: bigint): fc.Arbitrary<Step[]> {
  const at = fc.nat(1);
  /** Mostly page-aligned, sometimes to an IO page, rarely to a byte. */
  const aligned = (pages: number): fc.Arbitrary<bigint> =>
    fc.oneof(
      { weight: 8, arbitrary: fc.nat(pages - 1).map((number) => BigInt(number) * page) },
      { weight: 3, arbitrary: fc.nat(pages * Number(page / IO_PAGE) - 1).map((half) => BigInt(half) * IO_PAGE) },
      { weight: 1, arbitrary: fc.nat(pages * Number(page) - 1).map((byte) => BigInt(byte)) },
    );
  const length = aligned(7).map((bytes) => (bytes === 0n ? page : bytes));
  const iova = aligned(48);
  const prot = fc.constantFrom(Prot.READ, Prot.READ | Prot.WRITE, Prot.READ | Prot.WRITE);
  const maybe = <A>(arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> =>
    fc.option(arbitrary, { nil: undefined, freq: 2 });

  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('map' as const),
        at,
        offset: aligned(PAGES - 8),
        length,
        iova: maybe(iova),
        prot,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('copy' as const), at, from: at, iova, length, to: maybe(iova), prot }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('unmap' as const), at, iova, length: length.map((bytes) => bytes * 3n) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('cut' as const), at, iova: iova.map((start) => start + page - 1n) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('add' as const), at, narrow: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), at, which: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reserve' as const), at, iova, length }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('unreserve' as const), at }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('allow' as const),
        at,
        ranges: fc.array(fc.tuple(iova, length), { maxLength: 2 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('large' as const), at, on: fc.boolean() }) },
  );
  return fc.array(step, { minLength: 10, maxLength: 40 });
}

const device = {};

describe('IoPageTable against a plain list', () => {
  it.each([
    ['frames in order', 4096 as const, Array.from({ length: PAGES }, (_, page) => page), 0x1_0000],
    [
      'frames in scattered order',
      4096 as const,
      Array.from({ length: PAGES }, (_, page) => (page * 7) % PAGES),
      0x1_0000,
    ],
    [
      'scattered frames and batches of one run',
      4096 as const,
      Array.from({ length: PAGES }, (_, page) => (page * 7 + (page >> 1)) % PAGES),
      12,
    ],
    ['batches of two runs and pages', 4096 as const, [0, 1, 2, 9, 8, 7, 3, 4, 5, 20, 21, 22], 24],
    ['pages of 16 KiB', 16384 as const, [0, 1, 2, 9, 8, 7, 3, 4], 36],
  ])('holds what was mapped and nothing else: %s', (_name, pageSize, touch, tempMemoryLimit) => {
    fc.assert(
      fc.property(steps(BigInt(pageSize)), (list) => {
        const world = testTables({ pages: PAGES, pageSize, touch });
        const both = [0, 1].map(() => ({
          table: world.table({ tempMemory: { limit: tempMemoryLimit } }),
          oracle: new OracleTable(BigInt(pageSize)),
        }));
        for (const each of list) {
          act(world, both, each);
          check(world, both);
        }
        for (const { table, oracle } of both) {
          for (const { domain } of oracle.domains) table.removeDomain(domain as FakeDomain);
          oracle.domains = [];
          table.removeReserved(device);
          table.destroy();
          oracle.areas = [];
          expect(table.checkInvariants()).toEqual([]);
        }
        expect(world.budget.used).toBe(0);
        expect(world.space.pages.pinCount).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

function act(world: TestTables, both: readonly Both[], step: Step): void {
  const { table, oracle } = both[step.at]!;
  switch (step.do) {
    case 'map': {
      const write = (step.prot & Prot.WRITE) !== 0;
      const array: OracleArray = { offset: step.offset, writable: write };
      const slice = { start: 0n, last: 0n, array, offset: step.offset, length: step.length, writable: write };
      const expected = oracle.place([slice], step.iova, write, BUFFER + step.offset);
      agree(world.map(table, step), expected);
      if (typeof expected === 'bigint') oracle.insert(expected, [slice]);
      return;
    }
    case 'copy': {
      const source = both[step.from]!;
      const pieces = source.oracle.slices(step.iova, step.iova + step.length - 1n);
      const slices = source.table.slices(step.iova, step.length);
      if (isLeft(slices) || pieces === undefined) {
        expect([codeOf(slices), pieces]).toEqual(['COPY_SOURCE_HOLE', undefined]);
        return;
      }
      const write = (step.prot & Prot.WRITE) !== 0;
      const wanted = pieces.map((piece) => ({ ...piece, writable: piece.array.writable }));
      const expected = oracle.place(wanted, step.to, write, BUFFER + pieces[0]!.offset);
      agree(table.mapSlices(slices.right, step.length, step.to, step.prot), expected);
      if (typeof expected === 'bigint') oracle.insert(expected, wanted);
      return;
    }
    case 'unmap': {
      const expected = oracle.unmap(step.iova, step.iova + step.length - 1n);
      const done = table.unmap(step.iova, step.length);
      expect(codeOf(done)).toBe(expected.cut ? 'UNMAP_CUTS_AREA' : 'ok');
      expect(table.unmappedBytes).toBe(expected.bytes);
      return;
    }
    case 'cut': {
      const area = oracle.inRange(step.iova, step.iova)[0];
      const refused = area === undefined ? 'ok' : cutRefusal(oracle, area, step.iova);
      expect(codeOf(table.cut([step.iova]))).toBe(refused);
      if (area === undefined || refused !== 'ok' || step.iova === area.last || step.iova === area.start) return;
      const second = step.iova + 1n;
      oracle.areas.splice(
        oracle.areas.indexOf(area),
        1,
        { ...area, last: step.iova },
        {
          ...area,
          start: second,
          offset: area.offset + (second - area.start),
        },
      );
      return;
    }
    case 'add': {
      if (oracle.domains.length === 3) return;
      const aperture = step.narrow
        ? { start: APERTURE.start * oracle.page, last: APERTURE.end * oracle.page - 1n }
        : { start: 0n, last: 0xffff_ffff_ffff_ffffn };
      const domain = new FakeDomain({ aperture });
      const expected = addRefusal(oracle, aperture);
      expect(codeOf(table.addDomain(domain))).toBe(expected);
      if (expected !== 'ok') {
        expect(domain.pages.size).toBe(0);
        return;
      }
      oracle.domains.push({ domain, aperture, page: IO_PAGE });
      for (const range of outside(aperture)) oracle.reserved.push({ ...range, owner: domain });
      return;
    }
    case 'remove': {
      const gone = oracle.domains[step.which];
      if (gone === undefined) return;
      table.removeDomain(gone.domain as FakeDomain);
      oracle.domains.splice(step.which, 1);
      oracle.reserved = oracle.reserved.filter(({ owner }) => owner !== gone.domain);
      expect((gone.domain as FakeDomain).pages.size).toBe(0);
      expect((gone.domain as FakeDomain).violations).toEqual([]);
      return;
    }
    case 'reserve': {
      const range = { start: step.iova, last: step.iova + step.length - 1n };
      const expected = reserveRefusal(oracle, range);
      expect(codeOf(table.reserve(range.start, range.last, device))).toBe(expected);
      if (expected === 'ok') oracle.reserved.push({ ...range, owner: device });
      return;
    }
    case 'unreserve':
      table.removeReserved(device);
      oracle.reserved = oracle.reserved.filter(({ owner }) => owner !== device);
      return;
    case 'allow': {
      const ranges = step.ranges.map(([start, bytes]) => ({ start, last: start + bytes * 4n }));
      const hit = ranges.some((range) =>
        oracle.reserved.some((other) => other.start <= range.last && range.start <= other.last),
      );
      expect(codeOf(table.setAllowed(ranges))).toBe(hit ? 'ALLOWED_OVER_RESERVED' : 'ok');
      if (!hit) oracle.allowed = ranges;
      return;
    }
    case 'large': {
      const expected = step.on || oracle.small ? 'ok' : smallRefusal(oracle);
      expect(codeOf(step.on ? table.enableLargePages() : table.disableLargePages())).toBe(expected);
      if (expected === 'ok') oracle.small = !step.on;
    }
  }
}

function agree(result: ReturnType<IoPageTable['map']>, expected: string | bigint): void {
  expect(isLeft(result) ? result.left.code : result.right).toBe(expected);
}

function cutRefusal(oracle: OracleTable, area: OracleArea, last: bigint): string {
  if (last === area.start || last === area.last) return 'ok';
  const second = last + 1n;
  const inArray = area.offset - (area.array.offset - (area.array.offset % oracle.page)) + (second - area.start);
  if (second % oracle.alignment !== 0n || inArray % oracle.alignment !== 0n) return 'CUT_UNALIGNED';
  return oracle.domains.length > 0 && !oracle.small ? 'CUT_LARGE_PAGES' : 'ok';
}

const unfit = (oracle: OracleTable, alignment: bigint): boolean =>
  oracle.areas.some(
    ({ start, last, offset }) =>
      start % alignment !== 0n || (last + 1n) % alignment !== 0n || (offset % oracle.page) % alignment !== 0n,
  );

const outside = ({ start, last }: Range64): Range64[] =>
  start === 0n
    ? []
    : [
        { start: 0n, last: start - 1n },
        { start: last + 1n, last: 0xffff_ffff_ffff_ffffn },
      ];

function reserveRefusal(oracle: OracleTable, { start, last }: Range64): string {
  if (oracle.inRange(start, last).length > 0) return 'RESERVE_OVER_AREA';
  return oracle.allowed.some((range) => range.start <= last && start <= range.last) ? 'RESERVE_OVER_ALLOWED' : 'ok';
}

function addRefusal(oracle: OracleTable, aperture: Range64): string {
  if (oracle.alignment < IO_PAGE && unfit(oracle, IO_PAGE)) return 'ALIGNMENT_IN_USE';
  for (const range of outside(aperture)) {
    const refused = reserveRefusal(oracle, range);
    if (refused !== 'ok') return refused;
  }
  return 'ok';
}

function smallRefusal(oracle: OracleTable): string {
  if (oracle.domains.length > 0 && oracle.areas.length > 0) return 'LARGE_PAGES_IN_USE';
  return oracle.alignment < oracle.page && unfit(oracle, oracle.page) ? 'ALIGNMENT_IN_USE' : 'ok';
}

/** Compares domains byte for byte, pins, charges and the budget with what the lists say. */
function check(world: TestTables, both: readonly Both[]): void {
  const pinned = new Map<OracleArray, Set<bigint>>();
  const arrays = new Set<OracleArray>();
  let areas = 0;
  let ranges = 0;
  for (const { table, oracle } of both) {
    expect(table.checkInvariants()).toEqual([]);
    expect(table.areaCount).toBe(oracle.areas.length);
    expect(table.iovaAlignment).toBe(oracle.alignment);
    areas += oracle.areas.length;
    ranges += oracle.reserved.length + oracle.allowed.length;
    const expected = new Map<bigint, bigint>();
    for (const area of oracle.areas) {
      arrays.add(area.array);
      if (oracle.domains.length === 0) continue;
      const pages = pinned.get(area.array) ?? new Set();
      pinned.set(area.array, pages);
      for (let byte = 0n; area.start + byte <= area.last; byte += IO_PAGE) {
        expected.set(area.start + byte, world.physical(area.offset + byte));
        pages.add((area.offset + byte) / oracle.page);
      }
    }
    for (const { domain } of oracle.domains) {
      const fake = domain as FakeDomain;
      expect(fake.violations).toEqual([]);
      expect(fake.pages.size).toBe(expected.size);
      for (const [io, pa] of expected)
        if (fake.pages.get(io)?.pa !== pa) expect([io, fake.pages.get(io)?.pa]).toEqual([io, pa]);
    }
  }
  const pins = [...pinned.values()].reduce((sum, pages) => sum + pages.size, 0);
  expect(world.space.pages.pinCount).toBe(pins);
  expect([world.space.user.lockedPages, world.space.pinnedPages]).toEqual([pins, pins]);
  expect(world.budget.used).toBe(areas * AREA_BYTES + arrays.size * ARRAY_BYTES + ranges * RANGE_BYTES);
}
