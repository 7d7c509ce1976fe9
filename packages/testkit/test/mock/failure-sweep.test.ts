import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuHwptPageResponse, IommuHwptPgfault, type IoResult } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { describeSweep, machineState, sweepFailures, type SweepStep } from '../../src/index.js';
import { APERTURE, CLEAN, DATA, MockBench, ok, PAGE } from './mock-bench.js';

/** A flow: what comes before the failures, and the calls that may fail, in order. */
interface Flow {
  readonly name: string;
  steps(bench: MockBench): readonly SweepStep[];
}

const map =
  (bench: MockBench, ioasId: number, iova: bigint, pages = 4n): SweepStep =>
  () =>
    bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: pages * PAGE, iova });

const flows: readonly Flow[] = [
  {
    name: 'basic: two address spaces, ranges, maps and a copy without a device',
    steps: (bench) => {
      const { iommufd } = bench;
      return [
        () => iommufd.ioasAlloc(),
        () => iommufd.ioasAlloc(),
        () => iommufd.ioasIovaRanges(1),
        () => iommufd.ioasAllowIovas(1, [{ start: PAGE, last: 100n * PAGE }]),
        map(bench, 1, 10n * PAGE),
        () => iommufd.ioasCopy({ srcIoasId: 1, srcIova: 10n * PAGE, dstIoasId: 2, length: 4n * PAGE }),
        () => iommufd.ioasUnmap(1, 10n * PAGE, 4n * PAGE),
        map(bench, 1, 10n * PAGE),
        () => iommufd.ioasUnmapAll(1),
        () => iommufd.destroy(1),
      ];
    },
  },
  {
    name: 'map_domain: a map before and after a device',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      return [
        () => bench.mock.mockDomain(ioas),
        map(bench, ioas, APERTURE, 8n),
        () => bench.iommufd.destroy(2),
        () => bench.mock.mockDomain(ioas),
        () => bench.iommufd.ioasUnmapAll(ioas),
      ];
    },
  },
  {
    name: 'map_two_domains: one map in two page tables',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      return [
        () => bench.mock.mockDomain(ioas),
        () => bench.iommufd.hwptAlloc({ deviceId: 3, ptId: ioas }),
        map(bench, ioas, APERTURE, 8n),
        () => bench.mock.replace(2, 5),
        () => bench.mock.mockDomain(ioas),
        () => bench.iommufd.destroy(2),
        () => bench.iommufd.ioasUnmapAll(ioas),
      ];
    },
  },
  {
    name: 'access_rw: reads and writes by IOVA',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      ok(map(bench, ioas, APERTURE, 8n)());
      let fd = -1;
      return [
        () => {
          const made = bench.mock.createAccess(ioas, false);
          if (!isLeft(made)) fd = made.right;
          return made;
        },
        () => bench.mock.read(fd, APERTURE, 4),
        () => bench.mock.read(fd, APERTURE + PAGE - 2n, 4),
        () => bench.mock.read(fd, APERTURE + PAGE - 2n, 4, true),
        () => bench.mock.write(fd, APERTURE + PAGE - 2n, Uint8Array.of(1, 2, 3, 4), true),
        () => bench.mock.read(fd, APERTURE + 5n, 9, true),
      ];
    },
  },
  {
    name: 'access_pin: pins without a device, moved and unmapped',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      const other = ok(bench.iommufd.ioasAlloc());
      let fd = -1;
      const range = { iova: APERTURE, length: 4n * PAGE, userVa: DATA };
      return [
        map(bench, ioas, APERTURE),
        () => {
          const made = bench.mock.createAccess(ioas, true);
          if (!isLeft(made)) fd = made.right;
          return made;
        },
        () => bench.mock.pinPages(fd, range, true),
        () => bench.mock.pinPages(fd, { ...range, iova: APERTURE + PAGE, length: PAGE, userVa: DATA + PAGE }, false),
        () => bench.mock.unpinPages(fd, 0),
        () => bench.mock.replaceAccess(fd, other),
        () => bench.mock.replaceAccess(fd, ioas),
        () => bench.mock.pinPages(fd, range, true),
        () => bench.iommufd.ioasUnmapAll(ioas),
      ];
    },
  },
  {
    name: 'access_pin_domain: pins beside a page table',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      let fd = -1;
      const range = { iova: APERTURE, length: 4n * PAGE, userVa: DATA };
      return [
        () => bench.mock.mockDomain(ioas),
        map(bench, ioas, APERTURE),
        () => {
          const made = bench.mock.createAccess(ioas, true);
          if (!isLeft(made)) fd = made.right;
          return made;
        },
        () => bench.mock.pinPages(fd, range, true),
        () => bench.iommufd.destroy(2),
        () => bench.mock.mockDomain(ioas),
        () => bench.mock.unpinPages(fd, 0),
      ];
    },
  },
  {
    name: 'device: hardware information, page tables, replace, nesting and faults',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      const other = ok(bench.iommufd.ioasAlloc());
      ok(map(bench, ioas, APERTURE)());
      const data = { type: 0xdead, bytes: Uint8Array.of(1, 0, 0, 0) };
      return [
        () => bench.mock.mockDomain(ioas),
        () => bench.iommufd.hwInfo(4),
        () => bench.iommufd.hwptAlloc({ deviceId: 4, ptId: other, nestParent: true }),
        () => bench.mock.replace(3, 6),
        () => bench.mock.replace(3, ioas),
        () => bench.iommufd.faultQueueAlloc(),
        () => bench.iommufd.hwptAlloc({ deviceId: 4, ptId: 6, faultId: 7, data }),
        () => bench.mock.replace(3, 8),
        () => bench.mock.triggerPageRequest({ deviceId: 4, groupId: 1, permissions: 1, address: APERTURE }),
        () => bench.mock.replace(3, other),
        () => bench.iommufd.destroy(8),
      ];
    },
  },
  {
    name: 'dirty: tracking on, read and off',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      const { deviceId } = ok(bench.mock.mockDomain(ioas));
      const hwptId = ok(bench.iommufd.hwptAlloc({ deviceId, ptId: ioas, dirtyTracking: true }));
      const range = { hwptId, iova: APERTURE, length: 8n * PAGE, pageSize: 0x800n };
      return [
        map(bench, ioas, APERTURE, 8n),
        () => bench.iommufd.setDirtyTracking(hwptId, true),
        () => bench.mock.markDirty(hwptId, APERTURE, 8n * PAGE, 0x800n, Uint8Array.of(0x81, 1)),
        () => bench.iommufd.getDirtyBitmap({ ...range, clear: false }),
        () => bench.iommufd.getDirtyBitmap(range),
        () => bench.iommufd.setDirtyTracking(hwptId, false),
      ];
    },
  },
  {
    name: 'copy into a device, unmap in parts, attach and detach',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      const other = ok(bench.iommufd.ioasAlloc());
      ok(map(bench, ioas, APERTURE)());
      ok(map(bench, ioas, APERTURE + 4n * PAGE, 2n)());
      const copy = { srcIoasId: ioas, srcIova: APERTURE + PAGE, dstIoasId: other, length: 4n * PAGE };
      return [
        () => bench.mock.mockDomain(other),
        () => bench.iommufd.ioasCopy({ ...copy, dstIova: APERTURE }),
        () => bench.iommufd.ioasUnmap(ioas, APERTURE, 4n * PAGE),
        () => bench.mock.mockDomain(ioas),
        () => bench.iommufd.ioasCopy({ ...copy, srcIova: APERTURE + 4n * PAGE, length: PAGE }),
        () => bench.iommufd.ioasUnmap(other, APERTURE, 3n * PAGE),
        () => bench.iommufd.destroy(3),
        () => bench.iommufd.ioasUnmapAll(other),
      ];
    },
  },
  {
    name: 'fault queue: a request read and answered, and what waits at the end',
    steps: (bench) => {
      const ioas = ok(bench.iommufd.ioasAlloc());
      const { stdevId, deviceId } = ok(bench.mock.mockDomain(ioas));
      const parent = ok(bench.iommufd.hwptAlloc({ deviceId, ptId: ioas, nestParent: true }));
      const data = { type: 0xdead, bytes: Uint8Array.of(1, 0, 0, 0) };
      let queue = { faultId: 0, fd: -1 };
      let hwptId = 0;
      const trigger = (): IoResult<0> =>
        bench.mock.triggerPageRequest({ deviceId, groupId: 1, permissions: 1, address: APERTURE });
      return [
        () => {
          const made = bench.iommufd.faultQueueAlloc();
          if (!isLeft(made)) queue = made.right;
          return made;
        },
        () => {
          const made = bench.iommufd.hwptAlloc({ deviceId, ptId: parent, faultId: queue.faultId, data });
          if (!isLeft(made)) hwptId = made.right;
          return made;
        },
        () => bench.mock.replace(stdevId, hwptId),
        trigger,
        () => bench.process.read(queue.fd, DATA, 40),
        () => {
          const { addressSpace } = bench.process;
          const { cookie } = IommuHwptPgfault.decode(addressSpace.peek(DATA, 40));
          addressSpace.poke(DATA + PAGE, IommuHwptPageResponse.encode({ cookie, code: 0 }));
          return bench.process.write(queue.fd, DATA + PAGE, 8);
        },
        trigger,
        () => bench.mock.replace(stdevId, ioas),
        () => bench.iommufd.destroy(hwptId),
        () => bench.process.close(queue.fd),
        () => bench.iommufd.destroy(queue.faultId),
      ];
    },
  },
];

describe('a failure at any point', () => {
  it.for(flows)('leaves the state as it was: $name', { timeout: 60_000 }, ({ steps }) => {
    const report = sweepFailures({
      prepare: (failure) => new MockBench({ failure, arenaBytes: 0x10_0000 }),
      steps,
      state: ({ machine, backend }) => ({
        ...machineState(machine),
        attached: backend.unit.domains.size,
        violations: backend.violations(),
      }),
      close(bench) {
        bench.process.exit();
        expect(bench.close()).toEqual(CLEAN);
        return [];
      },
    });
    expect(report.findings, describeSweep(report)).toEqual([]);
    expect(report.points).toBeGreaterThan(10);
  });
});
