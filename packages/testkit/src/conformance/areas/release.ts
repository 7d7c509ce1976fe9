import { HwptFlag } from '@ioasis/core';
import { Bench } from '../bench.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';
import { randomSteps } from './random-use.js';

/** What is taken is given back, and two runs are alike. */
export const release: CaseArea = {
  name: 'release',
  cases: (traits) => [framesBack(traits), tablesBounded(traits), manyDomains(traits), deterministic(traits)],
};

function framesBack(traits: BackendTraits): CaseBody {
  return {
    name: 'a freed domain gives all frames back, whatever it was used for',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 1n << 28n, 1n << 21n);
      const flags = traits.capabilities.dirtyTracking ? [0, HwptFlag.DIRTY_TRACKING] : [0];
      const counts: number[] = [];
      for (let round = 0; round < 3; round++) {
        for (const flag of flags) {
          const domain = bench.attached(flag);
          for (const offset of [0n, 5n << 21n, 1n << 27n])
            domain.map(iova + offset, TARGET + page, (1n << 21n) + 3n * page);
          for (const offset of [0n, 5n << 21n]) bench.expectReach(bench.device(), iova + offset, TARGET + page);
          for (const offset of [5n << 21n, 1n << 27n, 0n]) domain.unmap(iova + offset, (1n << 21n) + 3n * page);
          bench.backend.detach(bench.device());
          domain.domain.free();
        }
        counts.push(bench.frames.framesInUse);
      }
      equal(counts[1], counts[0], 'frames in use after the second round, compared with the first');
      equal(counts[2], counts[0], 'frames in use after the third round, compared with the first');
    },
  };
}

function tablesBounded(traits: BackendTraits): CaseBody {
  return {
    name: 'mapping and unmapping the same place a hundred times takes no more frames than once',
    run: (bench) => {
      const iova = placeFor(traits, 1n << 24n, 1n << 21n);
      const domain = bench.attached();
      const counts = new Set<number>();
      for (let round = 0; round < 100; round++) {
        domain.map(iova, TARGET + smallest(traits), 1n << 21n);
        domain.unmap(iova, 1n << 21n);
        counts.add(bench.frames.framesInUse);
      }
      equal(counts.size, 1, 'different numbers of frames in use after the unmaps');
    },
  };
}

function manyDomains(traits: BackendTraits): CaseBody {
  return {
    name: 'a hundred and fifty domains, one after the other and a few at a time, keep their devices apart',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      for (let round = 0n; round < 50n; round++) {
        const domains = [0, 1, 2].map(() => bench.domain());
        domains.forEach((domain, index) => {
          domain.map(iova, TARGET + (3n * round + BigInt(index)) * page, page);
          bench.attach(bench.device(index), domain);
        });
        for (const index of [0, 1, 2])
          bench.expectReach(bench.device(index), iova, TARGET + (3n * round + BigInt(index)) * page);
        domains.forEach((domain, index) => {
          bench.backend.detach(bench.device(index));
          domain.unmap(iova, page);
          domain.domain.free();
        });
      }
      for (const index of [0, 1, 2]) bench.expectReach(bench.device(index), iova, undefined);
    },
  };
}

/** A number for all memory that the backend has written, and its counters. */
function fingerprint(bench: Bench): string {
  let hash = 0;
  const { words } = bench.memory;
  for (let index = 0; index < words.length; index++) hash = (Math.imul(hash, 31) + words[index]!) | 0;
  return `${hash} ${JSON.stringify(bench.unit().counters)}`;
}

function deterministic(traits: BackendTraits): CaseBody {
  return {
    name: 'the same calls give the same tables, structures and counters, bit by bit',
    run: (bench) => {
      const second = new Bench(traits.definition);
      for (const each of [bench, second]) randomSteps(each, traits, 7, 25);
      equal(fingerprint(second), fingerprint(bench), 'memory and counters of the second run');
      ensure(bench.frames.framesInUse === second.frames.framesInUse, 'both runs hold the same number of frames');
    },
  };
}
