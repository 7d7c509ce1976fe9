import { Errno } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { BenchDomain } from '../bench-domain.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** Every allocation of an operation fails in turn: it answers with an errno, nothing leaks, and the state is as before. */
export const failures: CaseArea = {
  name: 'failures',
  cases: (traits) => {
    if (!traits.hasHardware) return [withoutFrames(traits)];
    return [addDevice(traits), allocDomain(traits), map(traits), attach(traits), replace(traits)];
  },
};

function withoutFrames(traits: BackendTraits): CaseBody {
  return {
    name: 'nothing is allocated, so nothing fails',
    gap: 'no hardware behind it (TranslationUnit.mmioBytes)',
    run: (bench) => {
      bench.failures.arm({ times: 'all' });
      const domain = bench.attached();
      domain.map(placeFor(traits, smallest(traits)), TARGET, smallest(traits));
      equal(bench.failures.points, 0, 'allocations');
    },
  };
}

/**
 * Runs `operation` with its first allocation failing, then its second ..., until it succeeds. `prepare` runs before each of them, `check`
 * after each failure.
 * @returns how many allocations the operation makes
 */
function sweep(
  bench: Bench,
  operation: () => number,
  check: () => void,
  prepare: () => void = () => undefined,
): number {
  for (let nth = 1; ; nth++) {
    ensure(nth < 100, 'an operation makes fewer than a hundred allocations');
    prepare();
    bench.failures.arm({ nth });
    const errno = operation();
    const isReached = bench.failures.fired.length > 0;
    bench.failures.disarm();
    if (!isReached) {
      equal(errno, 0, 'errno of the operation when nothing fails');
      return nth - 1;
    }
    equal(errno, Errno.ENOMEM, `errno when allocation ${nth} fails`);
    check();
  }
}

/** A page that is mapped and in use while something else fails. */
function witness(bench: Bench, traits: BackendTraits, domain: BenchDomain): () => void {
  const iova = placeFor(traits, smallest(traits));
  domain.map(iova, TARGET, smallest(traits));
  const look = (): void => bench.expectReach(bench.device(), iova, TARGET);
  look();
  return look;
}

function addDevice(traits: BackendTraits): CaseBody {
  return {
    name: 'adding a device fails with ENOMEM, works later, and no frame is lost',
    run: (bench) => {
      const look = witness(bench, traits, bench.attached());
      const stranger = { ...bench.stranger(20), requesterId: 0x1230 };
      const counts: number[] = [];
      for (let round = 0; round < 3; round++) {
        sweep(bench, () => bench.backend.addDevice(stranger), look);
        equal(
          bench.request(stranger, placeFor(traits, smallest(traits))).pa,
          undefined,
          'where the new device reaches',
        );
        bench.backend.removeDevice(stranger);
        counts.push(bench.frames.framesInUse);
      }
      equal(counts[2], counts[1], 'frames in use after the third time, compared with the second');
    },
  };
}

function allocDomain(traits: BackendTraits): CaseBody {
  return {
    name: 'allocating a domain fails with ENOMEM and loses no frame',
    run: (bench) => {
      const look = witness(bench, traits, bench.attached());
      const { framesInUse } = bench.frames;
      const allocate = (): number => {
        const domain = bench.backend.allocPaging(bench.device(), 0, undefined);
        if (typeof domain === 'number') return domain;
        domain.free();
        return 0;
      };
      const allocations = sweep(bench, allocate, () => {
        look();
        equal(bench.frames.framesInUse, framesInUse, 'frames in use after the failure');
      });
      ensure(allocations > 0, 'a domain has a table of its own');
      equal(bench.frames.framesInUse, framesInUse, 'frames in use after the domain was freed');
    },
  };
}

function map(traits: BackendTraits): CaseBody {
  return {
    name: 'mapping a run over tables is all or nothing, and its frames come back',
    run: (bench) => {
      const page = smallest(traits);
      const [pa, bytes] = [TARGET + page, (1n << 21n) + 4n * page];
      const iova = placeFor(traits, 1n << 24n, 1n << 21n) + (1n << 21n) - 2n * page;
      const probes = [0n, bytes / 4n, bytes / 2n, bytes - 1n];
      const device = bench.device(1);
      // The first attach may build what stays; what an attachment alone holds goes with it.
      bench.attach(device, bench.domain());
      bench.backend.detach(device);
      const { framesInUse } = bench.frames;
      let domain = bench.domain();
      // A domain keeps tables that a failed mapping has built: each failure needs a new one.
      const renew = (): void => {
        bench.backend.detach(device);
        domain.domain.free();
        equal(bench.frames.framesInUse, framesInUse, 'frames in use after the domain was freed');
        domain = bench.domain();
        bench.attach(device, domain);
      };
      const checkNothing = (): void => {
        for (const offset of probes) {
          equal(domain.lookUp(iova + offset), undefined, 'iovaToPhys after the failed mapping');
          bench.expectReach(device, iova + offset, undefined);
        }
      };
      const allocations = sweep(bench, () => domain.tryMap(iova, pa, bytes), checkNothing, renew);
      ensure(allocations > 0, 'mapping builds tables');
      for (const offset of probes) bench.expectReach(device, iova + offset, pa + offset);
      domain.unmap(iova, bytes);
      renew();
    },
  };
}

function attach(traits: BackendTraits): CaseBody {
  return {
    name: 'a first attach fails with ENOMEM and leaves the device blocked',
    run: (bench) => {
      const domain = bench.attached();
      const look = witness(bench, traits, domain);
      const iova = placeFor(traits, smallest(traits));
      const device = bench.device(1);
      const checkBlocked = (): void => {
        look();
        bench.expectReach(device, iova, undefined);
      };
      sweep(bench, () => bench.backend.attach(device, domain.domain), checkBlocked);
      bench.expectReach(device, iova, TARGET);
    },
  };
}

function replace(traits: BackendTraits): CaseBody {
  return {
    name: 'a change of the domain fails with ENOMEM and leaves the device on the old one',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 4n * page);
      const look = witness(bench, traits, bench.attached());
      const other = bench.domain();
      other.map(iova, TARGET + page, page);
      sweep(bench, () => bench.backend.attach(bench.device(), other.domain), look);
      bench.expectReach(bench.device(), iova, TARGET + page);
    },
  };
}
