import { Access, DmaEngine, NO_PASID, Prot, type HardwareFault, hex } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** Who was refused, where and why. */
export const faults: CaseArea = {
  name: 'faults',
  cases: (traits) => [
    unmapped(traits),
    blocked(traits),
    ...(traits.deviation('rights') === undefined ? [notAllowed(traits)] : []),
    recordedOrNot(traits),
    counted(traits),
    many(traits),
    others(traits),
    partial(traits),
    quietExplanation(traits),
  ],
};

/** A refused request, checked for what every fault must say. */
function refusedRequest(bench: Bench, iova: bigint, access: number, index: number = 0): HardwareFault {
  const device = bench.device(index);
  const { pa, fault } = bench.request(device, iova, access);
  equal(pa, undefined, `where the request at ${hex(iova)} goes`);
  ensure(fault !== undefined, 'a refused request has a fault');
  equal(fault.requesterId, device.requesterId, 'requester of the fault');
  equal(fault.pasid, undefined, 'PASID of the fault');
  equal(fault.access, access === Access.WRITE ? 'write' : 'read', 'access of the fault');
  ensure(fault.name.length > 0 && fault.vendor.length > 0, 'a fault names its reason and its vendor');
  const walk = bench.unit(device).explain(device.requesterId, NO_PASID, iova, access);
  equal(walk.fault?.name, fault.name, 'reason that explain gives');
  equal(walk.fault?.code, fault.code, 'code that explain gives');
  return fault;
}

const placeOf = (traits: BackendTraits): bigint => placeFor(traits, 8n * smallest(traits));

function unmapped(traits: BackendTraits): CaseBody {
  return {
    name: 'a request for what is not mapped names requester, address, access and reason, as explain does',
    run: (bench) => {
      const iova = placeOf(traits) + 3n * smallest(traits) + 0x124n;
      bench.attached().map(placeOf(traits), TARGET, smallest(traits));
      for (const access of [Access.READ, Access.WRITE]) {
        const fault = refusedRequest(bench, iova, access);
        equal(fault.iova & ~0xfffn, iova & ~0xfffn, 'page of the fault');
      }
    },
  };
}

function blocked(traits: BackendTraits): CaseBody {
  return {
    name: 'a device on no domain is told so by a fault too',
    run: (bench) => {
      bench.device(1);
      bench.attached().map(placeOf(traits), TARGET, smallest(traits));
      const never = refusedRequest(bench, placeOf(traits), Access.READ, 1);
      bench.backend.detach(bench.device());
      const left = refusedRequest(bench, placeOf(traits), Access.READ, 0);
      equal(left.name, never.name, 'reason for a device that was detached, compared with one that never was attached');
    },
  };
}

function notAllowed(traits: BackendTraits): CaseBody {
  return {
    name: 'a write to a read-only page has another reason than a missing page, or says that it is a write',
    run: (bench) => {
      const iova = placeOf(traits);
      bench.attached().map(iova, TARGET, smallest(traits), Prot.READ);
      bench.expectReach(bench.device(), iova, TARGET);
      const denied = refusedRequest(bench, iova + 8n, Access.WRITE);
      const absent = refusedRequest(bench, iova + smallest(traits) + 8n, Access.READ);
      ensure(denied.name !== absent.name || denied.access !== absent.access, 'the two faults can be told apart');
      bench.expectReach(bench.device(), iova, TARGET);
    },
  };
}

function recordedOrNot(traits: BackendTraits): CaseBody {
  return {
    name: 'a fault has a record exactly when it says that one was written',
    run: (bench) => {
      bench.attached();
      const fault = refusedRequest(bench, placeOf(traits), Access.READ);
      equal(fault.record.length > 0, fault.recorded === 'recorded', 'whether the fault has a record');
      if (traits.hasHardware) equal(fault.recorded, 'recorded', 'what became of the first fault');
    },
  };
}

function counted(traits: BackendTraits): CaseBody {
  return {
    name: 'requests and faults are counted, one each',
    run: (bench) => {
      const iova = placeOf(traits);
      bench.attached().map(iova, TARGET, smallest(traits));
      const { counters } = bench.unit();
      const before = { translations: counters.translations, faults: counters.faults };
      for (let round = 0; round < 3; round++) bench.request(bench.device(), iova);
      for (let round = 0; round < 2; round++) bench.request(bench.device(), iova + smallest(traits));
      equal(counters.translations - before.translations, 5, 'translations that were counted');
      equal(counters.faults - before.faults, 2, 'faults that were counted');
    },
  };
}

function many(traits: BackendTraits): CaseBody {
  return {
    name: 'two thousand faults in a row leave the unit working',
    run: (bench) => {
      const iova = placeOf(traits);
      bench.attached().map(iova, TARGET, smallest(traits));
      for (let round = 0n; round < 2000n; round++) {
        const { pa, fault } = bench.request(bench.device(), iova + (1n + (round % 7n)) * smallest(traits));
        ensure(pa === undefined && fault !== undefined, 'every one of them is refused with a fault');
      }
      bench.expectReach(bench.device(), iova, TARGET);
      refusedRequest(bench, iova + smallest(traits), Access.WRITE);
    },
  };
}

function others(traits: BackendTraits): CaseBody {
  return {
    name: "one device's fault does not stop another device, nor its own next request",
    run: (bench) => {
      const iova = placeOf(traits);
      const domain = bench.attached();
      domain.map(iova, TARGET, smallest(traits));
      bench.attach(bench.device(1), domain);
      refusedRequest(bench, iova + smallest(traits), Access.READ, 0);
      bench.expectReach(bench.device(1), iova, TARGET);
      bench.expectReach(bench.device(0), iova, TARGET);
    },
  };
}

function partial(traits: BackendTraits): CaseBody {
  return {
    name: 'of a transfer over a missing page the other pieces arrive, and the refused one changes nothing',
    run: (bench) => {
      const page = smallest(traits) > 4096n ? smallest(traits) : 4096n;
      const iova = placeFor(traits, 4n * page);
      const domain = bench.attached();
      domain.map(iova, TARGET, page);
      domain.map(iova + 2n * page, TARGET + 2n * page, page);
      bench.memory.write(TARGET + page, new Uint8Array(16).fill(0x11));
      const port = new DmaEngine(bench.unit(), bench.memory, bench.device().requesterId);
      const outcome = port.write(iova + page - 16n, new Uint8Array(Number(page) + 32).fill(0x77));
      equal(outcome.status, 'partial', 'status of the write');
      const refusedBytes = outcome.pieces.reduce((sum, { pa, bytes }) => sum + (pa === undefined ? bytes : 0), 0);
      equal(BigInt(refusedBytes), page, 'bytes that were refused');
      const bytes = new Uint8Array(16);
      for (const [pa, value] of [
        [TARGET + page - 16n, 0x77],
        [TARGET + page, 0x11],
        [TARGET + 2n * page, 0x77],
      ] as const) {
        bench.memory.read(pa, bytes);
        equal(bytes.join(), new Uint8Array(16).fill(value).join(), `memory at ${hex(pa)}`);
      }
    },
  };
}

function quietExplanation(traits: BackendTraits): CaseBody {
  return {
    name: 'explaining counts nothing, records nothing and fills no cache',
    run: (bench) => {
      const iova = placeOf(traits);
      const domain = bench.attached();
      domain.map(iova, TARGET, smallest(traits));
      const device = bench.device();
      const unit = bench.unit();
      const before = JSON.stringify(unit.counters);
      equal(unit.explain(device.requesterId, NO_PASID, iova, Access.READ).pa, TARGET, 'where explain ends');
      equal(
        bench.explained(device, iova + smallest(traits), Access.WRITE),
        undefined,
        'where explain ends for what is not mapped',
      );
      equal(JSON.stringify(unit.counters), before, 'counters after explaining');
      const { syncUnmap } = domain.domain;
      domain.domain.syncUnmap = () => undefined;
      domain.unmap(iova, smallest(traits));
      domain.domain.syncUnmap = syncUnmap;
      bench.expectReach(device, iova, undefined);
    },
  };
}
