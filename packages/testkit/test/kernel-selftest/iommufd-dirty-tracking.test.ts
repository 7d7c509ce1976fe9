import { describe, expect, it } from 'vitest';
import { DirtyBitmapFlag, HwCapability, IommufdRequest, IommuHwptGetDirtyBitmap, callWithStruct } from '@ioasis/core';
import { MockDeviceFlag, type MockDomainIds } from '@ioasis/testkit';
import { APERTURE, CLEAN, errnoOf, MockBench, ok, PAGE } from '../mock/mock-bench.js';

/* The bodies of the fixture `iommufd_dirty_tracking` of Linux's tools/testing/selftests/iommu, by name. */

const KIB = 1024n;
const MIB = 1024n * KIB;

interface Variant {
  readonly name: string;
  readonly bytes: bigint;
  readonly huge: boolean;
}

const variants: readonly Variant[] = [
  ...[8n, 16n, 64n, 128n, 320n].map((kib) => ({ name: `domain_dirty${kib}k`, bytes: kib * KIB, huge: false })),
  { name: 'domain_dirty64M', bytes: 64n * MIB, huge: false },
  { name: 'domain_dirty64M_huge', bytes: 64n * MIB, huge: true },
  { name: 'domain_dirty128M', bytes: 128n * MIB, huge: false },
  { name: 'domain_dirty128M_huge', bytes: 128n * MIB, huge: true },
];

const BUFFER = 0x40_0000_0000n;
const BITMAP = 0x27_0000_0000n;
const IO_PAGE = 0x800n;
const HUGE_IO_PAGE = MIB;

interface Fixture {
  readonly bench: MockBench;
  readonly ioasId: number;
  readonly device: MockDomainIds;
}

function withDevice({ bytes, huge }: Variant, body: (fixture: Fixture) => void): void {
  const bench = new MockBench();
  ok(bench.process.addressSpace.mmap(BUFFER, bytes, 'rw', { kind: huge ? 'huge2m' : 'shared' }));
  ok(bench.process.addressSpace.mmap(BITMAP, bytes / IO_PAGE / 8n + 2n * PAGE, 'rw', { kind: 'private' }));
  const ioasId = ok(bench.iommufd.ioasAlloc());
  const device = ok(bench.mock.mockDomain(ioasId, huge ? MockDeviceFlag.HUGE_IOVA : 0));
  body({ bench, ioasId, device });
  bench.process.exit();
  expect(bench.close()).toEqual(CLEAN);
}

/**
 * The device writes to every other page of the page table; the bitmap shows exactly these, wherever it lies in memory, once when bits are
 * cleared and again when not.
 */
function checkBitmap({ bytes, huge }: Variant, { bench, device }: Fixture, clear: boolean): void {
  const { iommufd, mock, process } = bench;
  const { addressSpace } = process;
  const ioasId = ok(iommufd.ioasAlloc());
  ok(iommufd.ioasMap({ ioasId, userVa: BUFFER, length: bytes, iova: APERTURE }));
  const hwptId = ok(iommufd.hwptAlloc({ deviceId: device.deviceId, ptId: ioasId, dirtyTracking: true }));
  ok(iommufd.setDirtyTracking(hwptId, true));
  const bits = Number(bytes / IO_PAGE);
  const perPage = Number((huge ? HUGE_IO_PAGE : IO_PAGE) / IO_PAGE);
  const written = new Uint8Array(Math.ceil(bits / 8));
  const expected = new Uint8Array(written.length);
  for (let bit = 0; bit < bits; bit += 2 * perPage) {
    written[bit >> 3]! |= 1 << (bit & 7);
    for (let at = bit; at < Math.min(bits, bit + perPage); at++) expected[at >> 3]! |= 1 << (at & 7);
  }
  const nothing = new Uint8Array(written.length);
  for (const data of [BITMAP, BITMAP + IO_PAGE, BITMAP + 0xff1n]) {
    const pages = ok(mock.markDirty(hwptId, APERTURE, bytes, IO_PAGE, written));
    expect(pages).toBe(BigInt(Math.ceil(bits / (2 * perPage))));
    for (const wanted of [expected, clear ? nothing : expected]) {
      addressSpace.poke(data, nothing);
      const flags = clear ? 0 : DirtyBitmapFlag.NO_CLEAR;
      const range = { hwpt_id: hwptId, flags, iova: APERTURE, length: bytes, page_size: IO_PAGE, data };
      ok(
        callWithStruct(process, iommufd.fd, IommufdRequest.HWPT_GET_DIRTY_BITMAP, IommuHwptGetDirtyBitmap, range)
          .result,
      );
      expect(Buffer.compare(addressSpace.peek(data, wanted.length), wanted)).toBe(0);
    }
  }
  ok(iommufd.destroy(hwptId));
}

describe.for(variants)('iommufd_dirty_tracking $name', { timeout: 60_000 }, (variant) => {
  it('enforce_dirty', () =>
    withDevice(variant, ({ bench, ioasId, device }) => {
      const { iommufd, mock } = bench;
      const hwptId = ok(iommufd.hwptAlloc({ deviceId: device.deviceId, ptId: ioasId, dirtyTracking: true }));
      ok(iommufd.destroy(ok(mock.mockDomain(hwptId)).stdevId));
      // A device that cannot track does not fit a page table that does.
      expect(errnoOf(mock.mockDomain(hwptId, MockDeviceFlag.NO_DIRTY))).toBe('EINVAL');
      ok(iommufd.destroy(hwptId));
      const other = ok(iommufd.ioasAlloc());
      const blind = ok(mock.mockDomain(other, MockDeviceFlag.NO_DIRTY));
      const refused = iommufd.hwptAlloc({ deviceId: blind.deviceId, ptId: other, dirtyTracking: true });
      expect(errnoOf(refused)).toBe('EOPNOTSUPP');
    }));

  it('set_dirty_tracking', () =>
    withDevice(variant, ({ bench, ioasId, device }) => {
      const { iommufd } = bench;
      const hwptId = ok(iommufd.hwptAlloc({ deviceId: device.deviceId, ptId: ioasId, dirtyTracking: true }));
      for (const enabled of [true, true, false, false]) ok(iommufd.setDirtyTracking(hwptId, enabled));
      expect(errnoOf(iommufd.setDirtyTracking(device.hwptId, true))).toBe('EOPNOTSUPP');
    }));

  it('device_dirty_capability', () =>
    withDevice(variant, ({ bench, ioasId, device }) => {
      const tracks = BigInt(HwCapability.DIRTY_TRACKING);
      expect(ok(bench.iommufd.hwInfo(device.deviceId)).capabilities).toBe(tracks);
      const blind = ok(bench.mock.mockDomain(ioasId, MockDeviceFlag.NO_DIRTY));
      expect(ok(bench.iommufd.hwInfo(blind.deviceId)).capabilities).toBe(0n);
    }));

  it('get_dirty_bitmap', () => withDevice(variant, (fixture) => checkBitmap(variant, fixture, true)));

  it('get_dirty_bitmap_no_clear', () => withDevice(variant, (fixture) => checkBitmap(variant, fixture, false)));
});
