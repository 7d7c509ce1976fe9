import { Access, type IommuDevice } from '@ioasis/core';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { equal, same } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** Several devices: on one domain, in one group, at the ends of the requester numbers. */
export const devices: CaseArea = {
  name: 'devices',
  cases: (traits) => [
    shared(traits),
    oneLeaves(traits),
    lastLeaves(traits),
    inGroup(traits),
    farApart(traits),
    steady(),
    coherency(),
  ],
};

function shared(traits: BackendTraits): CaseBody {
  return {
    name: 'five devices on one domain see its changes alike',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      const domain = bench.domain();
      const all = [0, 1, 2, 3, 4].map((index) => bench.device(index));
      for (const device of all) bench.attach(device, domain);
      domain.map(iova, TARGET, 2n * page);
      for (const device of all) bench.expectReach(device, iova + page, TARGET + page, Access.WRITE);
      domain.unmap(iova, 2n * page);
      for (const device of all) bench.expectReach(device, iova + page, undefined, Access.WRITE);
      domain.map(iova + page, TARGET, page);
      for (const device of all) bench.expectReach(device, iova + page, TARGET);
    },
  };
}

function oneLeaves(traits: BackendTraits): CaseBody {
  return {
    name: 'a device that leaves a domain is blocked, and the one that stays is not disturbed',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      const domain = bench.attached();
      bench.attach(bench.device(1), domain);
      domain.map(iova, TARGET, page);
      domain.map(iova + page, TARGET + page, page);
      for (const index of [0, 1]) bench.expectReach(bench.device(index), iova, TARGET);
      bench.backend.detach(bench.device(1));
      bench.expectReach(bench.device(1), iova, undefined);
      bench.expectReach(bench.device(0), iova, TARGET);
      domain.unmap(iova, page);
      bench.expectReach(bench.device(0), iova, undefined);
      bench.expectReach(bench.device(0), iova + page, TARGET + page);
    },
  };
}

function lastLeaves(traits: BackendTraits): CaseBody {
  return {
    name: 'a domain that all devices left is changed, and shows the change to one that comes back',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 2n * page);
      const domain = bench.attached();
      domain.map(iova, TARGET, page);
      bench.expectReach(bench.device(), iova, TARGET);
      bench.backend.detach(bench.device());
      domain.unmap(iova, page);
      domain.map(iova, TARGET + page, page);
      bench.attach(bench.device(), domain);
      bench.expectReach(bench.device(), iova, TARGET + page);
    },
  };
}

function inGroup(traits: BackendTraits): CaseBody {
  return {
    name: 'two devices of one group go to a domain and to the next one, one after the other',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const members = [bench.device(0, 7), bench.device(1, 7)];
      const domains = [bench.domain(), bench.domain()];
      domains.forEach((domain, index) => domain.map(iova, TARGET + BigInt(index) * page, page));
      for (const [index, domain] of domains.entries()) {
        for (const member of members) bench.attach(member, domain);
        for (const member of members) bench.expectReach(member, iova, TARGET + BigInt(index) * page);
      }
      for (const member of members) bench.backend.detach(member);
      for (const member of members) bench.expectReach(member, iova, undefined);
    },
  };
}

function farApart(traits: BackendTraits): CaseBody {
  return {
    name: 'requesters with the lowest and the highest number of a segment are told apart',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, page);
      const numbers = [0, 1, 0xff, 0x100, 0x8000, 0xff00, 0xffff];
      const all: IommuDevice[] = numbers.map((requesterId) => ({
        ...bench.stranger(30),
        name: `requester ${requesterId}`,
        requesterId,
      }));
      for (const [index, device] of all.entries()) {
        equal(bench.backend.addDevice(device), 0, `errno of adding ${device.name}`);
        const domain = bench.domain();
        domain.map(iova, TARGET + BigInt(index) * page, page);
        bench.attach(device, domain);
      }
      for (const [index, device] of all.entries()) bench.expectReach(device, iova, TARGET + BigInt(index) * page);
      for (const device of all) bench.backend.detach(device);
      for (const device of all) bench.expectReach(device, iova, undefined);
    },
  };
}

function steady(): CaseBody {
  return {
    name: 'what a backend says of a device is the same every time, and does not change while it is used',
    run: (bench) => {
      const { backend } = bench;
      const device = bench.device();
      const tell = (): unknown => ({
        capabilities: backend.capabilitiesOf(device),
        reserved: backend.reservedRegions(device),
        info: { type: backend.hwInfo(device).type, data: [...backend.hwInfo(device).data] },
      });
      const before = tell();
      backend.hwInfo(device).data.fill(0xa5);
      bench.attached();
      same(tell(), before, 'capabilities, reserved regions and hardware information');
      equal(backend.unitOf(device), bench.unit(), 'the unit of the device');
    },
  };
}

function coherency(): CaseBody {
  return {
    name: 'a domain enforces cache coherency exactly when the device says it can',
    run: (bench) => {
      const { enforceCacheCoherency } = bench.backend.capabilitiesOf(bench.device());
      equal(bench.domain().domain.enforceCacheCoherency(), enforceCacheCoherency, 'what enforceCacheCoherency answers');
    },
  };
}
