import { describe, expect, it } from 'vitest';
import { iommufdIoctls, VfioRequest } from '@ioasis/core';
import { CLEAN, codeOf, DATA, errnoOf, MockBench, ok, PAGE } from '../mock/mock-bench.js';

/* The bodies of the fixture `iommufd` of Linux's tools/testing/selftests/iommu, by name. */

const ARG = 0x21_0000_0000n;

/** One page for arguments, and the call with bytes in it. */
function raw(bench: MockBench): (request: number, bytes: readonly number[], offset?: bigint) => string {
  ok(bench.process.addressSpace.mmap(ARG, PAGE, 'rw', { kind: 'private' }));
  return (request, bytes, offset = 0n) => {
    bench.process.addressSpace.poke(ARG + offset, Uint8Array.from(bytes));
    return errnoOf(bench.process.ioctl(bench.iommufd.fd, request, ARG + offset));
  };
}

const le = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
const zeroes = (count: number): number[] => Array.from({ length: count }, () => 0);

describe('iommufd', () => {
  it('simple_close', () => {
    const bench = new MockBench();
    ok(bench.process.close(bench.iommufd.fd));
    bench.process.exit();
    expect(bench.close()).toEqual(CLEAN);
  });

  it('cmd_fail', () => {
    const bench = new MockBench();
    expect(errnoOf(bench.iommufd.destroy(0))).toBe('ENOENT');
    expect(errnoOf(bench.process.ioctl(bench.iommufd.fd, 0x3b80, 0n))).toBe('EFAULT');
    const call = raw(bench);
    expect(call(0x3b80 + 0x17, le(8))).toBe('ENOTTY');
  });

  it('cmd_length', () => {
    const call = raw(new MockBench());
    for (const { name, request, argument } of iommufdIoctls) {
      if (argument.kind !== 'struct') continue;
      const { size, minSize } = argument.layout;
      expect([name, call(request, [...le(minSize - 1), ...zeroes(minSize - 4)])]).toEqual([name, 'EINVAL']);
      expect([name, call(request, [...le(size + 1), ...zeroes(size - 4), 7])]).toEqual([name, 'E2BIG']);
      // Zeroes behind the structure are as good as none.
      const short = call(request, [...le(size), ...zeroes(size - 4)]);
      expect([name, call(request, [...le(size + 8), ...zeroes(size + 4)])]).toEqual([name, short]);
    }
  });

  it('cmd_ex_fail', () => {
    const call = raw(new MockBench());
    expect(call(0x3b81, le(12), PAGE - 4n)).toBe('EFAULT');
    expect(call(0x3b81, [...le(100), ...zeroes(8)], PAGE - 12n)).toBe('EFAULT');
    expect(call(0x3b81, [...le(12), ...zeroes(8)], PAGE - 12n)).toBe('ok');
    expect(call(0x3b81, le(0xffff_ffff), PAGE - 12n)).toBe('EFAULT');
  });

  it('global_options', () => {
    const { iommufd } = new MockBench();
    expect(ok(iommufd.getOption('RLIMIT_MODE'))).toBe(0n);
    ok(iommufd.setOption('RLIMIT_MODE', 1n));
    expect(ok(iommufd.getOption('RLIMIT_MODE'))).toBe(1n);
    expect(errnoOf(iommufd.setOption('RLIMIT_MODE', 2n))).toBe('EINVAL');
    expect(errnoOf(iommufd.getOption('RLIMIT_MODE', 1))).toBe('EOPNOTSUPP');
    const ioasId = ok(iommufd.ioasAlloc());
    expect(errnoOf(iommufd.setOption('RLIMIT_MODE', 0n))).toBe('EBUSY');
    ok(iommufd.destroy(ioasId));
    ok(iommufd.setOption('RLIMIT_MODE', 0n));
  });

  it('simple_ioctls', () => {
    const { iommufd } = new MockBench();
    const ids = [ok(iommufd.ioasAlloc()), ok(iommufd.ioasAlloc())];
    expect(ids).toEqual([1, 2]);
    for (const id of ids) ok(iommufd.destroy(id));
  });

  it('unmap_cmd', () => {
    const call = raw(new MockBench());
    const unmap = (argsz: number, flags: number): string =>
      call(VfioRequest.IOMMU_UNMAP_DMA, [
        ...le(argsz),
        ...le(flags),
        ...le(0x100_0000),
        ...le(0),
        ...le(0x1000),
        ...le(0),
      ]);
    expect([unmap(23, 0), unmap(24, 1), unmap(24, 4), unmap(24, 8), unmap(24, 0)]).toEqual([
      'EINVAL',
      'EINVAL',
      'EINVAL',
      'EINVAL',
      'ENODEV',
    ]);
  });

  it('map_cmd', () => {
    const call = raw(new MockBench());
    const map = (argsz: number, flags: number): string =>
      call(VfioRequest.IOMMU_MAP_DMA, [
        ...le(argsz),
        ...le(flags),
        ...le(0),
        ...le(0x20),
        ...le(0),
        ...le(0),
        ...le(0x1000),
        ...le(0),
      ]);
    expect([map(31, 3), map(32, 4), map(32, 3)]).toEqual(['EINVAL', 'EINVAL', 'ENODEV']);
  });

  it('info_cmd', () => {
    const call = raw(new MockBench());
    const info = (argsz: number): string => call(VfioRequest.IOMMU_GET_INFO, [...le(argsz), ...zeroes(20)]);
    expect([info(15), info(16), info(24)]).toEqual(['EINVAL', 'ENODEV', 'ENODEV']);
  });

  it('set_iommu_cmd', () => {
    const { process, iommufd } = new MockBench();
    const set = (type: bigint): string => errnoOf(process.ioctl(iommufd.fd, VfioRequest.SET_IOMMU, type));
    expect([set(1n), set(3n), set(6n)]).toEqual(['ENODEV', 'ENODEV', 'EINVAL']);
  });

  it('vfio_ioas', () => {
    const { iommufd, process } = new MockBench();
    expect(errnoOf(iommufd.getVfioIoas())).toBe('ENODEV');
    ok(iommufd.setVfioIoas(undefined));
    expect(errnoOf(iommufd.setVfioIoas(7))).toBe('ENOENT');
    const ioasId = ok(iommufd.ioasAlloc());
    ok(iommufd.setVfioIoas(ioasId));
    expect(ok(iommufd.getVfioIoas())).toBe(ioasId);
    expect(errnoOf(process.ioctl(iommufd.fd, VfioRequest.SET_IOMMU, 3n))).toBe('ok');
    ok(iommufd.setVfioIoas(undefined));
    expect(errnoOf(iommufd.getVfioIoas())).toBe('ENODEV');
    expect(codeOf(iommufd.ioasMap({ ioasId, userVa: DATA, length: PAGE }))).toBe('ok');
  });
});
