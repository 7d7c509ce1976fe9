import { Access, Errno } from '@ioasis/core';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** Requests that carry a PASID have a domain of their own. */
export const pasids: CaseArea = {
  name: 'PASIDs',
  cases: (traits) =>
    traits.capabilities.maxPasidLog2 === 0
      ? [without(traits)]
      : [
          ownDomain(traits),
          unmapped(traits),
          left(traits),
          replaced(traits),
          outOfRange(traits),
          besideOthers(traits),
          highest(traits),
        ],
};

function without(traits: BackendTraits): CaseBody {
  return {
    name: 'attaching a PASID is refused with EOPNOTSUPP, and requests with one are refused',
    gap: 'no PASIDs (DeviceCapabilities.maxPasidLog2)',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const domain = bench.attached();
      domain.map(iova, TARGET, smallest(traits));
      equal(bench.tryAttach(bench.device(), domain.domain, 1), Errno.EOPNOTSUPP, 'errno of attaching PASID 1');
      bench.expectReach(bench.device(), iova, TARGET);
      if (traits.hasHardware) bench.expectReach(bench.device(), iova, undefined, Access.READ, 1);
    },
  };
}

function ownDomain(traits: BackendTraits): CaseBody {
  return {
    name: 'a PASID goes through its own domain, others and requests without one do not',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const [plain, own] = [bench.attached(), bench.domain()];
      plain.map(iova, TARGET, smallest(traits));
      own.map(iova, TARGET + smallest(traits), smallest(traits));
      bench.attach(bench.device(), own, 5);
      for (let round = 0; round < 2; round++) {
        bench.expectReach(bench.device(), iova, TARGET);
        bench.expectReach(bench.device(), iova, TARGET + smallest(traits), Access.READ, 5);
        bench.expectReach(bench.device(), iova, undefined, Access.READ, 6);
      }
    },
  };
}

function unmapped(traits: BackendTraits): CaseBody {
  return {
    name: 'an unmap is seen by a PASID that has used the page',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      const domain = bench.attached();
      bench.attach(bench.device(), domain, 9);
      domain.map(iova, TARGET, 2n * page);
      for (const pasid of [9, undefined]) bench.expectReach(bench.device(), iova, TARGET, Access.READ, pasid);
      domain.unmap(iova, page);
      for (const pasid of [9, undefined]) {
        bench.expectReach(bench.device(), iova, undefined, Access.READ, pasid);
        bench.expectReach(bench.device(), iova + page, TARGET + page, Access.READ, pasid);
      }
    },
  };
}

function left(traits: BackendTraits): CaseBody {
  return {
    name: 'a detached PASID is blocked, and the device without PASID goes on',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const domain = bench.attached();
      domain.map(iova, TARGET, smallest(traits));
      bench.attach(bench.device(), domain, 3);
      bench.expectReach(bench.device(), iova, TARGET, Access.READ, 3);
      bench.backend.detach(bench.device(), 3);
      bench.expectReach(bench.device(), iova, undefined, Access.READ, 3);
      bench.expectReach(bench.device(), iova, TARGET);
    },
  };
}

function replaced(traits: BackendTraits): CaseBody {
  return {
    name: 'a PASID that changes its domain sees the new one',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const domains = [bench.attached(), bench.domain(), bench.domain()];
      domains.forEach((domain, index) => domain.map(iova, TARGET + BigInt(index) * page, page));
      for (const index of [1, 2, 1]) {
        bench.attach(bench.device(), domains[index]!, 4);
        bench.expectReach(bench.device(), iova, TARGET + BigInt(index) * page, Access.READ, 4);
        bench.expectReach(bench.device(), iova, TARGET);
      }
    },
  };
}

function outOfRange(traits: BackendTraits): CaseBody {
  return {
    name: 'a PASID beyond the width is refused with EINVAL',
    run: (bench) => {
      const domain = bench.attached();
      const beyond = 2 ** traits.capabilities.maxPasidLog2;
      equal(bench.tryAttach(bench.device(), domain.domain, beyond), Errno.EINVAL, `errno of attaching PASID ${beyond}`);
    },
  };
}

function besideOthers(traits: BackendTraits): CaseBody {
  return {
    name: 'the same PASID of two devices has two domains',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      for (const index of [0, 1]) {
        const domain = bench.domain();
        domain.map(iova, TARGET + BigInt(index) * page, page);
        bench.attach(bench.device(index), domain, 2);
      }
      for (const index of [0, 1]) {
        bench.expectReach(bench.device(index), iova, TARGET + BigInt(index) * page, Access.READ, 2);
        bench.expectReach(bench.device(index), iova, undefined);
      }
    },
  };
}

function highest(traits: BackendTraits): CaseBody {
  return {
    name: 'the highest PASID works',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const pasid = 2 ** traits.capabilities.maxPasidLog2 - 1;
      const domain = bench.domain();
      domain.map(iova, TARGET, smallest(traits));
      bench.attach(bench.device(), domain, pasid);
      bench.expectReach(bench.device(), iova, TARGET, Access.WRITE, pasid);
      bench.expectReach(bench.device(), iova, undefined, Access.WRITE, pasid - 1);
    },
  };
}
