import type { Bench } from '../bench.js';
import type { BenchDomain } from '../bench-domain.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { Errno, IotlbGather, hex } from '@ioasis/core';
import { ensure, equal } from '../expectations.js';
import { placeFor, sizeName, smallest, someShifts, TARGET, targetFor, type BackendTraits } from '../traits.js';

/** Pages above the smallest: when they are used, what happens when one is cut, and how the two take each other's place. */
export const largePages: CaseArea = {
  name: 'large pages',
  cases: (traits) => {
    const larger = largerShifts(traits);
    if (larger.length === 0) return [withoutLargePages(traits)];
    return [
      ...larger.map((shift) => chosen(traits, shift)),
      ...larger.map((shift) => notChosen(traits, shift)),
      ...larger.map((shift) => cut(traits, shift)),
      ...larger.map((shift) => takesPlace(traits, shift)),
      ...larger.map((shift) => leavesPlace(traits, shift)),
      ...larger.map((shift) => overOne(traits, shift)),
    ];
  },
};

/** Larger pages that fit into RAM. */
const largerShifts = (traits: BackendTraits): number[] =>
  someShifts(traits, 2n).filter((shift) => shift > traits.pageShifts[0]!);

/** The size below. */
const below = ({ pageShifts }: BackendTraits, shift: number): number => pageShifts[pageShifts.indexOf(shift) - 1]!;

function expectSize(bench: Bench, traits: BackendTraits, iova: bigint, bytes: bigint): void {
  if (traits.hasHardware) equal(bench.pageBytes(bench.device(), iova), bytes, `bytes of the page at ${hex(iova)}`);
}

function withoutLargePages(traits: BackendTraits): CaseBody {
  return {
    name: 'a large aligned run is made of the smallest pages',
    gap: 'one page size (IommuDomain.pageSizes)',
    run: (bench) => {
      const iova = placeFor(traits, 1n << 21n);
      bench.attached().map(iova, TARGET, 1n << 21n);
      for (const offset of [0n, 1n << 20n, (1n << 21n) - 1n]) {
        bench.expectReach(bench.device(), iova + offset, TARGET + offset);
        expectSize(bench, traits, iova + offset, smallest(traits));
      }
    },
  };
}

function chosen(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a run with the alignment of ${sizeName(shift)} has such a page between smaller ones`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const small = smallest(traits);
      const middle = placeFor(traits, 2n * bytes, bytes) + bytes;
      const pa = targetFor(bytes) + (bytes < 1n << 30n ? bytes : 0n);
      const domain = bench.attached();
      domain.map(middle - small, pa - small, bytes + 2n * small);
      expectSize(bench, traits, middle - small, small);
      expectSize(bench, traits, middle, bytes);
      expectSize(bench, traits, middle + bytes - 1n, bytes);
      expectSize(bench, traits, middle + bytes, small);
      for (const offset of [-small, -1n, 0n, small, bytes - 1n, bytes, bytes + small - 1n]) {
        bench.expectReach(bench.device(), middle + offset, pa + offset);
      }
      domain.unmap(middle - small, bytes + 2n * small);
      for (const offset of [-small, 0n, small, bytes - 1n, bytes])
        bench.expectReach(bench.device(), middle + offset, undefined);
    },
  };
}

function notChosen(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a physical address that is not aligned to ${sizeName(shift)} gets smaller pages`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const smaller = 1n << BigInt(below(traits, shift));
      const iova = placeFor(traits, 2n * bytes, bytes);
      const pa = targetFor(bytes) + (bytes < 1n << 30n ? smaller : -smaller);
      const length = shift >= 30 ? 4n * smaller : bytes;
      bench.attached().map(iova, pa, length);
      expectSize(bench, traits, iova, smaller);
      for (const offset of [0n, smaller - 1n, smaller, length - 1n])
        bench.expectReach(bench.device(), iova + offset, pa + offset);
      bench.expectReach(bench.device(), iova + length, undefined);
    },
  };
}

function cut(traits: BackendTraits, shift: number): CaseBody {
  const gap = traits.deviation('cut');
  const name = `an unmap inside a page of ${sizeName(shift)} takes what it counts, and leaves the rest and the neighbours`;
  return gap === undefined
    ? { name, run: (bench) => runCut(traits, shift, bench, false) }
    : {
        name: `${name}, once everything is flushed`,
        gap: `a cut page stays in caches: ${gap}`,
        run: (bench) => runCut(traits, shift, bench, true),
      };
}

/** @param isStale a device that used the page still reaches all of it after the invalidation that an unmap asks for */
function runCut(traits: BackendTraits, shift: number, bench: Bench, isStale: boolean): void {
  const bytes = 1n << BigInt(shift);
  const small = smallest(traits);
  const iova = placeFor(traits, 4n * bytes, bytes) + bytes;
  const pa = shift >= 29 ? 0n : targetFor(bytes);
  const domain = bench.attached();
  const count = shift >= 30 ? 1 : 3;
  const first = count === 1 ? iova : iova - bytes;
  domain.mapPages(first, pa, shift, count);
  const start = bytes / 2n;
  const edges = [0n, small, start - 1n, start, start + small - 1n, start + small, bytes - small, bytes - 1n];
  const probes = edges.filter((offset) => offset < bytes);
  const target = pa + (iova - first);
  for (const offset of probes) bench.expectReach(bench.device(), iova + offset, target + offset);
  const gather = new IotlbGather();
  const gone = domain.unmapPages(iova + start, traits.pageShifts[0]!, 1, gather);
  domain.domain.syncUnmap(gather);
  if (isStale) {
    bench.expectReach(bench.device(), iova + start, traits.keepsTranslations ? target + start : undefined);
    domain.domain.flushAll();
  }
  ensure(
    gone === small || gone === bytes,
    `${gone} bytes are the page that was asked for, or the whole of the large one`,
  );
  for (const offset of probes) {
    const isGone = gone === bytes || (offset >= start && offset < start + small);
    bench.expectReach(bench.device(), iova + offset, isGone ? undefined : target + offset);
    equal(domain.lookUp(iova + offset), isGone ? undefined : target + offset, 'iovaToPhys inside of the cut page');
  }
  if (count === 1) return;
  bench.expectReach(bench.device(), iova - 1n, target - 1n);
  bench.expectReach(bench.device(), iova + bytes, target + bytes);
}

/** Small pages at the ends and in the middle of a large one's place, with a device that has used them. */
function fillWithSmall(
  bench: Bench,
  traits: BackendTraits,
  domain: BenchDomain,
  iova: bigint,
  bytes: bigint,
): bigint[] {
  const small = smallest(traits);
  const places = [...new Set([0n, small, bytes / 2n, bytes - small])];
  for (const [index, offset] of places.entries()) {
    domain.map(iova + offset, TARGET + BigInt(index * 4) * small, small);
    bench.expectReach(bench.device(), iova + offset, TARGET + BigInt(index * 4) * small);
  }
  return places;
}

function takesPlace(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a page of ${sizeName(shift)} takes the place of small ones that were unmapped`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const iova = placeFor(traits, bytes);
      const pa = targetFor(bytes);
      const domain = bench.attached();
      const places = fillWithSmall(bench, traits, domain, iova, bytes);
      for (const offset of places) domain.unmap(iova + offset, smallest(traits));
      domain.mapPages(iova, pa, shift);
      expectSize(bench, traits, iova, bytes);
      for (const offset of [...places, bytes / 4n, bytes - 1n])
        bench.expectReach(bench.device(), iova + offset, pa + offset);
    },
  };
}

function leavesPlace(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `small pages take the place of one of ${sizeName(shift)} that was unmapped`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const iova = placeFor(traits, bytes);
      const domain = bench.attached();
      domain.mapPages(iova, targetFor(bytes), shift);
      for (const offset of [0n, bytes / 2n, bytes - 1n]) {
        bench.expectReach(bench.device(), iova + offset, targetFor(bytes) + offset);
      }
      domain.unmap(iova, bytes);
      const places = fillWithSmall(bench, traits, domain, iova, bytes);
      if (!places.includes(bytes / 4n)) bench.expectReach(bench.device(), iova + 2n * smallest(traits), undefined);
    },
  };
}

function overOne(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a page of ${sizeName(shift)} over a small one is refused with EEXIST, or replaces it at once`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const small = smallest(traits);
      const iova = placeFor(traits, bytes);
      const pa = targetFor(bytes);
      const old = TARGET + (bytes > 1n << 28n ? 0n : bytes);
      const domain = bench.attached();
      domain.map(iova + bytes - small, old, small);
      bench.expectReach(bench.device(), iova + bytes - small, old);
      const errno = domain.tryMapPages(iova, pa, shift, 1);
      ensure(errno === 0 || errno === Errno.EEXIST, `errno ${errno} of mapping over a page is 0 or EEXIST`);
      const [first, last] = errno === 0 ? [pa, pa + bytes - small] : [undefined, old];
      for (const [offset, target] of [
        [0n, first],
        [bytes - small, last],
      ] as const) {
        bench.expectReach(bench.device(), iova + offset, target);
        equal(domain.lookUp(iova + offset), target, 'iovaToPhys after mapping over a page');
      }
    },
  };
}
