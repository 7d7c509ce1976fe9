import { Access } from '@ioasis/core';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { placeFor, sizeName, smallest, someShifts, TARGET, targetFor, type BackendTraits } from '../traits.js';

/** Caches are filled by requests, then something changes; from there on no request may see the old state. */
export const invalidation: CaseArea = {
  name: 'invalidation',
  cases: (traits) => [
    ...(traits.keepsTranslations ? [] : [withoutCaches(traits)]),
    everyRange(traits),
    ...someShifts(traits, 1n).map((shift) => oneOfEach(traits, shift)),
    severalTables(traits),
    remapped(traits),
    ...[16, 21, 30].map((shift) => afterRefusal(traits, shift)),
    manyPages(traits),
    afterWrites(traits),
    otherDomain(traits),
    ownNumber(traits),
    tableBack(traits),
  ],
};

function withoutCaches(traits: BackendTraits): CaseBody {
  return {
    name: 'without caches a change is seen at once, before any invalidation',
    gap: 'the unit keeps no translations (UnitCounters.iotlbHits)',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const domain = bench.attached();
      domain.map(iova, TARGET, smallest(traits));
      bench.expectReach(bench.device(), iova, TARGET);
      const { syncUnmap } = domain.domain;
      domain.domain.syncUnmap = () => undefined;
      domain.unmap(iova, smallest(traits));
      domain.domain.syncUnmap = syncUnmap;
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function everyRange(traits: BackendTraits): CaseBody {
  return {
    name: 'an unmap of any few pages is seen, and its neighbours stay',
    run: (bench) => {
      const page = smallest(traits);
      const device = bench.device();
      const iova = placeFor(traits, 64n * page);
      // An odd target, so that no large page is used.
      const pa = TARGET + page;
      const domain = bench.attached();
      domain.map(iova, pa, 20n * page);
      const reach = (index: bigint): bigint => pa + index * page;
      for (let index = 0n; index < 20n; index++) bench.expectReach(device, iova + index * page, reach(index));
      for (let first = 0n; first < 10n; first++) {
        for (let count = 1n; count <= 9n; count++) {
          domain.unmap(iova + first * page, count * page);
          for (let index = 0n; index < 20n; index++) {
            const isGone = index >= first && index < first + count;
            bench.expectReach(device, iova + index * page, isGone ? undefined : reach(index));
          }
          domain.map(iova + first * page, reach(first), count * page);
          for (let index = first; index < first + count; index++)
            bench.expectReach(device, iova + index * page, reach(index));
        }
      }
    },
  };
}

function oneOfEach(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a page of ${sizeName(shift)} that a device has used is unmapped, then mapped elsewhere`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const iova = placeFor(traits, bytes);
      const [first, second] = [targetFor(bytes), bytes >= 1n << 30n ? 0n : targetFor(bytes) + bytes];
      const probes = [0n, bytes / 4n, bytes / 2n + 8n, bytes - 1n];
      const domain = bench.attached();
      for (const pa of [first, second, first]) {
        domain.mapPages(iova, pa, shift);
        for (const offset of probes) bench.expectReach(bench.device(), iova + offset, pa + offset);
        domain.unmap(iova, bytes);
        for (const offset of probes) bench.expectReach(bench.device(), iova + offset, undefined);
      }
    },
  };
}

function severalTables(traits: BackendTraits): CaseBody {
  return {
    name: 'an unmap over several tables is seen in all of them',
    run: (bench) => {
      const page = smallest(traits);
      const span = 1n << 21n;
      const iova = placeFor(traits, 8n * span, span) + span - 7n * page;
      const bytes = 2n * span + 19n * page;
      const pa = TARGET + page;
      const domain = bench.attached();
      // In three runs, so that no large page crosses the ends of what goes.
      domain.map(iova, pa, page);
      domain.map(iova + page, pa + page, bytes - 2n * page);
      domain.map(iova + bytes - page, pa + bytes - page, page);
      const probes: bigint[] = [];
      for (let offset = 0n; offset < bytes; offset += 37n * page) probes.push(offset);
      probes.push(6n * page, 7n * page, span, bytes - 1n);
      for (const offset of probes) bench.expectReach(bench.device(), iova + offset, pa + offset);
      domain.unmap(iova + page, bytes - 2n * page);
      for (const offset of probes) {
        const isKept = offset < page || offset >= bytes - page;
        bench.expectReach(bench.device(), iova + offset, isKept ? pa + offset : undefined);
      }
    },
  };
}

function remapped(traits: BackendTraits): CaseBody {
  return {
    name: 'a page that is mapped elsewhere between two requests is reached there',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const domain = bench.attached();
      for (let round = 0n; round < 6n; round++) {
        domain.map(iova, TARGET + round * page, page);
        bench.expectReach(bench.device(), iova, TARGET + round * page, round % 2n === 0n ? Access.READ : Access.WRITE);
        domain.unmap(iova, page);
      }
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function afterRefusal(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `what was refused is reached once it is mapped, ${sizeName(shift)} from the next mapping`,
    run: (bench) => {
      const page = smallest(traits);
      const distance = 1n << BigInt(shift);
      const iova = placeFor(traits, distance, distance === 1n << 30n ? 1n << 29n : distance);
      const near = shift === 30 ? iova + distance / 2n : iova + distance - page;
      const domain = bench.attached();
      for (const at of [iova, near]) bench.expectReach(bench.device(), at, undefined);
      domain.map(iova, TARGET, page);
      bench.expectReach(bench.device(), iova, TARGET);
      bench.expectReach(bench.device(), near, undefined);
      domain.map(near, TARGET + 4n * page, page);
      bench.expectReach(bench.device(), near, TARGET + 4n * page);
      bench.expectReach(bench.device(), iova, TARGET);
    },
  };
}

function manyPages(traits: BackendTraits): CaseBody {
  return {
    name: 'more pages than caches hold are unmapped at once',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 4096n * page);
      const pa = TARGET + page;
      const domain = bench.attached();
      domain.map(iova, pa, 1500n * page);
      for (let index = 0n; index < 1500n; index++)
        bench.expectReach(bench.device(), iova + index * page, pa + index * page);
      domain.unmap(iova, 1500n * page);
      for (let index = 0n; index < 1500n; index++) bench.expectReach(bench.device(), iova + index * page, undefined);
    },
  };
}

function afterWrites(traits: BackendTraits): CaseBody {
  return {
    name: 'a page that was written, not read, is unmapped',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const domain = bench.attached();
      domain.map(iova, TARGET, page);
      bench.expectReach(bench.device(), iova, TARGET, Access.WRITE);
      domain.unmap(iova, page);
      bench.expectReach(bench.device(), iova, undefined, Access.WRITE);
      bench.expectReach(bench.device(), iova, undefined, Access.READ);
    },
  };
}

function otherDomain(traits: BackendTraits): CaseBody {
  return {
    name: 'an unmap in one domain leaves the same IOVA of another domain alone',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const [one, two] = [bench.domain(), bench.domain()];
      bench.attach(bench.device(0), one);
      bench.attach(bench.device(1), two);
      one.map(iova, TARGET, page);
      two.map(iova, TARGET + page, page);
      bench.expectReach(bench.device(0), iova, TARGET);
      bench.expectReach(bench.device(1), iova, TARGET + page);
      one.unmap(iova, page);
      bench.expectReach(bench.device(0), iova, undefined);
      bench.expectReach(bench.device(1), iova, TARGET + page);
    },
  };
}

function ownNumber(traits: BackendTraits): CaseBody {
  return {
    name: 'a domain that takes the place of a freed one inherits nothing from caches',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      for (let round = 0n; round < 4n; round++) {
        const domain = bench.attached();
        bench.expectReach(bench.device(), iova + page, undefined);
        domain.map(iova, TARGET + round * page, page);
        bench.expectReach(bench.device(), iova, TARGET + round * page);
        if (round % 2n === 1n) {
          domain.map(iova + page, TARGET + 8n * page, page);
          bench.expectReach(bench.device(), iova + page, TARGET + 8n * page);
          domain.unmap(iova + page, page);
        }
        // The device leaves while caches know the page; only then is it unmapped.
        bench.backend.detach(bench.device());
        domain.unmap(iova, page);
        domain.domain.free();
      }
    },
  };
}

function tableBack(traits: BackendTraits): CaseBody {
  return {
    name: 'a table that was removed and built again is found anew',
    run: (bench) => {
      const page = smallest(traits);
      const span = 1n << 21n;
      const iova = placeFor(traits, 4n * span, span);
      const domain = bench.attached();
      for (let round = 0n; round < 4n; round++) {
        const pa = TARGET + (2n * round + 1n) * page;
        domain.map(iova, pa, 2n * span);
        for (const offset of [0n, span - page, span, 2n * span - 1n]) {
          bench.expectReach(bench.device(), iova + offset, pa + offset);
        }
        domain.unmap(iova, 2n * span);
        // Takes the freed frames, so that tables come to lie elsewhere.
        domain.map(iova + 2n * span + round * page, TARGET, page);
        for (const offset of [0n, span - page, span]) bench.expectReach(bench.device(), iova + offset, undefined);
      }
    },
  };
}
