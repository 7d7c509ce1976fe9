import { Errno, HwptFlag, type HwptUserData, type NestedDomain } from '@ioasis/core';
import type { Bench } from '../bench.js';
import { BenchDomain } from '../bench-domain.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ConformanceError, ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** User-managed stages: what can be asked without knowing a vendor's structures. `nestingConformance` asks for translation through them. */
export const nesting: CaseArea = {
  name: 'nesting',
  cases: (traits) => {
    if (!traits.hasNesting) return [without(traits)];
    return [parent(traits), unknownType(), shortData(), unreadable(), unknownInvalidation(), attached(traits)];
  },
};

function without(traits: BackendTraits): CaseBody {
  return {
    name: 'a nest parent is refused with EOPNOTSUPP',
    gap: 'no nesting (IommuBackend.allocNested, HwptFlag.NEST_PARENT)',
    run: (bench) => {
      const answer = bench.backend.allocPaging(bench.device(), HwptFlag.NEST_PARENT, undefined);
      equal(answer, Errno.EOPNOTSUPP, 'errno of the allocation');
      const plain = bench.attached();
      plain.map(placeFor(traits, smallest(traits)), TARGET, smallest(traits));
      const nested = bench.backend.allocNested?.(bench.device(), plain.domain, 0, zeros(1, 24)) ?? Errno.EOPNOTSUPP;
      equal(nested, Errno.EOPNOTSUPP, 'errno of a nested domain');
    },
  };
}

/** A user's structure that is all zero. */
const zeros = (type: number, bytes: number, isReadable: boolean = true): HwptUserData => ({
  type,
  bytes,
  read: (into) => {
    if (isReadable) into.fill(0);
    return isReadable;
  },
});

function nestParent(bench: Bench): BenchDomain {
  const domain = bench.backend.allocPaging(bench.device(), HwptFlag.NEST_PARENT, undefined);
  if (typeof domain === 'number') throw new ConformanceError(`a nest parent: errno ${domain}`);
  return new BenchDomain(domain);
}

function allocate(bench: Bench, on: BenchDomain, data: HwptUserData): NestedDomain | number {
  ensure(bench.backend.allocNested !== undefined, 'the backend has nested domains');
  return bench.backend.allocNested(bench.device(), on.domain, 0, data);
}

/** The data type and the size that the backend knows: it says EOPNOTSUPP to other types and EINVAL to other sizes. */
function knownData(bench: Bench, on: BenchDomain): { readonly type: number; readonly bytes: number } {
  for (let type = 0; type <= 0xffff; type++) {
    if (allocate(bench, on, zeros(type, 0)) === Errno.EOPNOTSUPP) continue;
    for (let bytes = 1; bytes <= 256; bytes++) {
      if (allocate(bench, on, zeros(type, bytes, false)) === Errno.EFAULT) return { type, bytes };
    }
  }
  throw new ConformanceError('some data type of 16 bits and some size up to 256 bytes is known');
}

function parent(traits: BackendTraits): CaseBody {
  return {
    name: 'a nest parent translates like any other domain',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const domain = nestParent(bench);
      bench.attach(bench.device(), domain);
      domain.map(iova, TARGET, smallest(traits));
      bench.expectReach(bench.device(), iova, TARGET);
      domain.unmap(iova, smallest(traits));
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function unknownType(): CaseBody {
  return {
    name: 'an unknown type of data, and flags, are refused with EOPNOTSUPP',
    run: (bench) => {
      const domain = nestParent(bench);
      equal(allocate(bench, domain, zeros(0xffff_fff0, 64)), Errno.EOPNOTSUPP, 'errno for type 0xfffffff0');
      const { type, bytes } = knownData(bench, domain);
      const answer = bench.backend.allocNested?.(bench.device(), domain.domain, 0x80, zeros(type, bytes));
      equal(answer, Errno.EOPNOTSUPP, 'errno for flag 0x80');
    },
  };
}

function shortData(): CaseBody {
  return {
    name: 'data that is too short is refused with EINVAL',
    run: (bench) => {
      const domain = nestParent(bench);
      const { type, bytes } = knownData(bench, domain);
      equal(allocate(bench, domain, zeros(type, bytes - 1)), Errno.EINVAL, `errno for ${bytes - 1} bytes`);
    },
  };
}

function unreadable(): CaseBody {
  return {
    name: 'data that cannot be read is refused with EFAULT',
    run: (bench) => {
      const domain = nestParent(bench);
      const { type, bytes } = knownData(bench, domain);
      equal(allocate(bench, domain, zeros(type, bytes, false)), Errno.EFAULT, 'errno');
    },
  };
}

function unknownInvalidation(): CaseBody {
  return {
    name: 'an invalidation of an unknown type is refused with EINVAL, also without entries',
    run: (bench) => {
      const domain = nestParent(bench);
      const { type, bytes } = knownData(bench, domain);
      const nested = allocate(bench, domain, zeros(type, bytes));
      ensure(typeof nested !== 'number', 'a nested domain of zeroed data is allocated; only attaching looks into it');
      for (const count of [0, 1]) {
        const { handled, errno } = nested.invalidate({ type: 0xffff_fff0, entryBytes: 16, count, read: () => true });
        equal(errno, Errno.EINVAL, `errno for ${count} entries`);
        equal(handled, 0, 'entries handled');
      }
      nested.free();
    },
  };
}

function attached(traits: BackendTraits): CaseBody {
  return {
    name: 'a nested domain that hardware cannot use is refused, and the device stays on its old one',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const domain = nestParent(bench);
      bench.attach(bench.device(), domain);
      domain.map(iova, TARGET, smallest(traits));
      const { type, bytes } = knownData(bench, domain);
      const nested = allocate(bench, domain, zeros(type, bytes));
      ensure(typeof nested !== 'number', 'a nested domain of zeroed data is allocated');
      const errno = bench.tryAttach(bench.device(), nested);
      if (errno !== 0 || !traits.hasHardware) bench.expectReach(bench.device(), iova, TARGET);
      bench.attach(bench.device(), domain);
      bench.expectReach(bench.device(), iova, TARGET);
      nested.free();
    },
  };
}
