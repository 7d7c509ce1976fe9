import { Access, Prot } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, sizeName, smallest, someShifts, TARGET, targetFor, type BackendTraits } from '../traits.js';

const NO_RIGHTS = 'rights are not kept';

/** What a mapping allows. */
export const rights: CaseArea = {
  name: 'rights',
  cases: (traits) => {
    const gap = traits.deviation('rights');
    if (gap !== undefined) return [withoutRights(traits, gap)];
    return [
      ...someShifts(traits, 1n).map((shift) => readOnly(traits, shift)),
      readWrite(traits),
      writeOnly(traits),
      noRights(traits),
      perPage(traits),
      afterHit(traits),
      reported(traits),
      attributes(traits),
      upgraded(traits),
    ];
  },
};

function expectRights(bench: Bench, iova: bigint, pa: bigint, mayRead: boolean, mayWrite: boolean): void {
  bench.expectReach(bench.device(), iova, mayRead ? pa : undefined, Access.READ);
  bench.expectReach(bench.device(), iova, mayWrite ? pa : undefined, Access.WRITE);
}

function withoutRights(traits: BackendTraits, why: string): CaseBody {
  return {
    name: 'a read-only page can be written',
    gap: `${NO_RIGHTS}: ${why}`,
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      bench.attached().map(iova, TARGET, smallest(traits), Prot.READ);
      expectRights(bench, iova, TARGET, true, true);
    },
  };
}

function readOnly(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a read-only page of ${sizeName(shift)} is read and not written`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const iova = placeFor(traits, bytes);
      bench.attached().mapPages(iova, targetFor(bytes), shift, 1, Prot.READ);
      expectRights(bench, iova, targetFor(bytes), true, false);
      expectRights(bench, iova + bytes - 1n, targetFor(bytes) + bytes - 1n, true, false);
    },
  };
}

function readWrite(traits: BackendTraits): CaseBody {
  return {
    name: 'a page for both is read and written',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      bench.attached().map(iova, TARGET, smallest(traits), Prot.READ | Prot.WRITE);
      expectRights(bench, iova, TARGET, true, true);
    },
  };
}

function writeOnly(traits: BackendTraits): CaseBody {
  const gap = traits.deviation('write-only');
  const run = (bench: Bench): void => {
    const iova = placeFor(traits, smallest(traits));
    bench.attached().map(iova, TARGET, smallest(traits), Prot.WRITE);
    expectRights(bench, iova, TARGET, gap !== undefined, true);
  };
  return gap === undefined
    ? { name: 'a write-only page is written and not read', run }
    : { name: 'a write-only page is written and read', gap: `write-only pages can be read: ${gap}`, run };
}

function noRights(traits: BackendTraits): CaseBody {
  return {
    name: 'a mapping without rights lets nothing through',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const domain = bench.attached();
      const errno = domain.tryMap(iova, TARGET, smallest(traits), 0);
      expectRights(bench, iova, TARGET, false, false);
      if (errno !== 0) equal(domain.lookUp(iova), undefined, 'iovaToPhys after the refused mapping');
    },
  };
}

function perPage(traits: BackendTraits): CaseBody {
  return {
    name: 'neighbouring pages have rights of their own',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 8n * page);
      const domain = bench.attached();
      for (let index = 0n; index < 8n; index++) {
        domain.map(
          iova + index * page,
          TARGET + index * page,
          page,
          index % 2n === 0n ? Prot.READ : Prot.READ | Prot.WRITE,
        );
      }
      for (let index = 0n; index < 8n; index++) {
        expectRights(bench, iova + index * page, TARGET + index * page, true, index % 2n === 1n);
      }
    },
  };
}

function afterHit(traits: BackendTraits): CaseBody {
  return {
    name: 'a write is refused after reads have filled caches, and reads go on',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      bench.attached().map(iova, TARGET, smallest(traits), Prot.READ);
      for (let round = 0; round < 3; round++) expectRights(bench, iova, TARGET, true, false);
    },
  };
}

function reported(traits: BackendTraits): CaseBody {
  return {
    name: 'an answer names the rights of its page',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      const domain = bench.attached();
      const both = Access.READ | Access.WRITE;
      domain.map(iova, TARGET, page, Prot.READ);
      domain.map(iova + page, TARGET + page, page);
      for (let round = 0; round < 2; round++) {
        equal(bench.request(bench.device(), iova).permissions & both, Access.READ, 'rights of the read-only page');
        equal(bench.request(bench.device(), iova + page).permissions & both, both, 'rights of the other page');
      }
    },
  };
}

function attributes(traits: BackendTraits): CaseBody {
  return {
    name: 'memory attributes neither add nor take away reads and writes',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 32n * page);
      const domain = bench.attached();
      for (let bits = 0; bits < 8; bits++) {
        const extra = (bits & 1 ? Prot.CACHE : 0) | (bits & 2 ? Prot.NOEXEC : 0) | (bits & 4 ? Prot.MMIO : 0);
        const at = BigInt(bits * 2) * page;
        domain.map(iova + at, TARGET + at, page, Prot.READ | extra);
        domain.map(iova + at + page, TARGET + at + page, page, Prot.READ | Prot.WRITE | extra);
        expectRights(bench, iova + at, TARGET + at, true, false);
        expectRights(bench, iova + at + page, TARGET + at + page, true, true);
      }
    },
  };
}

function upgraded(traits: BackendTraits): CaseBody {
  return {
    name: 'a page that is mapped again with more rights, or fewer, has the new ones',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const domain = bench.attached();
      for (const prot of [Prot.READ, Prot.READ | Prot.WRITE, Prot.READ]) {
        domain.map(iova, TARGET, page, prot);
        expectRights(bench, iova, TARGET, true, (prot & Prot.WRITE) !== 0);
        domain.unmap(iova, page);
        ensure(bench.request(bench.device(), iova).pa === undefined, 'the page is gone between two mappings');
      }
    },
  };
}
