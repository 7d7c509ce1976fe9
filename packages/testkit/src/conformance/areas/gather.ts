import { Errno, IotlbGather, join64, hex } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** What map and unmap count and refuse, and what lies between an unmap and its invalidation. */
export const gather: CaseArea = {
  name: 'gather',
  cases: (traits) => [
    overOne(traits),
    hole(traits),
    nothing(traits),
    covered(traits),
    twoPlaces(traits),
    severalSizes(traits),
    emptied(traits),
    flushed(traits),
    withoutMemory(traits),
    ...(traits.hasHardware ? [tablesKept(traits)] : []),
  ],
};

function overOne(traits: BackendTraits): CaseBody {
  return {
    name: 'mapping over a page is refused with EEXIST, or replaces it at once',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 4n * page);
      const domain = bench.attached();
      domain.map(iova + page, TARGET, page);
      bench.expectReach(bench.device(), iova + page, TARGET);
      const errno = domain.tryMapPages(iova + page, TARGET + 8n * page, traits.pageShifts[0]!, 1);
      ensure(errno === 0 || errno === Errno.EEXIST, `errno ${errno} of mapping over a page is 0 or EEXIST`);
      const target = errno === 0 ? TARGET + 8n * page : TARGET;
      equal(domain.lookUp(iova + page), target, 'iovaToPhys after mapping over a page');
      bench.expectReach(bench.device(), iova + page, target);
      domain.unmap(iova + page, page);
      bench.expectReach(bench.device(), iova + page, undefined);
    },
  };
}

function hole(traits: BackendTraits): CaseBody {
  const gap = traits.deviation('holes');
  const run = (bench: Bench): void => {
    const page = smallest(traits);
    const iova = placeFor(traits, 8n * page);
    const domain = bench.attached();
    domain.map(iova, TARGET, 2n * page);
    domain.map(iova + 3n * page, TARGET + 3n * page, page);
    const gone = domain.unmapSome(iova, 4n * page);
    equal(gone, gap === undefined ? 2n * page : 4n * page, 'bytes unmapped');
    bench.expectReach(bench.device(), iova + page, undefined);
    bench.expectReach(bench.device(), iova + 3n * page, gap === undefined ? TARGET + 3n * page : undefined);
  };
  return gap === undefined
    ? { name: 'an unmap stops at a hole and counts what went', run }
    : { name: 'an unmap passes over a hole and counts it', gap: `holes are not seen: ${gap}`, run };
}

function nothing(traits: BackendTraits): CaseBody {
  const gap = traits.deviation('holes');
  const run = (bench: Bench): void => {
    const page = smallest(traits);
    const iova = placeFor(traits, 8n * page);
    const domain = bench.attached();
    equal(domain.unmapSome(iova, page), gap === undefined ? 0n : page, 'bytes unmapped where nothing was');
    domain.map(iova, TARGET, page);
    domain.unmap(iova, page);
    equal(domain.unmapSome(iova, page), gap === undefined ? 0n : page, 'bytes unmapped the second time');
  };
  return gap === undefined
    ? { name: 'unmapping nothing counts nothing', run }
    : { name: 'unmapping nothing counts what was asked for', gap: `holes are not seen: ${gap}`, run };
}

function covered(traits: BackendTraits): CaseBody {
  return {
    name: 'what an unmap leaves to be invalidated is in the gather, or is invalidated',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 16n * page);
      const domain = bench.attached();
      // An odd target, so that no large page is used.
      const pa = TARGET + page;
      domain.map(iova, pa, 16n * page);
      for (let index = 0n; index < 16n; index++)
        bench.expectReach(bench.device(), iova + index * page, pa + index * page);
      const gathered = new IotlbGather();
      let done = 0n;
      while (done < 5n * page)
        done += domain.unmapPages(
          iova + 2n * page + done,
          traits.pageShifts[0]!,
          Number((5n * page - done) / page),
          gathered,
        );
      equal(done, 5n * page, 'bytes unmapped');
      if (gathered.empty) bench.expectReach(bench.device(), iova + 2n * page, undefined);
      else {
        const start = join64(gathered.startHi, gathered.startLo);
        const last = join64(gathered.lastHi, gathered.lastLo);
        ensure(
          start <= iova + 2n * page && last >= iova + 7n * page - 1n,
          'the gathered range holds all that was unmapped',
        );
      }
      domain.domain.syncUnmap(gathered);
      for (let index = 0n; index < 16n; index++) {
        bench.expectReach(
          bench.device(),
          iova + index * page,
          index >= 2n && index < 7n ? undefined : pa + index * page,
        );
      }
    },
  };
}

function twoPlaces(traits: BackendTraits): CaseBody {
  return {
    name: 'two distant unmaps share one gather and one invalidation',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 1n << 24n);
      const domain = bench.attached();
      const places = [iova + page, iova + (1n << 23n), iova + 5n * page];
      for (const at of places) domain.map(at, TARGET + (at - iova), 2n * page);
      for (const at of places) bench.expectReach(bench.device(), at + page, TARGET + (at - iova) + page);
      const gathered = new IotlbGather();
      for (const at of places)
        equal(domain.unmapPages(at, traits.pageShifts[0]!, 2, gathered), 2n * page, 'bytes unmapped');
      domain.domain.syncUnmap(gathered);
      for (const at of places) {
        bench.expectReach(bench.device(), at, undefined);
        bench.expectReach(bench.device(), at + page, undefined);
      }
    },
  };
}

function severalSizes(traits: BackendTraits): CaseBody {
  return {
    name: 'pages of several sizes side by side go in one unmap',
    run: (bench) => {
      const page = smallest(traits);
      const larger = 1n << BigInt(traits.pageShifts.find((shift) => shift >= 20 && shift <= 25) ?? 21);
      const iova = placeFor(traits, 4n * larger, larger);
      const domain = bench.attached();
      const bytes = 2n * larger + 5n * page;
      domain.map(iova + larger - 3n * page, TARGET + larger - 3n * page, bytes);
      const probes = [-3n * page, -1n, 0n, larger - 1n, larger, bytes - 4n * page];
      const reach = (isMapped: boolean): void => {
        for (const offset of probes) {
          bench.expectReach(bench.device(), iova + larger + offset, isMapped ? TARGET + larger + offset : undefined);
        }
      };
      reach(true);
      domain.unmap(iova + larger - 3n * page, bytes);
      reach(false);
    },
  };
}

function emptied(traits: BackendTraits): CaseBody {
  return {
    name: 'after the invalidation the gather is empty and can be used again',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 4n * page);
      const domain = bench.attached();
      const gathered = new IotlbGather();
      for (let round = 0n; round < 3n; round++) {
        domain.map(iova, TARGET + round * page, page);
        bench.expectReach(bench.device(), iova, TARGET + round * page);
        domain.unmapPages(iova, traits.pageShifts[0]!, 1, gathered);
        domain.domain.syncUnmap(gathered);
        if (traits.hasHardware) equal(gathered.empty, true, 'whether the gather is empty');
        equal(gathered.freelist.length, 0, 'frames that wait in the gather');
        bench.expectReach(bench.device(), iova, undefined);
      }
    },
  };
}

function flushed(traits: BackendTraits): CaseBody {
  return {
    name: 'flushing everything is enough too',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 1n << 24n);
      const domain = bench.attached();
      const places = [iova, iova + page, iova + (1n << 23n)];
      for (const at of places) domain.map(at, TARGET + (at - iova), page);
      for (const at of places) bench.expectReach(bench.device(), at, TARGET + (at - iova));
      const gathered = new IotlbGather();
      for (const at of places) domain.unmapPages(at, traits.pageShifts[0]!, 1, gathered);
      domain.domain.flushAll();
      for (const at of places) bench.expectReach(bench.device(), at, undefined);
      domain.domain.syncUnmap(gathered);
    },
  };
}

function withoutMemory(traits: BackendTraits): CaseBody {
  return {
    name: 'an unmap of what was mapped works when no frame is to be had',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 1n << 24n);
      const domain = bench.attached();
      domain.map(iova, TARGET, 1n << 24n);
      domain.map(iova + (1n << 24n), TARGET, page);
      bench.failures.arm({ times: 'all' });
      domain.unmap(iova + (1n << 24n), page);
      domain.unmap(iova, 1n << 24n);
      bench.failures.disarm();
      for (const offset of [0n, 1n << 23n, (1n << 24n) - 1n, 1n << 24n])
        bench.expectReach(bench.device(), iova + offset, undefined);
    },
  };
}

function tablesKept(traits: BackendTraits): CaseBody {
  return {
    name: 'no table is given back while the unit knows a way through it',
    run: (bench) => {
      const page = smallest(traits);
      const span = 1n << 21n;
      const iova = placeFor(traits, 8n * span, span);
      const domain = bench.attached();
      const device = bench.device();
      const probes: bigint[] = [];
      for (let table = 0n; table < 4n; table++) {
        // Odd targets, so that no large page is used.
        domain.map(iova + table * span, TARGET + page + table * span, span);
        probes.push(iova + table * span, iova + table * span + 3n * page, iova + (table + 1n) * span - 1n);
      }
      for (const at of probes) bench.expectReach(device, at, TARGET + page + (at - iova));
      bench.frames.remember();
      bench.frames.onFree = () => {
        for (const at of probes) {
          const reached = bench.request(device, at).pa;
          ensure(
            reached === undefined || reached === bench.explained(device, at),
            `${hex(at)} is not reached through a table that was given back`,
          );
        }
      };
      domain.unmap(iova, 4n * span);
      for (const at of probes) bench.expectReach(device, at, undefined);
      // Neighbours of the removed tables, never asked for before, must not be found in them either.
      for (const at of probes) bench.expectReach(device, at ^ page, undefined);
      bench.frames.onFree = null;
    },
  };
}
