import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hi32, IotlbGather, join64, lo32 } from '../../src/index.js';

interface Piece {
  readonly start: bigint;
  readonly last: bigint;
  readonly shift: number;
}

// Around the borders of 32-bit words and of the address space, where carries happen.
const piece: fc.Arbitrary<Piece> = fc
  .tuple(
    fc.constantFrom(0n, 0xffff_f000n, 0x7fff_ffff_f000n, 0xffff_ffff_ffff_0000n),
    fc.nat(10),
    fc.integer({ min: 1, max: 4 }),
  )
  .map(([near, page, count]) => {
    const start = BigInt.asUintN(64, near + BigInt(page) * 0x1000n);
    return { start, last: BigInt.asUintN(64, start + BigInt(count) * 0x1000n - 1n), shift: 12 };
  })
  .filter(({ start, last }) => start < last);

const add = (gather: IotlbGather, { start, last, shift }: Piece): void =>
  gather.add(hi32(start), lo32(start), hi32(last), lo32(last), shift);
const mustSync = (gather: IotlbGather, { start, last, shift }: Piece): boolean =>
  gather.mustSyncBefore(hi32(start), lo32(start), hi32(last), lo32(last), shift);

describe('IotlbGather', () => {
  it('takes a length as well, across every carry', () => {
    fc.assert(
      fc.property(piece, ({ start, last, shift }) => {
        const byLength = new IotlbGather();
        byLength.addBytes(hi32(start), lo32(start), Number(last - start + 1n), shift);
        expect(join64(byLength.startHi, byLength.startLo)).toBe(start);
        expect(join64(byLength.lastHi, byLength.lastLo)).toBe(last);
      }),
    );
  });

  it('asks for a sync by length as it does by the last byte', () => {
    fc.assert(
      fc.property(piece, piece, (first, second) => {
        const gather = new IotlbGather();
        add(gather, first);
        const bytes = Number(second.last - second.start + 1n);
        const byLength = gather.mustSyncBeforeBytes(hi32(second.start), lo32(second.start), bytes, second.shift);
        expect(byLength).toBe(mustSync(gather, second));
      }),
    );
  });

  it('widens to hold every piece', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
        const gather = new IotlbGather();
        for (const each of pieces) add(gather, each);
        const lowest = pieces.reduce((low, { start }) => (start < low ? start : low), pieces[0]!.start);
        const highest = pieces.reduce((high, { last }) => (last > high ? last : high), 0n);
        expect(join64(gather.startHi, gather.startLo)).toBe(lowest);
        expect(join64(gather.lastHi, gather.lastLo)).toBe(highest);
      }),
    );
  });

  it('asks for a sync unless the next piece overlaps or touches and has the same page size', () => {
    fc.assert(
      fc.property(piece, piece, fc.boolean(), (first, second, otherSize) => {
        const gather = new IotlbGather();
        expect(mustSync(gather, first)).toBe(false);
        add(gather, first);
        const joins = first.start <= second.last + 1n && second.start <= first.last + 1n;
        expect(mustSync(gather, { ...second, shift: otherSize ? 21 : 12 })).toBe(otherSize || !joins);
      }),
      { numRuns: 300 },
    );
  });

  it('is empty again after reset', () => {
    const gather = new IotlbGather();
    add(gather, { start: 0n, last: 0xfffn, shift: 12 });
    gather.freelist.push(7);
    gather.reset();
    expect(gather).toMatchObject({ empty: true, pageShift: 0, freelist: [], queued: false });
  });
});
