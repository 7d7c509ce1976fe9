import { isLeft } from 'fp-ts/lib/Either.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prot, U64_MAX, type IoPageTable, type TableAccess } from '../../src/index.js';
import { FakeDomain } from './fake-domain.js';
import { BUFFER, codeOf, READ_ONLY, testTables, value } from './fixture.js';

const PAGE = 4096n;

/** An access that holds what it pinned and gives it back when asked, unless it is stubborn. */
class Holder implements TableAccess {
  readonly pinsPages = true;
  held: { iova: bigint; length: bigint }[] = [];
  calls: (readonly [bigint, bigint])[] = [];
  stubborn = false;

  constructor(readonly table: IoPageTable) {
    value(table.addAccess(this));
  }

  pin(iova: bigint, length: bigint, write = false): string {
    const pinned = this.table.pinAccess(this, iova, length, write);
    if (!isLeft(pinned)) this.held.push({ iova, length });
    return codeOf(pinned);
  }

  unmap(iova: bigint, length: bigint): void {
    this.calls.push([iova, length]);
    if (this.stubborn) return;
    const last = iova + length - 1n;
    const gone = this.held.filter((each) => each.iova <= last && iova <= each.iova + each.length - 1n);
    this.held = this.held.filter((each) => !gone.includes(each));
    for (const each of gone) this.table.unpinAccess(each.iova, each.length);
  }
}

describe('pinAccess', () => {
  it('answers the frame of every page, pinned and charged once beside a domain', () => {
    const { table: make, map, physical, space } = testTables({ touch: [1, 0] });
    const table = make();
    const access = new Holder(table);
    value(map(table, { length: 3n * PAGE, iova: 0x4000n }));
    const frames = value(table.pinAccess(access, 0x5000n, PAGE + 1n, true));
    expect([...frames].map(BigInt)).toEqual([physical(PAGE) / PAGE, physical(2n * PAGE) / PAGE]);
    expect([space.pages.pinCount, space.user.lockedPages]).toEqual([2, 2]);
    value(table.addDomain(new FakeDomain()));
    expect([space.pages.pinCount, space.user.lockedPages]).toEqual([3, 3]);
    table.removeDomain(table.domains[0]!);
    expect([space.pages.pinCount, table.checkInvariants()]).toEqual([2, []]);
    table.unpinAccess(0x5000n, PAGE + 1n);
    expect([space.pages.pinCount, space.user.lockedPages]).toEqual([0, 0]);
  });

  it('counts the same range twice and other ranges apart', () => {
    const { table: make, map, space } = testTables();
    const table = make();
    const access = new Holder(table);
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    for (const [iova, length] of [
      [0x4000n, 2n * PAGE],
      [0x4000n, 2n * PAGE],
      [0x5000n, 2n * PAGE],
    ] as const) {
      expect(access.pin(iova, length)).toBe('ok');
    }
    expect(space.pages.pinCount).toBe(3);
    table.unpinAccess(0x4000n, 2n * PAGE);
    expect(space.pages.pinCount).toBe(3);
    table.unpinAccess(0x4000n, 2n * PAGE);
    expect(space.pages.pinCount).toBe(2);
    expect(() => table.unpinAccess(0x5000n, PAGE)).toThrow('not held');
    table.unpinAccess(0x5000n, 2n * PAGE);
    expect(space.pages.pinCount).toBe(0);
  });

  it.each([
    ['no bytes', 0x4000n, 0n, false, 'ACCESS_LENGTH_ZERO'],
    ['a wrap', 0x4000n, U64_MAX, false, 'ACCESS_RANGE_OVERFLOW'],
    ['a hole at the start', 0x2000n, PAGE, false, 'ACCESS_HOLE'],
    ['a hole at the end', 0x6000n, 2n * PAGE, false, 'ACCESS_HOLE'],
    ['a start inside a page', 0x4001n, 1n, false, 'ACCESS_UNALIGNED'],
    ['writing what may be read only', 0x6000n, PAGE, true, 'ACCESS_PROTECTION'],
    ['writing on into what may be read only', 0x5000n, 2n * PAGE, true, 'ACCESS_PROTECTION'],
    ['reading what may be written only', 0x9000n, PAGE, false, 'ACCESS_PROTECTION'],
    ['memory that is not there', 0xb000n, PAGE, false, 'PIN_FAULT'],
  ])('refuses %s and keeps no pin', (_name, iova, length, write, code) => {
    const { table: make, map, space } = testTables();
    const table = make();
    const access = new Holder(table);
    value(map(table, { length: 2n * PAGE, iova: 0x4000n }));
    value(map(table, { length: PAGE, iova: 0x6000n, prot: READ_ONLY }));
    value(map(table, { length: PAGE, iova: 0x9000n, prot: Prot.WRITE }));
    value(map(table, { offset: 0x1000_0000n, length: PAGE, iova: 0xb000n }));
    expect(access.pin(iova, length, write)).toBe(code);
    expect([space.pages.pinCount, space.user.lockedPages, table.checkInvariants()]).toEqual([0, 0, []]);
    value(table.unmapAll());
    expect(access.calls).toEqual([]);
  });

  it('passes from area to area only at page ends', () => {
    const { table: make, map } = testTables();
    const table = make();
    // Areas with such edges exist when they were mapped before the access came, and fit PAGE_SIZE of IOVA by chance only.
    const access: TableAccess = { pinsPages: true, unmap: () => {} };
    value(map(table, { length: PAGE, iova: 0x4000n }));
    value(map(table, { offset: 0x8000n, length: PAGE, iova: 0x5000n }));
    expect(codeOf(table.pinAccess(access, 0x4000n, 2n * PAGE, false))).toBe('ok');
    const odd = make();
    value(map(odd, { length: 0x800n, iova: 0x4000n }));
    value(map(odd, { offset: 0x8000n, length: PAGE, iova: 0x4800n }));
    expect(codeOf(odd.pinAccess(access, 0x4000n, PAGE, false))).toBe('ACCESS_UNALIGNED');
    expect(codeOf(odd.pinAccess(access, 0x4000n, 1n, false))).toBe('ok');
  });

  it('is for accesses that were made for it', () => {
    const table = testTables().table();
    const access = { pinsPages: false, unmap: (): void => {} };
    expect(codeOf(table.pinAccess(access, 0n, 0n, false))).toBe('ACCESS_CANNOT_PIN');
  });
});

describe('unmap under an access', () => {
  it('asks every access for the whole area and goes on when the pins are gone', () => {
    const { table: make, map, space } = testTables();
    const table = make();
    const [idle, busy] = [new Holder(table), new Holder(table)];
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    busy.pin(0x5000n, PAGE);
    expect(value(table.unmap(0x4000n, 4n * PAGE))).toBe(4n * PAGE);
    expect([idle.calls, busy.calls]).toEqual([[[0x4000n, 4n * PAGE]], [[0x4000n, 4n * PAGE]]]);
    expect(space.pages.pinCount).toBe(0);
  });

  it('gives up after a hundred tries; the area then refuses new pins, reads and cuts', () => {
    const { table: make, map } = testTables();
    const table = make();
    const access = new Holder(table);
    value(map(table, { length: PAGE, iova: 0x2000n }));
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    access.pin(0x5000n, PAGE);
    access.stubborn = true;
    expect(table.unmapAll()).toMatchObject({ left: { code: 'ACCESS_KEEPS_PAGES', errno: 'EDEADLK' } });
    expect([access.calls.length, table.unmappedBytes, table.areaCount]).toEqual([101, PAGE, 1]);
    expect(table.checkInvariants()).toHaveLength(1);
    expect(access.pin(0x4000n, PAGE)).toBe('ACCESS_UNMAP_WAITS');
    expect(codeOf(table.readWrite(0x4000n, new Uint8Array(1), false, null))).toBe('ACCESS_UNMAP_WAITS');
    expect(codeOf(table.cut([0x4fffn]))).toBe('CUT_AREA_BUSY');
    access.stubborn = false;
    value(table.unmapAll());
    expect(table.areaCount).toBe(0);
  });

  it('does not cut an area that is pinned', () => {
    const { table: make, map } = testTables();
    const table = make();
    const access = new Holder(table);
    value(map(table, { length: 4n * PAGE, iova: 0x4000n }));
    access.pin(0x7000n, PAGE);
    expect(codeOf(table.cut([0x4fffn]))).toBe('CUT_ACCESS_HELD');
  });
});

describe('readWrite', () => {
  it.each([
    ['as the program', (space: object) => space as never],
    ['through frames', () => null],
  ])('moves bytes over areas and odd edges: %s', (_name, current) => {
    for (const attached of [false, true]) {
      const { table: make, map, space } = testTables({ touch: [5, 4, 1, 0] });
      const table = make();
      if (attached) value(table.addDomain(new FakeDomain()));
      value(map(table, { length: 2n * PAGE, iova: 0x4000n }));
      value(map(table, { offset: 4n * PAGE + 0x800n, length: PAGE, iova: 0x6000n }));
      const data = Uint8Array.from({ length: 0x1900 }, (_byte, at) => (at * 7) & 255);
      value(table.readWrite(0x4ff1n, data, true, current(space)));
      // Two pages of the first map end at 0x5fff; the rest goes to the second.
      expect(space.peek(BUFFER + 0xff1n, 0x100f)).toEqual(data.slice(0, 0x100f));
      expect(space.peek(BUFFER + 4n * PAGE + 0x800n, 0x8f1)).toEqual(data.slice(0x100f));
      const back = new Uint8Array(data.length);
      value(table.readWrite(0x4ff1n, back, false, current(space)));
      expect(back).toEqual(data);
      expect(space.pages.pinCount).toBe(attached ? 4 : 0);
    }
  });

  it.each([
    ['no bytes', 0x4000n, 0, false, 'ACCESS_LENGTH_ZERO'],
    ['a wrap', U64_MAX, 2, false, 'ACCESS_RANGE_OVERFLOW'],
    ['a hole', 0x5ff0n, 0x20, false, 'ACCESS_HOLE'],
    ['writing read-only areas', 0x8000n, 1, true, 'ACCESS_PROTECTION'],
  ])('refuses %s', (_name, iova, bytes, write, code) => {
    const { table: make, map, space } = testTables();
    const table = make();
    value(map(table, { length: 2n * PAGE, iova: 0x4000n }));
    value(map(table, { length: PAGE, iova: 0x8000n, prot: READ_ONLY }));
    for (const current of [null, space]) {
      expect(codeOf(table.readWrite(iova, new Uint8Array(bytes), write, current))).toBe(code);
    }
  });

  it('faults where the program would, and where a page cannot be pinned', () => {
    const { table: make, map, space } = testTables();
    const table = make();
    value(map(table, { offset: 63n * PAGE, length: 2n * PAGE, iova: 0x4000n }));
    expect(codeOf(table.readWrite(0x4fffn, new Uint8Array(2), false, space))).toBe('ACCESS_COPY_FAULT');
    expect(codeOf(table.readWrite(0x4fffn, new Uint8Array(2), false, null))).toBe('PIN_FAULT');
    expect(codeOf(table.readWrite(0x5000n, new Uint8Array(2), false, null))).toBe('PIN_FAULT');
    expect(space.pages.pinCount).toBe(0);
  });

  it('reads what a domain holds of a program that is gone', () => {
    const { table: make, map, process, space } = testTables();
    const table = make();
    value(table.addDomain(new FakeDomain()));
    space.poke(BUFFER, Uint8Array.of(1, 2, 3));
    value(map(table, { length: 2n * PAGE, iova: 0x4000n }));
    process.exit();
    const bytes = new Uint8Array(3);
    value(table.readWrite(0x4000n, bytes, false, null));
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
    value(table.unmapAll());
    expect(codeOf(map(table, { length: PAGE, iova: 0x4000n }))).toBe('PIN_FAULT');
  });
});

describe('pages under domains and accesses', () => {
  it('are pinned exactly where one of them needs them, in any order of coming and going', () => {
    const move = fc.oneof(
      fc.record({ do: fc.constant('pin' as const), first: fc.nat(7), span: fc.nat(4) }),
      fc.record({ do: fc.constant('unpin' as const), first: fc.nat(7), span: fc.nat(4) }),
      fc.record({ do: fc.constant('domain' as const), first: fc.nat(1), span: fc.constant(0) }),
      fc.record({ do: fc.constant('copy' as const), first: fc.nat(7), span: fc.nat(3) }),
      fc.record({ do: fc.constant('drop' as const), first: fc.constant(0), span: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(move, { minLength: 5, maxLength: 60 }), (moves) => {
        const { table: make, map, space, budget, physical } = testTables({ touch: [3, 1, 4, 0, 5, 9, 2, 6] });
        const tables = [make({ tempMemory: { limit: 24 } }), make({ tempMemory: { limit: 24 } })] as const;
        const domains = [new FakeDomain(), new FakeDomain()];
        const access = new Holder(tables[0]);
        value(map(tables[0], { length: 12n * PAGE, iova: 0x10_0000n }));
        let copied: [number, number] | null = null;
        for (const step of moves) {
          const iova = 0x10_0000n + BigInt(step.first) * PAGE;
          const length = BigInt(step.span + 1) * PAGE;
          if (step.do === 'pin') {
            const frames = value(tables[0].pinAccess(access, iova, length, false));
            expect([...frames].map(BigInt)).toEqual(
              Array.from(frames, (_frame, at) => physical(BigInt(step.first + at) * PAGE) / PAGE),
            );
            access.held.push({ iova, length });
          } else if (step.do === 'unpin') {
            const at = access.held.findIndex((each) => each.iova === iova && each.length === length);
            if (at >= 0) {
              access.held.splice(at, 1);
              tables[0].unpinAccess(iova, length);
            }
          } else if (step.do === 'domain') {
            const table = tables[step.first]!;
            const domain = domains[step.first]!;
            if (table.domains.length === 0) value(table.addDomain(domain));
            else table.removeDomain(domain);
          } else if (step.do === 'copy' && copied === null) {
            value(tables[1].mapSlices(value(tables[0].slices(iova, length)), length, 0x4000n, 1));
            copied = [step.first, step.first + step.span];
          } else if (step.do === 'drop') {
            value(tables[1].unmapAll());
            copied = null;
          }
          const needed = new Set<number>();
          const need = (first: number, last: number): void => {
            for (let page = first; page <= last; page++) needed.add(page);
          };
          if (tables[0].domains.length > 0) need(0, 11);
          if (tables[1].domains.length > 0 && copied !== null) need(...copied);
          for (const each of access.held) {
            const first = Number((each.iova - 0x10_0000n) / PAGE);
            need(first, first + Number(each.length / PAGE) - 1);
          }
          expect([space.pages.pinCount, space.user.lockedPages]).toEqual([needed.size, needed.size]);
          expect(tables.flatMap((table) => table.checkInvariants())).toEqual([]);
        }
        for (const table of tables) value(table.unmapAll());
        expect([space.pages.pinCount, budget.used, access.held.length]).toEqual([0, 0, 0]);
        expect(domains.flatMap(({ violations }) => violations)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
