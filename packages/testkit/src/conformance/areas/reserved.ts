import { Access, rangesOverlap, U64_MAX, type ReservedRegion, hex } from '@ioasis/core';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { smallest, TARGET, type BackendTraits } from '../traits.js';

/** IOVAs that are not for DMA. */
export const reserved: CaseArea = {
  name: 'reserved regions',
  cases: (traits) => [
    wellFormed(traits),
    ...traits.reserved.filter(({ kind }) => kind === 'msi').map((region) => doorbells(traits, region)),
    ...traits.reserved.filter(({ kind }) => kind === 'sw-msi').map((region) => ordinary(traits, region)),
  ],
};

const at = ({ start, last }: ReservedRegion): string => `${hex(start)}..${hex(last)}`;

function wellFormed({ reserved: regions }: BackendTraits): CaseBody {
  return {
    name: 'the regions are inclusive ranges of whole pages that do not overlap',
    run: () => {
      for (const [index, region] of regions.entries()) {
        ensure(region.start <= region.last && region.last <= U64_MAX, `${at(region)} is an inclusive range`);
        equal(region.start % 4096n, 0n, `first byte of ${at(region)} modulo a page`);
        equal((region.last + 1n) % 4096n, 0n, `end of ${at(region)} modulo a page`);
        for (const other of regions.slice(index + 1))
          ensure(!rangesOverlap(region, other), `${at(region)} and ${at(other)} are apart`);
      }
    },
  };
}

function doorbells(traits: BackendTraits, region: ReservedRegion): CaseBody {
  return {
    name: `a write to the interrupt range ${at(region)} does not go through a domain`,
    run: (bench) => {
      const domain = bench.attached();
      domain.map(region.start, TARGET, smallest(traits));
      const { pa } = bench.request(bench.device(), region.start, Access.WRITE);
      ensure(pa !== TARGET, 'the write does not reach the page that is mapped there');
      bench.expectReach(bench.device(), region.last + 1n, undefined, Access.WRITE);
    },
  };
}

function ordinary(traits: BackendTraits, region: ReservedRegion): CaseBody {
  return {
    name: `the software's interrupt window ${at(region)} is translated like any address`,
    run: (bench) => {
      const domain = bench.attached();
      bench.expectReach(bench.device(), region.start, undefined, Access.WRITE);
      domain.map(region.start, TARGET, smallest(traits));
      bench.expectReach(bench.device(), region.start, TARGET, Access.WRITE);
    },
  };
}
