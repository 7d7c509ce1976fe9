import { Errno, hex, type IommuDomain } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { BenchDomain } from '../bench-domain.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** Devices come, are put on domains, change them and go. */
export const attachment: CaseArea = {
  name: 'attachment',
  cases: (traits) => [
    blockedAtFirst(traits),
    detached(traits),
    detachedTwice(traits),
    attachedAgain(traits),
    replaced(traits),
    backAndForth(traits),
    noThirdPlace(traits),
    refused(traits),
    refusedAtFirst(traits),
    mappedBefore(traits),
    removed(traits),
    withoutDevices(traits),
  ],
};

/** A domain with one page at `iova`. */
function domainWith(bench: Bench, traits: BackendTraits, iova: bigint, pa: bigint): BenchDomain {
  const domain = bench.domain();
  domain.map(iova, pa, smallest(traits));
  return domain;
}

const placeOf = (traits: BackendTraits): bigint => placeFor(traits, smallest(traits));

function blockedAtFirst(traits: BackendTraits): CaseBody {
  return {
    name: 'a device that was just added is blocked',
    run: (bench) => {
      for (const iova of [0n, placeOf(traits), traits.aperture.last])
        bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function detached(traits: BackendTraits): CaseBody {
  return {
    name: 'a detached device is blocked, also where it has just been',
    run: (bench) => {
      const iova = placeOf(traits);
      bench.attach(bench.device(), domainWith(bench, traits, iova, TARGET));
      bench.expectReach(bench.device(), iova, TARGET);
      bench.backend.detach(bench.device());
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function detachedTwice(traits: BackendTraits): CaseBody {
  return {
    name: 'a second detach does nothing, and neither does one of a device that was never attached',
    run: (bench) => {
      const iova = placeOf(traits);
      const domain = domainWith(bench, traits, iova, TARGET);
      bench.attach(bench.device(0), domain);
      bench.backend.detach(bench.device(1));
      bench.expectReach(bench.device(0), iova, TARGET);
      bench.backend.detach(bench.device(0));
      bench.backend.detach(bench.device(0));
      bench.expectReach(bench.device(0), iova, undefined);
      bench.attach(bench.device(0), domain);
      bench.expectReach(bench.device(0), iova, TARGET);
    },
  };
}

function attachedAgain(traits: BackendTraits): CaseBody {
  return {
    name: 'attaching to the domain that a device is on works and changes nothing',
    run: (bench) => {
      const iova = placeOf(traits);
      const domain = domainWith(bench, traits, iova, TARGET);
      bench.attach(bench.device(), domain);
      bench.attach(bench.device(), domain);
      bench.expectReach(bench.device(), iova, TARGET);
      bench.backend.detach(bench.device());
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function replaced(traits: BackendTraits): CaseBody {
  return {
    name: 'a device that changes its domain sees the new one and nothing of the old',
    run: (bench) => {
      const iova = placeFor(traits, 4n * smallest(traits));
      const other = iova + smallest(traits);
      const old = domainWith(bench, traits, iova, TARGET);
      old.map(other, TARGET + (1n << 20n), smallest(traits));
      bench.attach(bench.device(), old);
      for (const at of [iova, other])
        ensure(bench.request(bench.device(), at).pa !== undefined, 'the old domain is in use');
      bench.attach(bench.device(), domainWith(bench, traits, iova, TARGET + (1n << 21n)));
      bench.expectReach(bench.device(), iova, TARGET + (1n << 21n));
      bench.expectReach(bench.device(), other, undefined);
    },
  };
}

function backAndForth(traits: BackendTraits): CaseBody {
  return {
    name: 'a device goes back and forth between two domains that change meanwhile',
    run: (bench) => {
      const iova = placeOf(traits);
      const page = smallest(traits);
      const domains = [domainWith(bench, traits, iova, TARGET), domainWith(bench, traits, iova, TARGET + page)];
      for (let round = 0; round < 8; round++) {
        const domain = domains[round % 2]!;
        bench.attach(bench.device(), domain);
        bench.expectReach(bench.device(), iova, domain.lookUp(iova));
        const absent = domains[(round + 1) % 2]!;
        absent.unmap(iova, page);
        absent.map(iova, TARGET + BigInt(round + 2) * page, page);
        bench.expectReach(bench.device(), iova, domain.lookUp(iova));
      }
    },
  };
}

function noThirdPlace(traits: BackendTraits): CaseBody {
  return {
    name: 'while a device changes its domain its requests go to the old place, to the new one, or nowhere',
    run: (bench) => {
      const iova = placeOf(traits);
      const places = [TARGET, TARGET + (1n << 21n)];
      const domains = places.map((pa) => domainWith(bench, traits, iova, pa));
      const device = bench.device();
      bench.attach(device, domains[0]!);
      const seen = new Set<bigint | undefined>();
      const watcher = {
        beforeWrite: () => {
          if (!bench.memory.deviceWriting) seen.add(bench.explained(device, iova));
        },
      };
      bench.memory.addObserver(watcher);
      for (const at of [1, 0, 1]) bench.attach(device, domains[at]!);
      bench.memory.removeObserver(watcher);
      for (const pa of seen)
        ensure(pa === undefined || places.includes(pa), `${hex(pa ?? 0n)} is the place of one of the two domains`);
      bench.expectReach(device, iova, places[1]!);
    },
  };
}

/** A domain that no backend has made. */
const foreign: IommuDomain = {
  pageSizes: 4096n,
  aperture: { start: 0n, last: 0xffff_ffffn },
  mappedPages: 0,
  foundPaHi: 0,
  foundPaLo: 0,
  dirty: undefined,
  mapPages: () => Errno.ENOMEM,
  unmapPages: () => 0,
  syncMap: () => undefined,
  syncUnmap: () => undefined,
  flushAll: () => undefined,
  iovaToPhys: () => false,
  enforceCacheCoherency: () => false,
  free: () => undefined,
};

function refused(traits: BackendTraits): CaseBody {
  return {
    name: "somebody else's domain is refused with EINVAL, and the device stays where it is",
    run: (bench) => {
      const iova = placeOf(traits);
      const domain = domainWith(bench, traits, iova, TARGET);
      bench.attach(bench.device(), domain);
      equal(bench.tryAttach(bench.device(), foreign), Errno.EINVAL, 'errno of attaching a foreign domain');
      bench.expectReach(bench.device(), iova, TARGET);
      domain.unmap(iova, smallest(traits));
      bench.expectReach(bench.device(), iova, undefined);
    },
  };
}

function refusedAtFirst(traits: BackendTraits): CaseBody {
  return {
    name: 'a device whose first domain is refused stays blocked, and takes another one',
    run: (bench) => {
      const iova = placeOf(traits);
      equal(bench.tryAttach(bench.device(), foreign), Errno.EINVAL, 'errno of attaching a foreign domain');
      bench.expectReach(bench.device(), iova, undefined);
      bench.attach(bench.device(), domainWith(bench, traits, iova, TARGET));
      bench.expectReach(bench.device(), iova, TARGET);
    },
  };
}

function mappedBefore(traits: BackendTraits): CaseBody {
  return {
    name: 'what was mapped before a device came is there, and what is mapped after',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      const domain = domainWith(bench, traits, iova, TARGET);
      bench.attach(bench.device(), domain);
      domain.map(iova + page, TARGET + 4n * page, page);
      bench.expectReach(bench.device(), iova, TARGET);
      bench.expectReach(bench.device(), iova + page, TARGET + 4n * page);
    },
  };
}

function removed(traits: BackendTraits): CaseBody {
  return {
    name: 'a device that was removed and added again is blocked until it is attached',
    run: (bench) => {
      const iova = placeOf(traits);
      const domain = domainWith(bench, traits, iova, TARGET);
      const device = bench.device();
      bench.attach(device, domain);
      bench.expectReach(device, iova, TARGET);
      bench.backend.detach(device);
      bench.backend.removeDevice(device);
      equal(bench.backend.addDevice(device), 0, 'errno of adding the device again');
      bench.expectReach(device, iova, undefined);
      bench.attach(device, domain);
      bench.expectReach(device, iova, TARGET);
    },
  };
}

function withoutDevices(traits: BackendTraits): CaseBody {
  return {
    name: 'a domain without devices is mapped, looked up and unmapped',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 8n * page);
      const domain = bench.domain();
      domain.map(iova, TARGET, 8n * page);
      equal(domain.lookUp(iova + 5n * page + 3n), TARGET + 5n * page + 3n, 'iovaToPhys');
      domain.unmap(iova, 8n * page);
      equal(domain.lookUp(iova + 5n * page), undefined, 'iovaToPhys after the unmap');
      domain.domain.flushAll();
      domain.domain.free();
    },
  };
}
