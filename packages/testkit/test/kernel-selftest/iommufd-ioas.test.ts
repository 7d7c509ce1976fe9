import { describe, expect, it } from 'vitest';
import { U64_MAX } from '@ioasis/core';
import { APERTURE, codeOf, DATA, errnoOf, ok, PAGE } from '../mock/mock-bench.js';
import { ioasVariants, PAGES, withIoas, type IoasFixture } from './ioas-variants.js';

/* The bodies of the fixture `iommufd_ioas` that need no access, by name. */

const mapAt = ({ bench, ioasId }: IoasFixture, iova: bigint, pages: bigint): string =>
  errnoOf(bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: pages * PAGE, iova }));
const unmapAt = ({ bench, ioasId }: IoasFixture, iova: bigint, pages: bigint): string =>
  errnoOf(bench.iommufd.ioasUnmap(ioasId, iova, pages * PAGE));

/** Largest power of two that divides a length. */
const naturalAlignment = (length: bigint): bigint => length & -length;

describe.for(ioasVariants)('iommufd_ioas $name', { timeout: 60_000 }, (variant) => {
  it('ioas_auto_destroy', () => withIoas(variant, ({ bench }) => ok(bench.process.close(bench.iommufd.fd))));

  it('ioas_destroy', () =>
    withIoas(variant, ({ bench, ioasId, devices }) => {
      expect(errnoOf(bench.iommufd.destroy(ioasId))).toBe(devices.length > 0 ? 'EBUSY' : 'ok');
    }));

  it('alloc_hwpt_nested', () =>
    withIoas(variant, ({ bench, ioasId, devices }) => {
      const { iommufd, mock } = bench;
      const data = { type: 0xdead, bytes: Uint8Array.of(0xef, 0xbe, 0xad, 0x0b) };
      const [device] = devices;
      if (device === undefined) {
        expect(errnoOf(iommufd.hwptAlloc({ deviceId: 9, ptId: ioasId, nestParent: true }))).toBe('ENOENT');
        return;
      }
      const { deviceId, hwptId } = device;
      const alloc = (ptId: number, more: object = {}) => iommufd.hwptAlloc({ deviceId, ptId, data, ...more });
      expect(errnoOf(alloc(hwptId))).toBe('EINVAL');
      expect(errnoOf(alloc(ioasId))).toBe('EOPNOTSUPP');
      const parent = ok(iommufd.hwptAlloc({ deviceId, ptId: ioasId, nestParent: true }));
      expect(codeOf(alloc(parent, { nestParent: true }))).toBe('HWPT_NESTED_FLAGS');
      expect(errnoOf(alloc(parent, { data: { type: 0xdead, bytes: Uint8Array.of(1) } }))).toBe('EINVAL');
      expect(errnoOf(alloc(parent, { data: { type: 1, bytes: data.bytes } }))).toBe('EOPNOTSUPP');
      const queue = ok(iommufd.faultQueueAlloc());
      expect(errnoOf(alloc(parent, { faultId: queue.faultId + 100 }))).toBe('ENOENT');
      const [first, second] = [ok(alloc(parent)), ok(alloc(parent, { faultId: queue.faultId }))];
      for (const nested of [first, second]) {
        for (let slot = 0; slot < 4; slot++) ok(mock.checkIotlb(nested, slot, 0xbad_beef));
        expect(errnoOf(mock.checkIotlb(nested, 4, 0xbad_beef))).toBe('EINVAL');
      }
      expect(errnoOf(alloc(first))).toBe('EINVAL');
      expect(errnoOf(iommufd.destroy(parent))).toBe('EBUSY');
      const entry = (flags: number, slot: number): number[] => [flags, 0, 0, 0, slot, 0, 0, 0];
      const invalidate = (id: number, ...entries: number[][]) =>
        iommufd.invalidate(id, 0xdead_beef, 8, Uint8Array.from(entries.flat()));
      expect(invalidate(hwptId, entry(0, 0)).refusal?.errno).toBe('ENOENT');
      expect(iommufd.invalidate(first, 0xdad_beef, 8, new Uint8Array(8))).toMatchObject({
        handled: 0,
        refusal: { errno: 'EINVAL' },
      });
      expect(invalidate(first, entry(0, 1), entry(2, 0), entry(0, 3))).toMatchObject({
        handled: 1,
        refusal: { errno: 'EOPNOTSUPP' },
      });
      expect(invalidate(first, entry(0, 2), entry(0, 4))).toMatchObject({ handled: 1, refusal: { errno: 'EINVAL' } });
      expect([0, 1, 2, 3].map((slot) => errnoOf(mock.checkIotlb(first, slot, 0)))).toEqual([
        'EINVAL',
        'ok',
        'ok',
        'EINVAL',
      ]);
      expect(invalidate(first, entry(1, 0))).toEqual({ handled: 1, refusal: undefined });
      for (let slot = 0; slot < 4; slot++) ok(mock.checkIotlb(first, slot, 0));
      ok(mock.replace(device.stdevId, second));
      expect(errnoOf(iommufd.destroy(second))).toBe('EBUSY');
      ok(mock.triggerPageRequest({ deviceId, groupId: 2, permissions: 1, address: 0x5000n }));
      ok(bench.process.addressSpace.mmap(0x23_0000_0000n, PAGE, 'rw', { kind: 'private' }));
      expect(ok(bench.process.read(queue.fd, 0x23_0000_0000n, 40))).toBe(40);
      ok(mock.replace(device.stdevId, first));
      ok(iommufd.destroy(second));
      ok(mock.replace(device.stdevId, ioasId));
      for (const id of [first, parent]) ok(iommufd.destroy(id));
      ok(bench.process.close(queue.fd));
      ok(iommufd.destroy(queue.faultId));
    }));

  it('hwpt_attach', () =>
    withIoas(variant, ({ bench, ioasId, devices }) => {
      const [device] = devices;
      if (device === undefined) return;
      // A device may be put on the page table that attach made by itself.
      const other = ok(bench.mock.mockDomain(device.hwptId));
      expect(other.hwptId).toBe(device.hwptId);
      expect(errnoOf(bench.mock.mockDomain(device.deviceId))).toBe('EINVAL');
      expect(errnoOf(bench.iommufd.destroy(ioasId))).toBe('EBUSY');
    }));

  it('ioas_area_destroy', () =>
    withIoas(variant, (fixture) => {
      const { bench, ioasId, devices, base } = fixture;
      expect(mapAt(fixture, base, 1n)).toBe('ok');
      expect(errnoOf(bench.iommufd.destroy(ioasId))).toBe(devices.length > 0 ? 'EBUSY' : 'ok');
    }));

  it('ioas_area_auto_destroy', () =>
    withIoas(variant, (fixture) => {
      for (let n = 0n; n < 10n; n++) expect(mapAt(fixture, fixture.base + n * PAGE, 1n)).toBe('ok');
    }));

  it('get_hw_info', () =>
    withIoas(variant, ({ bench, devices }) => {
      const [device] = devices;
      if (device === undefined) {
        expect(errnoOf(bench.iommufd.hwInfo(1))).toBe('ENOENT');
        return;
      }
      expect(ok(bench.iommufd.hwInfo(device.deviceId))).toEqual({
        type: 0xfeed_beef,
        data: Uint8Array.of(0, 0, 0, 0, 0xef, 0xbe, 0xad, 0xde),
        capabilities: 1n,
        maxPasidLog2: 0,
      });
      expect(errnoOf(bench.iommufd.hwInfo(device.stdevId))).toBe('ENOENT');
    }));

  it('area', () =>
    withIoas(variant, (fixture) => {
      const at = (page: bigint): bigint => fixture.base + page * PAGE;
      expect(unmapAt(fixture, at(0n), 1n)).toBe('ENOENT');
      for (let n = 0n; n < 10n; n++) expect(mapAt(fixture, at(n), 1n)).toBe('ok');
      for (let n = 0n; n < 10n; n++) expect(unmapAt(fixture, at(n), 1n)).toBe('ok');
      expect(mapAt(fixture, at(20n), 3n)).toBe('ok');
      for (const [page, pages] of [
        [20n, 1n],
        [22n, 1n],
        [21n, 1n],
        [19n, 2n],
      ] as const) {
        expect(unmapAt(fixture, at(page), pages)).toBe('ENOENT');
        expect(mapAt(fixture, at(page), pages)).toBe('EEXIST');
      }
      expect(mapAt(fixture, at(19n), 5n)).toBe('EEXIST');
      const { iommufd } = fixture.bench;
      expect(ok(iommufd.ioasUnmapAll(fixture.ioasId))).toBe(3n * PAGE);
      expect(ok(iommufd.ioasUnmapAll(fixture.ioasId))).toBe(0n);
    }));

  it('unmap_fully_contained_areas', () =>
    withIoas(variant, (fixture) => {
      const first = fixture.base + 4n * PAGE;
      for (let n = 0n; n < 4n; n++) expect(mapAt(fixture, first + n * 16n * PAGE, 8n)).toBe('ok');
      expect(unmapAt(fixture, first - 2n * PAGE, 4n)).toBe('ENOENT');
      expect(unmapAt(fixture, first + 48n * PAGE + 6n * PAGE, 4n)).toBe('ENOENT');
      expect(ok(fixture.bench.iommufd.ioasUnmap(fixture.ioasId, first - 4n * PAGE, 64n * PAGE))).toBe(32n * PAGE);
    }));

  it('area_auto_iova', () =>
    withIoas(variant, ({ bench, ioasId, devices, base }) => {
      const { iommufd, mock } = bench;
      /** Maps 1 to 10 pages without naming an IOVA, checks each, and unmaps them. */
      const sweep = (fits: (iova: bigint, length: bigint) => boolean): void => {
        const maps = Array.from({ length: 10 }, (_, n) => {
          const length = BigInt(n + 1) * PAGE;
          const iova = ok(iommufd.ioasMap({ ioasId, userVa: DATA, length }));
          expect(iova % naturalAlignment(length)).toBe(0n);
          expect(fits(iova, length)).toBe(true);
          return { iova, length };
        });
        for (const { iova, length } of maps) ok(iommufd.ioasUnmap(ioasId, iova, length));
      };
      sweep((iova) => iova >= (devices.length > 0 ? APERTURE : PAGE));
      const reserved = base + 4n * PAGE;
      ok(mock.addReserved(ioasId, reserved, 100n * PAGE));
      sweep((iova, length) => iova + length <= reserved || iova >= reserved + 100n * PAGE);
      expect(errnoOf(iommufd.ioasAllowIovas(ioasId, [{ start: base + PAGE, last: base + 600n * PAGE }]))).toBe(
        'EADDRINUSE',
      );
      const allowed = { start: base + 200n * PAGE, last: base + 600n * PAGE - 1n };
      ok(iommufd.ioasAllowIovas(ioasId, [allowed]));
      sweep((iova, length) => iova >= allowed.start && iova + length - 1n <= allowed.last);
      expect(errnoOf(iommufd.ioasMap({ ioasId, userVa: DATA, length: 500n * PAGE }))).toBe('ENOSPC');
    }));

  it('area_allowed', () =>
    withIoas(variant, ({ bench, ioasId, base }) => {
      const { iommufd, mock } = bench;
      const allowed = [{ start: base, last: base + 600n * PAGE }];
      ok(iommufd.ioasAllowIovas(ioasId, allowed));
      expect(errnoOf(mock.addReserved(ioasId, base + PAGE, PAGE))).toBe('EADDRINUSE');
      ok(iommufd.ioasAllowIovas(ioasId, []));
      ok(mock.addReserved(ioasId, base + PAGE, PAGE));
      expect(errnoOf(iommufd.ioasAllowIovas(ioasId, allowed))).toBe('EADDRINUSE');
    }));

  it('copy_area', () =>
    withIoas(variant, (fixture) => {
      const { bench, ioasId, base, devices } = fixture;
      expect(mapAt(fixture, base, 1n)).toBe('ok');
      const source = { srcIoasId: ioasId, srcIova: base, length: PAGE };
      ok(bench.iommufd.ioasCopy({ ...source, dstIoasId: ioasId, dstIova: base + PAGE }));
      const other = ok(bench.iommufd.ioasAlloc());
      ok(bench.iommufd.ioasCopy({ ...source, dstIoasId: other, dstIova: 0n }));
      const refs = devices.length > 0 ? 1 : 0;
      ok(bench.mock.checkRefs(DATA, PAGE, refs));
      for (const { hwptId } of devices)
        ok(bench.mock.checkMap(hwptId, { iova: base + PAGE, length: PAGE, userVa: DATA }));
    }));

  it('iova_ranges', () =>
    withIoas(variant, ({ bench, ioasId, devices, alignment }) => {
      const { iommufd, mock } = bench;
      const aperture = { start: APERTURE, last: 0x7fff_ffffn };
      const whole = devices.length > 0 ? [aperture] : [{ start: 0n, last: U64_MAX }];
      expect(ok(iommufd.ioasIovaRanges(ioasId))).toEqual({ ranges: whole, alignment });
      ok(mock.addReserved(ioasId, PAGE, PAGE));
      const cut =
        devices.length > 0
          ? [aperture]
          : [
              { start: 0n, last: PAGE - 1n },
              { start: 2n * PAGE, last: U64_MAX },
            ];
      expect(ok(iommufd.ioasIovaRanges(ioasId)).ranges).toEqual(cut);
    }));

  it('ioas_option_huge_pages', () =>
    withIoas(variant, ({ bench, ioasId }) => {
      const { iommufd } = bench;
      expect(ok(iommufd.getOption('HUGE_PAGES', ioasId))).toBe(1n);
      ok(iommufd.setOption('HUGE_PAGES', 0n, ioasId));
      expect(ok(iommufd.getOption('HUGE_PAGES', ioasId))).toBe(0n);
      expect(errnoOf(iommufd.setOption('HUGE_PAGES', 2n, ioasId))).toBe('EINVAL');
      ok(iommufd.setOption('HUGE_PAGES', 1n, ioasId));
    }));

  it('ioas_iova_alloc', () =>
    withIoas(variant, ({ bench, ioasId, alignment }) => {
      for (let length = 1n; length < 2n * PAGE; length += 97n) {
        for (const bytes of [length, (length | 0x7ffn) + 1n]) {
          const mapped = bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: bytes });
          expect(errnoOf(mapped)).toBe(bytes % alignment === 0n ? 'ok' : 'EINVAL');
          if (bytes % alignment === 0n) ok(bench.iommufd.ioasUnmap(ioasId, ok(mapped), bytes));
        }
      }
    }));

  it('ioas_align_change', () =>
    withIoas(variant, ({ bench, ioasId, devices, base }) => {
      const { iommufd } = bench;
      const small = (): string => errnoOf(iommufd.setOption('HUGE_PAGES', 0n, ioasId));
      ok(iommufd.ioasMap({ ioasId, userVa: DATA, length: PAGE, iova: base }));
      if (devices.length > 0) {
        expect(small()).toBe('EINVAL');
        return;
      }
      const odd = { ioasId, userVa: DATA + 0x800n, length: PAGE, iova: base + PAGE };
      expect(small()).toBe('ok');
      expect(errnoOf(iommufd.ioasMap(odd))).toBe('EINVAL');
      ok(iommufd.setOption('HUGE_PAGES', 1n, ioasId));
      ok(iommufd.ioasMap(odd));
      expect(small()).toBe('EADDRINUSE');
      ok(iommufd.ioasUnmap(ioasId, odd.iova, PAGE));
      expect(small()).toBe('ok');
    }));

  it('copy_sweep', () =>
    withIoas(variant, ({ bench, ioasId, alignment }) => {
      const { iommufd } = bench;
      const other = ok(iommufd.ioasAlloc());
      // Without a domain the area may end at any byte.
      const last = APERTURE + PAGES * PAGE - 1n - (alignment === 1n ? 1n : 0n);
      ok(iommufd.ioasMap({ ioasId, userVa: DATA, length: last - APERTURE + 1n, iova: APERTURE }));
      for (let iova = APERTURE - PAGE; iova <= last; iova += 511n) {
        const copied = iommufd.ioasCopy({
          srcIoasId: ioasId,
          srcIova: iova,
          length: 0x800n,
          dstIoasId: other,
          dstIova: APERTURE,
        });
        const isInside = iova >= APERTURE && iova + 0x7ffn <= last;
        expect([iova, errnoOf(copied)]).toEqual([iova, isInside ? 'ok' : 'ENOENT']);
        if (isInside) ok(iommufd.ioasUnmap(other, APERTURE, 0x800n));
      }
    }));
});
