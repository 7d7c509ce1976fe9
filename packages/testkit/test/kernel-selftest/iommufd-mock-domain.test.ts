import { describe, expect, it } from 'vitest';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { MockDomainIds } from '@ioasis/testkit';
import { APERTURE, CLEAN, codeOf, DATA, errnoOf, MockBench, ok, PAGE } from '../mock/mock-bench.js';

/* The bodies of the fixture `iommufd_mock_domain` of Linux's tools/testing/selftests/iommu, by name. */

interface Variant {
  readonly name: string;
  readonly domains: number;
  readonly hugePages: boolean;
}

const variants: readonly Variant[] = [
  { name: 'one_domain', domains: 1, hugePages: false },
  { name: 'two_domains', domains: 2, hugePages: false },
  { name: 'one_domain_hugepage', domains: 1, hugePages: true },
  { name: 'two_domains_hugepage', domains: 2, hugePages: true },
];

const BUFFER = 0x25_0000_0000n;
/** IO page of the mock, bytes. */
const IO_PAGE = 0x800n;

interface Fixture {
  readonly bench: MockBench;
  readonly ioasId: number;
  readonly devices: readonly MockDomainIds[];
  /** Bytes of memory at {@link BUFFER}. */
  readonly size: bigint;
}

function withDomains({ domains, hugePages }: Variant, body: (fixture: Fixture) => void): void {
  const bench = new MockBench();
  const size = hugePages ? 0x40_0000n : 8n * PAGE;
  ok(bench.process.addressSpace.mmap(BUFFER, size, 'rw', { kind: hugePages ? 'huge2m' : 'shared' }));
  const ioasId = ok(bench.iommufd.ioasAlloc());
  const devices = Array.from({ length: domains }, () => ok(bench.mock.mockDomain(ioasId)));
  body({ bench, ioasId, devices, size });
  bench.process.exit();
  expect(bench.close()).toEqual(CLEAN);
}

/** Every page table shows the range. */
function checkEverywhere({ bench, devices }: Fixture, iova: bigint, userVa: bigint, length: bigint): void {
  for (const { hwptId } of devices) ok(bench.mock.checkMap(hwptId, { iova, userVa, length }));
}

/** Starts and ends of ranges in the buffer: all multiples of an IO page, fewer where that takes long. */
function* ranges(
  { size }: Fixture,
  hugePages: boolean,
): Generator<{ readonly userVa: bigint; readonly length: bigint }> {
  const step = hugePages ? size / 16n : IO_PAGE;
  for (let start = 0n; start < size; start += step) {
    for (let end = hugePages ? size - IO_PAGE : start + IO_PAGE; end < size; end += IO_PAGE) {
      if (end > start) yield { userVa: BUFFER + start, length: end - start };
    }
  }
}

describe.for(variants)('iommufd_mock_domain $name', { timeout: 60_000 }, (variant) => {
  it('basic', () =>
    withDomains(variant, (fixture) => {
      const { bench, ioasId, size } = fixture;
      const iova = ok(bench.iommufd.ioasMap({ ioasId, userVa: BUFFER, length: size }));
      checkEverywhere(fixture, iova, BUFFER, size);
      // Nothing is left of a map that hits unmapped memory in its middle.
      const broken = { ioasId, userVa: BUFFER + size - PAGE, length: 2n * PAGE };
      expect(errnoOf(bench.iommufd.ioasMap(broken))).toBe('EFAULT');
      expect(ok(bench.iommufd.ioasUnmapAll(ioasId))).toBe(size);
    }));

  it('ro_unshare', () =>
    withDomains(variant, (fixture) => {
      const { bench, ioasId } = fixture;
      const { addressSpace } = bench.process;
      ok(addressSpace.mmap(0x26_0000_0000n, PAGE, 'rw', { kind: 'private' }));
      const iova = ok(bench.iommufd.ioasMap({ ioasId, userVa: 0x26_0000_0000n, length: PAGE, writable: false }));
      checkEverywhere(fixture, iova, 0x26_0000_0000n, PAGE);
      addressSpace.poke(0x26_0000_0000n, new Uint8Array(Number(PAGE)).fill(1));
      checkEverywhere(fixture, iova, 0x26_0000_0000n, PAGE);
    }));

  it('all_aligns', () =>
    withDomains(variant, (fixture) => {
      const { bench, ioasId } = fixture;
      for (const { userVa, length } of ranges(fixture, variant.hugePages)) {
        const iova = ok(bench.iommufd.ioasMap({ ioasId, userVa, length }));
        expect(iova % PAGE).toBe(userVa % PAGE);
        checkEverywhere(fixture, iova, userVa, length);
        const pages = { start: userVa & ~(PAGE - 1n), end: (userVa + length + PAGE - 1n) & ~(PAGE - 1n) };
        ok(bench.mock.checkRefs(pages.start, pages.end - pages.start, 1));
        expect(ok(bench.iommufd.ioasUnmap(ioasId, iova, length))).toBe(length);
      }
      ok(bench.mock.checkRefs(BUFFER, fixture.size, 0));
    }));

  it('all_aligns_copy', () =>
    withDomains(variant, (fixture) => {
      const { bench, ioasId } = fixture;
      for (const { userVa, length } of ranges(fixture, variant.hugePages)) {
        const iova = ok(bench.iommufd.ioasMap({ ioasId, userVa, length }));
        const added = ok(bench.mock.mockDomain(ioasId));
        ok(bench.mock.checkMap(added.hwptId, { iova, userVa, length }));
        checkEverywhere(fixture, iova, userVa, length);
        ok(bench.mock.checkRefs(userVa & ~(PAGE - 1n), PAGE, 1));
        ok(bench.iommufd.destroy(added.stdevId));
        ok(bench.iommufd.ioasUnmap(ioasId, iova, length));
      }
      ok(bench.mock.checkRefs(BUFFER, fixture.size, 0));
    }));

  it('user_copy', () =>
    withDomains(variant, (fixture) => {
      const { bench, ioasId } = fixture;
      const { iommufd, mock } = bench;
      const length = 16n * PAGE;
      const range = { userVa: DATA, length };
      // Pinned by an access where no page table is, then copied to where some are.
      const first = ok(iommufd.ioasAlloc());
      const source = ok(iommufd.ioasMap({ ioasId: first, ...range }));
      const fd = ok(mock.createAccess(first, true));
      ok(mock.pinPages(fd, { ...range, iova: source }, true));
      const copy = (srcIoasId: number, srcIova: bigint): void => {
        ok(iommufd.ioasCopy({ srcIoasId, srcIova, length, dstIoasId: ioasId, dstIova: APERTURE }));
        checkEverywhere(fixture, APERTURE, DATA, length);
      };
      copy(first, source);
      ok(mock.checkRefs(DATA, length, 1));
      const second = ok(iommufd.ioasAlloc());
      const other = ok(iommufd.ioasMap({ ioasId: second, ...range }));
      ok(mock.replaceAccess(fd, second));
      ok(iommufd.ioasUnmap(ioasId, APERTURE, length));
      ok(iommufd.destroy(first));
      const pinned = ok(mock.pinPages(fd, { ...range, iova: other }, true));
      copy(second, other);
      ok(mock.unpinPages(fd, pinned));
      ok(bench.process.close(fd));
      ok(iommufd.destroy(second));
      ok(mock.checkRefs(DATA, length, 1));
    }));

  it('replace', () =>
    withDomains(variant, ({ bench, ioasId, devices }) => {
      const { iommufd, mock } = bench;
      const other = ok(iommufd.ioasAlloc());
      const { stdevId, hwptId } = devices[0]!;
      const moved = ok(mock.replace(stdevId, other));
      // The page table of the first IOAS went with its last device.
      const back = mock.replace(stdevId, hwptId);
      expect(errnoOf(back)).toBe(devices.length === 1 ? 'ENOENT' : 'ok');
      if (!isLeft(back)) expect(errnoOf(mock.replace(stdevId, moved))).toBe('ENOENT');
      ok(mock.replace(stdevId, other));
      ok(mock.replace(stdevId, other));
      ok(mock.replace(stdevId, ioasId));
      ok(iommufd.destroy(other));
    }));

  it('alloc_hwpt', () =>
    withDomains(variant, ({ bench, ioasId, devices }) => {
      const { iommufd, mock } = bench;
      for (const { stdevId, deviceId } of devices) {
        expect(codeOf(iommufd.hwptAlloc({ deviceId, ptId: ioasId, faultId: 1 }))).toBe('HWPT_ALLOC_FLAGS');
        const [flat, parent] = [
          ok(iommufd.hwptAlloc({ deviceId, ptId: ioasId })),
          ok(iommufd.hwptAlloc({ deviceId, ptId: ioasId, nestParent: true })),
        ];
        for (const id of [flat, parent]) {
          ok(mock.replace(stdevId, id));
          expect(errnoOf(iommufd.destroy(id))).toBe('EBUSY');
        }
        ok(mock.replace(stdevId, ioasId));
        ok(iommufd.destroy(parent));
        const other = ok(mock.mockDomain(flat));
        expect(errnoOf(iommufd.destroy(flat))).toBe('EBUSY');
        ok(iommufd.destroy(other.stdevId));
        ok(iommufd.destroy(flat));
      }
    }));
});
