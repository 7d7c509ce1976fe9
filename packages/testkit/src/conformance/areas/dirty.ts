import { Access, DIRTY_NO_CLEAR, Errno, hi32, HwptFlag, IotlbGather, join64, lo32, Prot, hex } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { BenchDomain } from '../bench-domain.js';
import type { CaseArea, CaseBody } from '../conformance-case.js';
import { ensure, equal, same } from '../expectations.js';
import { placeFor, sizeName, smallest, someShifts, TARGET, targetFor, type BackendTraits } from '../traits.js';

/** Which pages devices have written. */
export const dirty: CaseArea = {
  name: 'dirty tracking',
  cases: (traits) => {
    if (!traits.capabilities.dirtyTracking) return [without()];
    return [
      ordinary(),
      exactly(traits),
      readsOnly(traits),
      kept(traits),
      cleared(traits),
      discarded(traits),
      writtenAgain(traits),
      switchedOff(traits),
      afterFilling(traits),
      partOfRange(traits),
      twoDevices(traits),
      ...someShifts(traits, 1n).map((shift) => wholePage(traits, shift)),
    ];
  },
};

function without(): CaseBody {
  return {
    name: 'a domain with dirty tracking is refused with EOPNOTSUPP',
    gap: 'no dirty tracking (DeviceCapabilities.dirtyTracking)',
    run: (bench) => {
      const answer = bench.backend.allocPaging(bench.device(), HwptFlag.DIRTY_TRACKING, undefined);
      equal(answer, Errno.EOPNOTSUPP, 'errno of the allocation');
      equal(bench.domain().domain.dirty, undefined, 'dirty operations of an ordinary domain');
    },
  };
}

/** Runs of written bytes `[start, last]`, neighbours joined. */
function readDirty(domain: BenchDomain, iova: bigint, bytes: bigint, flags: number = 0): string[] {
  const marked: { start: bigint; end: bigint }[] = [];
  const sink = {
    mark(hi: number, lo: number, length: number) {
      const start = join64(hi, lo);
      const before = marked.at(-1);
      ensure(before === undefined || start >= before.end, 'dirty pages come in ascending order, each once');
      if (before?.end === start) before.end = start + BigInt(length);
      else marked.push({ start, end: start + BigInt(length) });
    },
  };
  const gather = new IotlbGather();
  const errno = opsOf(domain).readAndClear(hi32(iova), lo32(iova), Number(bytes), flags, sink, gather);
  equal(errno, 0, 'errno of reading dirty pages');
  domain.domain.syncUnmap(gather);
  return marked.map(({ start, end }) => `${hex(start)}..${hex(end - 1n)}`);
}

function opsOf(domain: BenchDomain): NonNullable<BenchDomain['domain']['dirty']> {
  const { dirty: ops } = domain.domain;
  ensure(ops !== undefined, 'a domain that was asked for with dirty tracking has dirty operations');
  return ops;
}

const run = (start: bigint, bytes: bigint): string => `${hex(start)}..${hex(start + bytes - 1n)}`;

/** Sixteen pages that no large page holds, with tracking on and clean. */
function tracked(
  bench: Bench,
  traits: BackendTraits,
): { readonly domain: BenchDomain; readonly iova: bigint; readonly page: bigint; readonly bytes: bigint } {
  const page = smallest(traits);
  const iova = placeFor(traits, 16n * page);
  const domain = bench.attached(HwptFlag.DIRTY_TRACKING);
  domain.map(iova, TARGET + page, 16n * page);
  equal(opsOf(domain).setTracking(true), 0, 'errno of switching tracking on');
  readDirty(domain, iova, 16n * page);
  return { domain, iova, page, bytes: 16n * page };
}

function write(bench: Bench, iova: bigint, index: number = 0): void {
  ensure(
    bench.request(bench.device(index), iova, Access.WRITE).pa !== undefined,
    `the write at ${hex(iova)} is allowed`,
  );
}

function ordinary(): CaseBody {
  return {
    name: 'a domain that was not asked for with dirty tracking has none',
    run: (bench) => equal(bench.domain().domain.dirty, undefined, 'dirty operations'),
  };
}

function exactly(traits: BackendTraits): CaseBody {
  return {
    name: 'the pages that were written are reported, and no others',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      for (const index of [0n, 3n, 4n, 5n, 15n]) write(bench, iova + index * page + 0x10n);
      same(
        readDirty(domain, iova, bytes),
        [run(iova, page), run(iova + 3n * page, 3n * page), run(iova + 15n * page, page)],
        'dirty runs',
      );
    },
  };
}

function readsOnly(traits: BackendTraits): CaseBody {
  return {
    name: 'reads make nothing dirty, and neither do refused writes',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      for (let index = 0n; index < 16n; index++)
        bench.expectReach(bench.device(), iova + index * page, TARGET + (index + 1n) * page);
      domain.unmap(iova + 2n * page, page);
      domain.map(iova + 2n * page, TARGET + 3n * page, page, Prot.READ);
      bench.request(bench.device(), iova + 2n * page, Access.WRITE);
      bench.request(bench.device(), iova + bytes, Access.WRITE);
      same(
        readDirty(domain, iova, bytes),
        traits.deviation('rights') === undefined ? [] : [run(iova + 2n * page, page)],
        'dirty runs',
      );
    },
  };
}

function kept(traits: BackendTraits): CaseBody {
  return {
    name: 'reading without clearing says the same twice',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      write(bench, iova + 7n * page);
      for (let round = 0; round < 2; round++) {
        same(readDirty(domain, iova, bytes, DIRTY_NO_CLEAR), [run(iova + 7n * page, page)], 'dirty runs');
      }
      same(readDirty(domain, iova, bytes), [run(iova + 7n * page, page)], 'dirty runs of the read that clears');
    },
  };
}

function cleared(traits: BackendTraits): CaseBody {
  return {
    name: 'a read that clears leaves nothing',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      write(bench, iova + page);
      write(bench, iova + 9n * page);
      equal(readDirty(domain, iova, bytes).length, 2, 'dirty runs');
      same(readDirty(domain, iova, bytes), [], 'dirty runs of the second read');
      bench.expectReach(bench.device(), iova + page, TARGET + 2n * page);
    },
  };
}

function discarded(traits: BackendTraits): CaseBody {
  return {
    name: 'without a sink pages are only cleared',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      write(bench, iova + page);
      const gather = new IotlbGather();
      equal(opsOf(domain).readAndClear(hi32(iova), lo32(iova), Number(bytes), 0, null, gather), 0, 'errno of clearing');
      domain.domain.syncUnmap(gather);
      same(readDirty(domain, iova, bytes), [], 'dirty runs');
    },
  };
}

function writtenAgain(traits: BackendTraits): CaseBody {
  const gap = traits.deviation('dirty-again');
  const body = (bench: Bench): void => {
    const { domain, iova, page, bytes } = tracked(bench, traits);
    const expected = [run(iova + 5n * page, page)];
    for (let round = 0; round < 3; round++) {
      write(bench, iova + 5n * page);
      const isLost = gap !== undefined && round > 0 && traits.keepsTranslations;
      same(readDirty(domain, iova, bytes), isLost ? [] : expected, `dirty runs of round ${round}`);
    }
    if (gap === undefined) return;
    domain.domain.flushAll();
    write(bench, iova + 5n * page);
    same(readDirty(domain, iova, bytes), expected, 'dirty runs after everything was flushed');
  };
  return gap === undefined
    ? { name: 'a page that is written again after it was cleared is dirty again', run: body }
    : {
        name: 'a page that is written again is dirty again once everything is flushed',
        gap: `cleaned pages stay in caches: ${gap}`,
        run: body,
      };
}

function switchedOff(traits: BackendTraits): CaseBody {
  const gap = traits.deviation('tracking-off');
  const body = (bench: Bench): void => {
    const { domain, iova, page, bytes } = tracked(bench, traits);
    write(bench, iova + page);
    equal(opsOf(domain).setTracking(false), 0, 'errno of switching tracking off');
    const gather = new IotlbGather();
    const sink = { mark: () => undefined };
    const errno = opsOf(domain).readAndClear(hi32(iova), lo32(iova), Number(bytes), 0, sink, gather);
    equal(errno, gap === undefined ? Errno.EINVAL : 0, 'errno of reading while tracking is off');
    domain.domain.syncUnmap(gather);
    bench.expectReach(bench.device(), iova + page, TARGET + 2n * page, Access.WRITE);
    equal(opsOf(domain).setTracking(true), 0, 'errno of switching tracking on again');
    if (gap !== undefined) return;
    readDirty(domain, iova, bytes);
    write(bench, iova + 2n * page);
    same(readDirty(domain, iova, bytes), [run(iova + 2n * page, page)], 'dirty runs after tracking is on again');
  };
  return gap === undefined
    ? { name: 'while tracking is off dirty pages are not read (EINVAL), and it can be switched on again', run: body }
    : { name: 'dirty pages are read also while tracking is off', gap: `tracking has no switch: ${gap}`, run: body };
}

function afterFilling(traits: BackendTraits): CaseBody {
  return {
    name: 'tracking that begins after caches were filled misses no write',
    run: (bench) => {
      const page = smallest(traits);
      const iova = placeFor(traits, 4n * page);
      const domain = bench.attached(HwptFlag.DIRTY_TRACKING);
      domain.map(iova, TARGET + page, 4n * page);
      bench.expectReach(bench.device(), iova, TARGET + page);
      if (traits.deviation('tracking-off') === undefined)
        bench.expectReach(bench.device(), iova + page, TARGET + 2n * page, Access.WRITE);
      equal(opsOf(domain).setTracking(true), 0, 'errno of switching tracking on');
      const gather = new IotlbGather();
      opsOf(domain).readAndClear(hi32(iova), lo32(iova), Number(4n * page), 0, null, gather);
      domain.domain.syncUnmap(gather);
      if (traits.deviation('dirty-again') !== undefined) domain.domain.flushAll();
      write(bench, iova);
      write(bench, iova + page);
      same(readDirty(domain, iova, 4n * page), [run(iova, 2n * page)], 'dirty runs');
    },
  };
}

function partOfRange(traits: BackendTraits): CaseBody {
  return {
    name: 'a read of a part of the pages leaves the others dirty',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      for (const index of [1n, 6n, 12n]) write(bench, iova + index * page);
      same(readDirty(domain, iova + 4n * page, 4n * page), [run(iova + 6n * page, page)], 'dirty runs of the middle');
      same(readDirty(domain, iova, bytes), [run(iova + page, page), run(iova + 12n * page, page)], 'dirty runs of all');
    },
  };
}

function twoDevices(traits: BackendTraits): CaseBody {
  return {
    name: 'writes of every device on the domain are seen, also of one that comes later',
    run: (bench) => {
      const { domain, iova, page, bytes } = tracked(bench, traits);
      bench.attach(bench.device(1), domain);
      write(bench, iova + 2n * page, 0);
      write(bench, iova + 11n * page, 1);
      same(readDirty(domain, iova, bytes), [run(iova + 2n * page, page), run(iova + 11n * page, page)], 'dirty runs');
    },
  };
}

function wholePage(traits: BackendTraits, shift: number): CaseBody {
  return {
    name: `a page of ${sizeName(shift)} is dirty as a whole`,
    run: (bench) => {
      const page = 1n << BigInt(shift);
      const iova = placeFor(traits, page);
      const domain = bench.attached(HwptFlag.DIRTY_TRACKING);
      domain.mapPages(iova, targetFor(page), shift);
      equal(opsOf(domain).setTracking(true), 0, 'errno of switching tracking on');
      // As core does: what a driver calls dirty in a new mapping is of no interest.
      readDirty(domain, iova, page);
      same(readDirty(domain, iova, page), [], 'dirty runs of a page that nobody wrote');
      write(bench, iova + page / 2n);
      same(readDirty(domain, iova, page), [run(iova, page)], 'dirty runs');
    },
  };
}
