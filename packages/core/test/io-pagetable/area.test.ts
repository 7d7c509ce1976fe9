import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Area, sliceOf } from '../../src/io-pagetable/area.js';
import type { AreaTable } from '../../src/io-pagetable/filled-range.js';
import { byteOf, joinKey, pageOf } from '../../src/io-pagetable/iova-key.js';
import type { Pages } from '../../src/io-pagetable/pages.js';

/** An area at `iova` that shows `[startByte, startByte + length)` of its page array. */
function area(pageSize: number, iova: bigint, startByte: bigint, length: bigint): Area {
  const table = { pageSize } as AreaTable;
  const { firstIndex, pageOffset, spanPage, spanByte } = sliceOf(null as unknown as Pages, startByte, length, pageSize);
  return new Area(table, pageOf(iova), byteOf(iova), spanPage, spanByte, firstIndex, pageOffset, 0);
}

describe('Area', () => {
  it('knows the pages that it shows and their IOVAs, for every page size', () => {
    const numbers = fc.record({
      pageSize: fc.constantFrom(4096, 16384, 65536),
      iova: fc.bigInt(0n, (1n << 63n) - 1n),
      startByte: fc.bigInt(0n, 1n << 40n),
      length: fc.bigInt(1n, 1n << 22n),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(numbers, ({ pageSize, iova, startByte, length, at }) => {
        const made = area(pageSize, iova, startByte, length);
        const size = BigInt(pageSize);
        const lastByte = startByte + length - 1n;
        expect([made.iova, made.last, made.length]).toEqual([iova, iova + length - 1n, length]);
        expect([made.firstIndex, made.lastIndex]).toEqual([Number(startByte / size), Number(lastByte / size)]);
        expect([made.pageOffset, made.tailBytes]).toEqual([
          Number(startByte % size),
          Number(size - 1n - (lastByte % size)),
        ]);
        const inside = BigInt(at) % length;
        expect(made.startByteOf(iova + inside)).toBe(startByte + inside);
        const index = made.indexOf(iova + inside);
        expect(index).toBe(Number((startByte + inside) / size));
        const start = BigInt(index) * size > startByte ? BigInt(index) * size - startByte : 0n;
        expect(joinKey(made.keyPageOf(index), made.keyByteOf(index))).toBe(iova + start);
        const end = (BigInt(index) + 1n) * size - startByte;
        expect(BigInt(made.bytesOf(index, index))).toBe((end < length ? end : length) - start);
      }),
      { numRuns: 500 },
    );
  });

  it('may be nearly as long as the IOVA space', () => {
    const made = area(4096, 0n, 0n, (1n << 64n) - 4097n);
    expect([made.last, made.lastIndex]).toEqual([(1n << 64n) - 4098n, 2 ** 52 - 2]);
  });
});
