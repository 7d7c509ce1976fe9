import { Access, U64_MAX } from '@ioasis/core';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { equal } from '../expectations.js';
import { sizeName, smallest, TARGET, targetFor, type BackendTraits } from '../traits.js';

/** Address 0, the ends of the aperture, 2^64 - 1. */
export const boundaries: CaseArea = {
  name: 'boundaries',
  cases: (traits) => [
    shape(traits),
    firstPage(traits),
    ...everyFew(traits.pageShifts.filter((shift) => fitsAtTop(traits, shift))).map((shift) => lastPage(traits, shift)),
    lastRun(traits),
    outside(traits),
    noAlias(traits),
  ],
};

/** All of a few sizes; of many the smallest, the largest and every eighth. */
const everyFew = (shifts: readonly number[]): readonly number[] =>
  shifts.length <= 6 ? shifts : shifts.filter((_, at) => at % 8 === 0 || at === shifts.length - 1);

function fitsAtTop({ aperture }: BackendTraits, shift: number): boolean {
  const bytes = 1n << BigInt(shift);
  return (aperture.last + 1n) % bytes === 0n && aperture.last + 1n - bytes >= aperture.start;
}

function shape(traits: BackendTraits): CaseBody {
  return {
    name: 'the aperture is made of pages, and a page of the machine is made of IO pages',
    run: (bench) => {
      const { aperture, pageSizes } = bench.domain().domain;
      const page = smallest(traits);
      equal(aperture.start <= aperture.last && aperture.last <= U64_MAX, true, 'whether the aperture is a range');
      equal(aperture.start % page, 0n, 'first byte of the aperture modulo the smallest page');
      equal((aperture.last + 1n) % page, 0n, 'end of the aperture modulo the smallest page');
      equal(page <= 4096n, true, 'whether the smallest page is at most 4096 bytes');
      equal(
        pageSizes,
        traits.pageShifts.reduce((sizes, shift) => sizes | (1n << BigInt(shift)), 0n),
        'page sizes of a second domain',
      );
    },
  };
}

function firstPage(traits: BackendTraits): CaseBody {
  return {
    name: 'the first page of the aperture',
    run: (bench) => {
      const { start } = traits.aperture;
      const page = smallest(traits);
      const domain = bench.attached();
      domain.map(start, TARGET, page);
      equal(domain.lookUp(start), TARGET, 'iovaToPhys of the first byte');
      bench.expectReach(bench.device(), start, TARGET);
      bench.expectReach(bench.device(), start + page - 1n, TARGET + page - 1n, Access.WRITE);
      bench.expectReach(bench.device(), start + page, undefined);
      domain.unmap(start, page);
      bench.expectReach(bench.device(), start, undefined);
    },
  };
}

function lastPage(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `the last page of ${sizeName(shift)} of the aperture`,
    run: (bench) => {
      const { last } = traits.aperture;
      const bytes = 1n << BigInt(shift);
      const iova = last - bytes + 1n;
      const pa = targetFor(bytes);
      const domain = bench.attached();
      domain.mapPages(iova, pa, shift);
      equal(domain.lookUp(last), pa + bytes - 1n, 'iovaToPhys of the last byte');
      bench.expectReach(bench.device(), last, pa + bytes - 1n);
      bench.expectReach(bench.device(), iova, pa, Access.WRITE);
      domain.unmap(iova, bytes);
      equal(domain.lookUp(last), undefined, 'iovaToPhys of the last byte after the unmap');
      bench.expectReach(bench.device(), last, undefined);
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function lastRun(traits: BackendTraits): CaseBody {
  return {
    name: 'a run of five pages ends with the last byte of the aperture',
    run: (bench) => {
      const page = smallest(traits);
      const iova = traits.aperture.last + 1n - 5n * page;
      const domain = bench.attached();
      domain.map(iova, TARGET, 5n * page);
      for (let index = 0n; index < 5n; index++) {
        bench.expectReach(bench.device(), iova + index * page, TARGET + index * page);
      }
      bench.expectReach(bench.device(), traits.aperture.last, TARGET + 5n * page - 1n);
      bench.expectReach(bench.device(), iova - 1n, undefined);
      domain.unmap(iova, 5n * page);
      for (let index = 0n; index < 5n; index++) bench.expectReach(bench.device(), iova + index * page, undefined);
    },
  };
}

/** IOVAs that no domain translates. */
function beyond({ aperture }: BackendTraits): bigint[] {
  const candidates = [
    aperture.start - 1n,
    aperture.last + 1n,
    aperture.last + 0x1001n,
    1n << 63n,
    U64_MAX - 0xfffn,
    U64_MAX,
  ];
  return candidates.filter((iova) => iova >= 0n && iova <= U64_MAX && (iova < aperture.start || iova > aperture.last));
}

function outside(traits: BackendTraits): CaseBody {
  return {
    name: 'requests outside of the aperture are refused, up to 2^64 - 1',
    run: (bench) => {
      bench.attached();
      for (const iova of beyond(traits)) {
        for (const access of [Access.READ, Access.WRITE]) bench.expectReach(bench.device(), iova, undefined, access);
      }
    },
  };
}

function noAlias(traits: BackendTraits): CaseBody {
  return {
    name: 'addresses beyond the aperture are no second names of those inside',
    run: (bench) => {
      const { start, last } = traits.aperture;
      const page = smallest(traits);
      const domain = bench.attached();
      domain.map(start, TARGET, page);
      domain.map(last + 1n - page, TARGET + page, page);
      bench.expectReach(bench.device(), start, TARGET);
      bench.expectReach(bench.device(), last, TARGET + 2n * page - 1n);
      for (const iova of beyond(traits)) bench.expectReach(bench.device(), iova, undefined);
      for (let bit = 63n; 1n << bit > last; bit--) bench.expectReach(bench.device(), start | (1n << bit), undefined);
    },
  };
}
