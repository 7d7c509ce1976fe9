import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { createMachine, DmaEngine, IommuIoasCopy, type Machine, type MachineService } from '@ioasis/core';
import { iommufdTest, mockBackend, MockDeviceFlag, replayTrace, TraceBuilder, type StepOutcome } from '@ioasis/testkit';
import { APERTURE, CLEAN, codeOf, DATA, errnoOf, MockBench, ok, PAGE } from './mock-bench.js';

describe('the test ioctl', () => {
  it('makes objects in the order of the kernel: test object, device, page table', () => {
    const { iommufd, mock } = new MockBench();
    const ioasId = ok(iommufd.ioasAlloc());
    expect(ok(mock.mockDomain(ioasId))).toEqual({ stdevId: 2, deviceId: 3, hwptId: 4 });
    // The second device takes the page table that is there.
    expect(ok(mock.mockDomain(ioasId))).toEqual({ stdevId: 5, deviceId: 6, hwptId: 4 });
    ok(iommufd.destroy(2));
    expect(ok(mock.mockDomain(ioasId, MockDeviceFlag.NO_DIRTY))).toEqual({ stdevId: 2, deviceId: 3, hwptId: 4 });
    expect(codeOf(mock.mockDomain(ioasId, 4))).toBe('TEST_DEVICE_FLAGS');
    expect(errnoOf(mock.mockDomain(99))).toBe('ENOENT');
    expect(ok(iommufd.ioasAlloc())).toBe(7);
  });

  it('tells accesses from other descriptors, and those that pin from those that do not', () => {
    const { iommufd, mock } = new MockBench();
    const ioasId = ok(iommufd.ioasAlloc());
    const range = { iova: APERTURE, length: PAGE, userVa: DATA };
    expect(errnoOf(mock.pinPages(iommufd.fd, range, false))).toBe('EBADFD');
    expect(errnoOf(mock.pinPages(77, range, false))).toBe('EBADFD');
    const fd = ok(mock.createAccess(ioasId, false));
    expect(errnoOf(mock.pinPages(fd, range, false))).toBe('EOPNOTSUPP');
    expect(errnoOf(mock.pinPages(fd, { ...range, length: 0x200_0000n }, false))).toBe('ENOMEM');
  });

  it('compares pinned pages with memory', () => {
    const bench = new MockBench();
    const { iommufd, mock } = bench;
    const ioasId = ok(iommufd.ioasAlloc());
    ok(iommufd.ioasMap({ ioasId, userVa: DATA, length: 4n * PAGE, iova: APERTURE }));
    const fd = ok(mock.createAccess(ioasId, true));
    const range = { iova: APERTURE, length: PAGE, userVa: DATA + PAGE };
    expect(errnoOf(mock.pinPages(fd, range, true))).toBe('EBADE');
    expect(errnoOf(mock.pinPages(fd, { ...range, userVa: 0x3000_0000_0000n }, true))).toBe('EFAULT');
    // The end of the very last page overflows before the kernel looks whether it is the program's.
    expect(errnoOf(mock.pinPages(fd, { ...range, userVa: 2n ** 64n - 2n * PAGE }, true))).toBe('EFAULT');
    expect(errnoOf(mock.pinPages(fd, { ...range, userVa: 2n ** 64n - 1n }, true))).toBe('EOVERFLOW');
    expect([
      ok(mock.pinPages(fd, { ...range, userVa: 0n }, true)),
      ok(mock.pinPages(fd, { ...range, userVa: DATA }, true)),
    ]).toEqual([0, 1]);
    ok(mock.checkRefs(DATA, PAGE, 1));
    expect(errnoOf(mock.checkRefs(DATA, PAGE, 2))).toBe('EIO');
    expect(errnoOf(mock.unpinPages(fd, 2))).toBe('ENOENT');
    ok(bench.process.close(fd));
    ok(mock.checkRefs(DATA, PAGE, 0));
    bench.process.exit();
    expect(bench.close()).toEqual(CLEAN);
  });

  it('lets the device of the test do DMA through its page table', () => {
    const bench = new MockBench();
    const ioasId = ok(bench.iommufd.ioasAlloc());
    ok(bench.mock.mockDomain(ioasId));
    ok(bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: PAGE, iova: APERTURE }));
    const port = new DmaEngine(bench.backend.unit, bench.machine.memory, 0x1_0000);
    expect(port.write(APERTURE + 5n, Uint8Array.of(1, 2, 3)).status).toBe('ok');
    expect([...bench.process.addressSpace.peek(DATA + 5n, 3)]).toEqual([1, 2, 3]);
    expect(port.read(APERTURE + PAGE, 1).status).toBe('blocked');
    ok(bench.iommufd.ioasUnmapAll(ioasId));
    expect(port.read(APERTURE, 1).status).toBe('blocked');
  });

  it('lowers the memory of batches at once, in address spaces that exist', () => {
    let pins = 0;
    const failure = {
      fails: (kind: string): boolean => {
        if (kind === 'pin') pins++;
        return false;
      },
    };
    const { iommufd, mock } = new MockBench({ failure });
    const ioasId = ok(iommufd.ioasAlloc());
    ok(mock.mockDomain(ioasId));
    const pinsOfMap = (iova: bigint): number => {
      pins = 0;
      ok(iommufd.ioasMap({ ioasId, userVa: DATA, length: 8n * PAGE, iova }));
      return pins;
    };
    expect(pinsOfMap(APERTURE)).toBe(1);
    ok(mock.setTempMemoryLimit(24));
    expect(pinsOfMap(2n * APERTURE)).toBe(3);
    ok(iommufd.ioasUnmapAll(ioasId));
  });

  it('lets a copy name its source by the number of an area, on a kernel with the self test only', () => {
    const list = new TraceBuilder('copy');
    list.mmap(DATA, 0x4000n);
    list.open('iommu', '/dev/iommu');
    list.ioctl('iommu', 'IOMMU_IOAS_ALLOC');
    list.ioctl('iommu', 'IOMMU_IOAS_MAP', { flags: 7, ioas_id: 1, user_va: DATA, length: 0x1000n, iova: 0x5000n });
    list.ioctl('iommu', 'IOMMU_IOAS_MAP', { flags: 7, ioas_id: 1, user_va: DATA, length: 0x2000n, iova: 0x8000n });
    const copy = { src_ioas_id: 1, dst_ioas_id: 1, length: 0x1000n, dst_iova: 0x2_0000n };
    list.ioctl('iommu', 'IOMMU_IOAS_COPY', { ...copy, flags: 0x1_0007, src_iova: (0x1000n << 32n) | 1n });
    const onlyCopy = (services: readonly MachineService[]): StepOutcome[] => {
      const seen: StepOutcome[] = [];
      const make = (): Machine => createMachine({ backend: mockBackend(), services });
      replayTrace(list.build(), make, {}, ({ step, outcome }) => {
        if ('cmd' in step && step.cmd === 'IOMMU_IOAS_COPY') seen.push(outcome);
      });
      return seen;
    };
    const [answer] = onlyCopy([iommufdTest]);
    const values = IommuIoasCopy.decode(Buffer.from(answer?.out ?? '', 'hex'));
    expect(values).toMatchObject({ flags: 7, src_iova: 0x9000n, dst_iova: 0x2_0000n });
    expect(onlyCopy([])[0]?.refusal?.code).toBe('COPY_FLAGS');
  });
});
