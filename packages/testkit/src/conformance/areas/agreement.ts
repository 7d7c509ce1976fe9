import { Access, Prot, hex } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

/** The driver's look-up, the unit's explanation and the unit's answer say the same. */
export const agreement: CaseArea = {
  name: 'agreement',
  cases: (traits) => [threeViews(traits), ...(traits.hasHardware ? [steps(traits), inTables(traits)] : [])],
};

function compare(bench: Bench, lookUp: (iova: bigint) => bigint | undefined, iova: bigint): void {
  const software = lookUp(iova);
  for (const access of [Access.READ, Access.WRITE]) {
    const explained = bench.explained(bench.device(), iova, access);
    equal(
      bench.request(bench.device(), iova, access).pa,
      explained,
      `where a request at ${hex(iova)} goes, compared with explain`,
    );
    ensure(explained === undefined || explained === software, 'what a device reaches is what iovaToPhys finds');
  }
  const readable =
    bench.explained(bench.device(), iova, Access.READ) ?? bench.explained(bench.device(), iova, Access.WRITE);
  equal(readable, software, `where ${hex(iova)} goes for some access, compared with iovaToPhys`);
}

function threeViews(traits: BackendTraits): CaseBody {
  return {
    name: 'iovaToPhys, explain and translate agree on pages of every size and right, and around them',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 1n << 26n, 1n << 22n);
      const domain = bench.attached();
      const runs: readonly (readonly [offset: bigint, pa: bigint, bytes: bigint, prot: number])[] = [
        [0n, TARGET, 3n * page, Prot.READ],
        [5n * page, TARGET + page, page, Prot.READ | Prot.WRITE],
        [1n << 22n, TARGET + (1n << 22n), 1n << 22n, Prot.READ | Prot.WRITE],
        [(1n << 23n) + page, TARGET + (1n << 24n), (1n << 21n) + page, Prot.READ],
      ];
      for (const [offset, pa, bytes, prot] of runs) domain.map(iova + offset, pa, bytes, prot);
      for (const [offset, , bytes] of runs) {
        for (const probe of [-1n, 0n, page - 1n, bytes / 2n, bytes - 1n, bytes]) {
          if (iova + offset + probe >= traits.aperture.start)
            compare(bench, (at) => domain.lookUp(at), iova + offset + probe);
        }
      }
      for (const [offset, , bytes] of runs.slice(1, 3)) domain.unmap(iova + offset, bytes);
      for (const [offset, , bytes] of runs) {
        for (const probe of [0n, bytes - 1n]) compare(bench, (at) => domain.lookUp(at), iova + offset + probe);
      }
    },
  };
}

function steps(traits: BackendTraits): CaseBody {
  return {
    name: 'an explanation names every structure that it read, where it lies and what was in it',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const device = bench.device();
      bench.attached().map(iova, TARGET, smallest(traits));
      for (const at of [iova, iova + smallest(traits)]) {
        const walk = bench.unit().explain(device.requesterId, -1, at, Access.READ);
        ensure(walk.steps.length >= 2, 'a walk reads at least a structure of the device and an entry of a table');
        for (const { what, address, words, fields } of walk.steps) {
          ensure(
            what.length > 0 && words.length > 0 && Object.keys(fields).length > 0,
            'a step has a name, words and fields',
          );
          const bytes = new Uint8Array(8 * words.length);
          bench.memory.read(address, bytes);
          const view = new DataView(bytes.buffer);
          words.forEach((word, index) => equal(view.getBigUint64(8 * index, true), word, `word ${index} of ${what}`));
        }
      }
    },
  };
}

function inTables(traits: BackendTraits): CaseBody {
  return {
    name: 'a change of the last entry of a walk, made behind the driver, changes the explanation',
    run: (bench) => {
      const iova = placeFor(traits, smallest(traits));
      const device = bench.device();
      bench.attached().map(iova, TARGET, smallest(traits));
      const last = bench.unit().explain(device.requesterId, -1, iova, Access.READ).steps.at(-1);
      ensure(last !== undefined, 'the walk has steps');
      bench.memory.write(last.address, new Uint8Array(8));
      bench.memory.lineCache?.flushAll();
      equal(bench.explained(device, iova), undefined, 'where explain ends after the entry was zeroed');
      bench.backend.detach(device);
      bench.expectReach(device, iova, undefined);
    },
  };
}
