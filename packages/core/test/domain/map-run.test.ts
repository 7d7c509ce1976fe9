import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno, hi32, join64, lo32, RunMapper, type IommuDomain } from '../../src/index.js';

interface Call {
  readonly iova: bigint;
  readonly pa: bigint;
  readonly shift: number;
  readonly count: number;
}

/** A domain that only writes calls down. `failAt`: pages of the call with this number, from 1, of which one less than asked is mapped. */
function recorder(pageSizes: bigint, failAt = 0) {
  const maps: Call[] = [];
  const unmaps: Call[] = [];
  const syncs: string[] = [];
  const domain = {
    pageSizes,
    mappedPages: 0,
    mapPages(hi: number, lo: number, paHi: number, paLo: number, shift: number, count: number): number {
      maps.push({ iova: join64(hi, lo), pa: join64(paHi, paLo), shift, count });
      const fails = maps.length === failAt;
      domain.mappedPages = fails ? count - 1 : count;
      return fails ? Errno.ENOMEM : 0;
    },
    unmapPages(hi: number, lo: number, shift: number, count: number): number {
      unmaps.push({ iova: join64(hi, lo), pa: 0n, shift, count });
      return count * 2 ** shift;
    },
    syncMap: (startHi: number, startLo: number, lastHi: number, lastLo: number) =>
      void syncs.push(`map ${join64(startHi, startLo).toString(16)}-${join64(lastHi, lastLo).toString(16)}`),
    syncUnmap: () => void syncs.push('unmap'),
  };
  const mapper = new RunMapper(domain as unknown as IommuDomain);
  const map = (iova: bigint, pa: bigint, bytes: number): number =>
    mapper.map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), bytes, 3);
  const unmap = (iova: bigint, bytes: number): number => mapper.unmap(hi32(iova), lo32(iova), bytes);
  return { maps, unmaps, syncs, mapper, map, unmap, domain };
}

const X86 = (1n << 12n) | (1n << 21n) | (1n << 30n);

describe('RunMapper', () => {
  it('climbs to a large page where both addresses agree, and down again', () => {
    const { map, maps, syncs } = recorder(X86);
    expect(map(0x1f_f000n, 0x3f_f000n, 0x20_2000)).toBe(0);
    expect(maps).toEqual([
      { iova: 0x1f_f000n, pa: 0x3f_f000n, shift: 12, count: 1 },
      { iova: 0x20_0000n, pa: 0x40_0000n, shift: 21, count: 1 },
      { iova: 0x40_0000n, pa: 0x60_0000n, shift: 12, count: 1 },
    ]);
    expect(syncs).toEqual(['map 1ff000-400fff']);
  });

  it('stays small where the addresses do not agree, in one call', () => {
    const { map, maps } = recorder(X86);
    map(0x20_0000n, 0x20_1000n, 0x40_0000);
    expect(maps).toEqual([{ iova: 0x20_0000n, pa: 0x20_1000n, shift: 12, count: 0x400 }]);
  });

  it('does not stop at a boundary behind which the next page does not fit', () => {
    const { map, maps } = recorder(X86);
    map(0x1f_f000n, 0x3f_f000n, 0x20_0000);
    expect(maps).toEqual([{ iova: 0x1f_f000n, pa: 0x3f_f000n, shift: 12, count: 0x200 }]);
  });

  it('uses 1 GiB pages above 4 GiB, and counts 2 MiB pages up to them', () => {
    const { map, maps } = recorder(X86);
    map(0x1_3fe0_0000n, 0x2_3fe0_0000n, 0x8020_0000);
    expect(maps).toEqual([
      { iova: 0x1_3fe0_0000n, pa: 0x2_3fe0_0000n, shift: 21, count: 1 },
      { iova: 0x1_4000_0000n, pa: 0x2_4000_0000n, shift: 30, count: 2 },
    ]);
  });

  it('unwinds what was mapped, the part of the failed call too, and passes the errno on', () => {
    const { map, maps, unmaps } = recorder(X86, 3);
    expect(map(0x1f_f000n, 0x3f_f000n, 0x20_5000)).toBe(Errno.ENOMEM);
    expect(maps).toHaveLength(3);
    const bytes = unmaps.reduce((sum, { shift, count }) => sum + count * 2 ** shift, 0);
    expect([unmaps[0]!.iova, bytes]).toEqual([0x1f_f000n, 0x20_4000]);
  });

  it('refuses what the smallest page does not divide', () => {
    const { map, unmap, maps, unmaps } = recorder(X86);
    expect([map(0x1800n, 0n, 0x1000), map(0n, 0x800n, 0x1000), map(0n, 0n, 0x1800)]).toEqual([
      Errno.EINVAL,
      Errno.EINVAL,
      Errno.EINVAL,
    ]);
    expect(unmap(0x800n, 0x1000)).toBe(0);
    expect([maps, unmaps]).toEqual([[], []]);
  });

  it('stops an unmap at a hole and counts a large leaf that went as a whole', () => {
    const hole = recorder(X86);
    hole.domain.unmapPages = () => 0;
    expect([hole.unmap(0x1000n, 0x3000), hole.syncs]).toEqual([0, ['unmap']]);
    const large = recorder(X86);
    large.domain.unmapPages = () => 0x20_0000;
    expect(large.unmap(0x20_1000n, 0x1000)).toBe(0x20_0000);
  });

  it('knows its smallest page and refuses a domain without any', () => {
    expect(recorder(1n << 63n).mapper.smallestShift).toBe(63);
    expect(() => recorder(0n)).toThrow('at least one page size');
  });

  it('covers a run without gap, by pages that size and alignment allow and the larger one does not', () => {
    const sizes = fc.constantFrom(X86, 1n << 11n, (1n << 12n) | (1n << 13n), 0x4000n | (1n << 25n), 0xffff_f000n);
    fc.assert(
      fc.property(
        sizes,
        fc.nat(0xffff),
        fc.nat(0xffff),
        fc.integer({ min: 1, max: 0xffff }),
        (pageSizes, io, phys, count) => {
          const { map, maps, mapper } = recorder(pageSizes);
          const unit = 1n << BigInt(mapper.smallestShift);
          const iova = 0xfffe_0000_0000n + BigInt(io) * unit;
          const pa = BigInt(phys) * unit;
          expect(map(iova, pa, count * Number(unit))).toBe(0);
          let at = 0n;
          for (const call of maps) {
            const page = 1n << BigInt(call.shift);
            expect([call.iova, call.pa]).toEqual([iova + at, pa + at]);
            expect([pageSizes & page, call.iova % page, call.pa % page]).toEqual([page, 0n, 0n]);
            const left = BigInt(count) * unit - at;
            for (let larger = page << 1n; larger <= left; larger <<= 1n) {
              if ((pageSizes & larger) === 0n) continue;
              expect(call.iova % larger === 0n && call.pa % larger === 0n).toBe(false);
            }
            at += page * BigInt(call.count);
          }
          expect(at).toBe(BigInt(count) * unit);
        },
      ),
      { numRuns: 200 },
    );
  });
});
