import { Access, DmaEngine, hex } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { BenchDomain } from '../bench-domain.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { equal } from '../expectations.js';
import {
  hasPlace,
  placeFor,
  sizeName,
  smallest,
  someShifts,
  TARGET,
  targetFor,
  type BackendTraits,
} from '../traits.js';

/** Mapping, unmapping and looking up at every page size and alignment. */
export const pages: CaseArea = {
  name: 'pages',
  cases: (traits) => [
    ...traits.pageShifts
      .filter((shift) => hasPlace(traits, 1n << BigInt(shift)))
      .map((shift) => onePage(traits, shift)),
    ...someShifts(traits, 4n).map((shift) => threePages(traits, shift)),
    ...tableBorders(traits).map((shift) => acrossBorder(traits, shift)),
    everyAlignment(traits),
    scattered(traits),
    again(traits),
    data(traits),
  ],
};

/** Where software and hardware find an IOVA; undefined: nowhere. */
function expectBoth(bench: Bench, domain: BenchDomain, iova: bigint, pa: bigint | undefined): void {
  equal(domain.lookUp(iova), pa, () => `iovaToPhys of ${hex(iova)}`);
  bench.expectReach(bench.device(), iova, pa);
}

function onePage(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `one page of ${sizeName(shift)} is mapped, reached from its first to its last byte, and gone after an unmap`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const iova = placeFor(traits, bytes);
      const pa = targetFor(bytes);
      const domain = bench.attached();
      const probes = [0n, 1n, bytes / 2n - 1n, bytes / 2n, bytes - 4n, bytes - 1n];
      domain.mapPages(iova, pa, shift);
      for (const offset of probes) expectBoth(bench, domain, iova + offset, pa + offset);
      if (iova > traits.aperture.start) expectBoth(bench, domain, iova - 1n, undefined);
      if (iova + bytes <= traits.aperture.last) expectBoth(bench, domain, iova + bytes, undefined);
      domain.unmap(iova, bytes);
      for (const offset of probes) expectBoth(bench, domain, iova + offset, undefined);
    },
  };
}

function threePages(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `of three pages of ${sizeName(shift)} the middle one goes and its neighbours stay`,
    run: (bench) => {
      const bytes = 1n << BigInt(shift);
      const iova = placeFor(traits, 4n * bytes) + (bytes === smallest(traits) ? bytes : 0n);
      const pa = targetFor(bytes);
      const domain = bench.attached();
      domain.mapPages(iova, pa, shift, 3);
      for (const page of [0n, 1n, 2n]) expectBoth(bench, domain, iova + page * bytes, pa + page * bytes);
      domain.unmap(iova + bytes, bytes);
      expectBoth(bench, domain, iova + bytes - 1n, pa + bytes - 1n);
      expectBoth(bench, domain, iova + bytes, undefined);
      expectBoth(bench, domain, iova + 2n * bytes - 1n, undefined);
      expectBoth(bench, domain, iova + 2n * bytes, pa + 2n * bytes);
    },
  };
}

/** log2 of what tables of different levels cover: the larger page sizes, and what trees of 512 entries have. */
const tableBorders = (traits: BackendTraits): number[] =>
  [...new Set([21, 30, ...traits.pageShifts.slice(1)])]
    .filter((shift) => shift <= 30 && hasPlace(traits, 2n << BigInt(shift)))
    .toSorted((a, b) => a - b);

function acrossBorder(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a run of eight pages crosses a multiple of ${sizeName(shift)}`,
    run: (bench) => {
      const page = smallest(traits);
      const border = placeFor(traits, 2n << BigInt(shift), 1n << BigInt(shift)) + (1n << BigInt(shift));
      const iova = border - 3n * page;
      const domain = bench.attached();
      domain.mapPages(iova, TARGET, traits.pageShifts[0]!, 8);
      const reach = (index: bigint): bigint => TARGET + index * page;
      expectBoth(bench, domain, iova - 1n, undefined);
      for (let index = 0n; index < 8n; index++) expectBoth(bench, domain, iova + index * page, reach(index));
      expectBoth(bench, domain, iova + 8n * page, undefined);
      domain.unmap(iova, 8n * page);
      for (let index = 0n; index < 8n; index++) expectBoth(bench, domain, iova + index * page, undefined);
    },
  };
}

function everyAlignment(traits: BackendTraits): CaseBody {
  return {
    name: 'runs of one to five pages at every small offset of IOVA and physical address',
    run: (bench) => {
      const page = smallest(traits);
      const base = placeFor(traits, 64n * page);
      const domain = bench.attached();
      for (let from = 1n; from <= 4n; from++) {
        for (let to = 0n; to <= 3n; to++) {
          for (let length = 1n; length <= 5n; length++) {
            domain.map(base + from * page, TARGET + to * page, length * page);
            for (let index = 0n; index < 11n; index++) {
              const isMapped = index >= from && index < from + length;
              expectBoth(
                bench,
                domain,
                base + index * page,
                isMapped ? TARGET + (to + index - from) * page : undefined,
              );
            }
            domain.unmap(base + from * page, length * page);
          }
        }
      }
    },
  };
}

function scattered(traits: BackendTraits): CaseBody {
  return {
    name: 'sixty-four neighbours lead to pages in the opposite order',
    run: (bench) => {
      const page = smallest(traits);
      const base = placeFor(traits, 64n * page);
      const domain = bench.attached();
      for (let index = 0n; index < 64n; index++) domain.map(base + index * page, TARGET + (63n - index) * page, page);
      for (let index = 0n; index < 64n; index++) {
        expectBoth(bench, domain, base + index * page + 5n, TARGET + (63n - index) * page + 5n);
      }
      for (let index = 0n; index < 64n; index += 2n) domain.unmap(base + index * page, page);
      for (let index = 0n; index < 64n; index++) {
        const isMapped = index % 2n === 1n;
        expectBoth(bench, domain, base + index * page, isMapped ? TARGET + (63n - index) * page : undefined);
      }
    },
  };
}

function again(traits: BackendTraits): CaseBody {
  return {
    name: 'what was unmapped is mapped again, elsewhere',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 4n * page);
      const domain = bench.attached();
      for (let round = 0n; round < 4n; round++) {
        domain.map(iova, TARGET + round * 8n * page, 4n * page);
        expectBoth(bench, domain, iova + 3n * page, TARGET + (round * 8n + 3n) * page);
        domain.unmap(iova, 4n * page);
      }
    },
  };
}

function data(traits: BackendTraits): CaseBody {
  return {
    name: 'bytes that a device writes over a page border are where the pages lead, and it reads them back',
    run: (bench) => {
      // Requests are cut at 4 KiB, also where IO pages are smaller.
      const page = smallest(traits) > 4096n ? smallest(traits) : 4096n;
      const iova = placeFor(traits, 2n * page);
      const domain = bench.attached();
      const device = bench.device();
      domain.map(iova, TARGET + 8n * page, page);
      domain.map(iova + page, TARGET, page);
      const port = new DmaEngine(bench.unit(), bench.memory, device.requesterId);
      const sent = Uint8Array.from({ length: 32 }, (_, index) => 0x40 + index);
      equal(port.write(iova + page - 16n, sent).status, 'ok', 'status of the write');
      const [head, tail] = [new Uint8Array(16), new Uint8Array(16)];
      bench.memory.read(TARGET + 9n * page - 16n, head);
      bench.memory.read(TARGET, tail);
      equal([...head, ...tail].join(), sent.join(), 'bytes in memory');
      const back = port.read(iova + page - 16n, 32);
      equal(back.status, 'ok', 'status of the read');
      equal(back.data.join(), sent.join(), 'bytes read back');
      bench.expectReach(device, iova, TARGET + 8n * page, Access.WRITE);
    },
  };
}
