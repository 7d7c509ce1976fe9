import { describe, expect, it } from 'vitest';
import { iommufdRefusals, U64_MAX } from '../../src/index.js';
import { isLeft } from 'fp-ts/lib/Either.js';
import { bench, DATA, ok, why } from './iommufd-fixture.js';

const MAX = U64_MAX;

describe('IOAS_ALLOC and DESTROY', () => {
  it('hand out ids and take them back', () => {
    const { client } = bench();
    expect([ok(client.ioasAlloc()), ok(client.ioasAlloc())]).toEqual([1, 2]);
    ok(client.destroy(1));
    expect(why(client.destroy(1))).toBe('ENOENT OBJECT_NOT_FOUND');
    expect(why(client.destroy(0))).toBe('ENOENT OBJECT_NOT_FOUND');
    expect(ok(client.ioasAlloc())).toBe(1);
  });

  it('say who keeps an object', () => {
    const { client, bind } = bench();
    const ioas = ok(client.ioasAlloc());
    const device = bind(0);
    const hwpt = ok(device.attach(ioas));
    const refused = client.destroy(ioas);
    expect(isLeft(refused) && refused.left).toMatchObject({
      errno: 'EBUSY',
      code: 'OBJECT_BUSY',
      facts: { id: ioas, heldBy: `hwpt-paging ${hwpt}` },
    });
    expect(why(client.destroy(device.id))).toBe('EBUSY OBJECT_BUSY');
    expect(why(client.destroy(hwpt))).toBe('EBUSY OBJECT_BUSY');
    device.detach();
    expect(why(client.destroy(hwpt))).toBe('ENOENT OBJECT_NOT_FOUND');
    ok(client.destroy(ioas));
  });

  it('fit the memory budget', () => {
    const { client } = bench([1], { memoryLimit: 1 });
    expect(why(client.ioasAlloc())).toBe('ENOMEM OBJECT_NO_MEMORY');
  });
});

describe('IOAS_MAP', () => {
  it('checks in the order of the kernel', () => {
    const { client } = bench();
    const bad = { ioasId: 9, userVa: DATA, length: MAX, iova: 0n, readable: false, writable: false };
    expect(why(client.ioasMap(bad))).toBe('EOVERFLOW MAP_NUMBER_TOO_LARGE');
    expect(why(client.ioasMap({ ...bad, length: 0n }))).toBe('EINVAL MAP_NO_PERMISSION');
    expect(why(client.ioasMap({ ...bad, length: 0n, readable: true }))).toBe('ENOENT IOAS_NOT_FOUND');
    const ioasId = ok(client.ioasAlloc());
    expect(why(client.ioasMap({ ...bad, ioasId, length: 0n, readable: true }))).toBe('EINVAL MAP_LENGTH_ZERO');
  });

  it('maps lazily without a page table, and pins when one comes', () => {
    const { client, bind, process } = bench();
    const ioasId = ok(client.ioasAlloc());
    expect(ok(client.ioasMap({ ioasId, userVa: 0x66_0000_0000n, length: 0x1000n, iova: 0x1000n }))).toBe(0x1000n);
    expect(process.addressSpace.pinnedPages).toBe(0);
    expect(why(bind(0).attach(ioasId))).toBe('EFAULT PIN_FAULT');
    expect(ok(client.ioasUnmapAll(ioasId))).toBe(0x1000n);
    ok(client.ioasMap({ ioasId, userVa: DATA, length: 0x3000n, iova: 0x1000n }));
    ok(bind(1).attach(ioasId));
    expect(process.addressSpace.pinnedPages).toBe(3);
  });

  it('shares pins between a map and its copies', () => {
    const { client, bind, process } = bench();
    const [first, second] = [ok(client.ioasAlloc()), ok(client.ioasAlloc())];
    ok(bind(0).attach(first));
    ok(bind(1).attach(second));
    const iova = ok(client.ioasMap({ ioasId: first, userVa: DATA, length: 0x2000n }));
    ok(client.ioasCopy({ srcIoasId: first, srcIova: iova, dstIoasId: second, length: 0x2000n, dstIova: 0x8000n }));
    expect(process.addressSpace.pinnedPages).toBe(2);
    expect(why(client.ioasCopy({ srcIoasId: first, srcIova: iova, dstIoasId: 99, length: 0x1000n }))).toBe(
      'ENOENT IOAS_NOT_FOUND',
    );
    expect(why(client.ioasCopy({ srcIoasId: first, srcIova: 0n, dstIoasId: 99, length: 0x1000n }))).toBe(
      'ENOENT COPY_SOURCE_HOLE',
    );
    ok(client.ioasUnmapAll(first));
    expect(process.addressSpace.pinnedPages).toBe(2);
    ok(client.ioasUnmapAll(second));
    expect(process.addressSpace.pinnedPages).toBe(0);
  });

  it('has a code of its own for each of its reasons', () => {
    const codes = Object.entries(iommufdRefusals.rules).filter(([, { errno }]) => errno === 'EINVAL');
    expect(new Set(codes.map(([, { rule }]) => rule)).size).toBe(codes.length - 1);
    expect(iommufdRefusals.rules.MAP_NO_PERMISSION.rule).toBe(iommufdRefusals.rules.COPY_NO_PERMISSION.rule);
  });
});

describe('IOAS_UNMAP', () => {
  it('tells nothing mapped from everything of an empty space', () => {
    const { client } = bench();
    const ioasId = ok(client.ioasAlloc());
    expect(why(client.ioasUnmap(ioasId, 0x1000n, 0x1000n))).toBe('ENOENT UNMAP_NOTHING_MAPPED');
    expect(ok(client.ioasUnmapAll(ioasId))).toBe(0n);
    expect(why(client.ioasUnmap(ioasId, MAX, 1n))).toBe('EOVERFLOW UNMAP_NUMBER_TOO_LARGE');
    expect(why(client.ioasUnmap(ioasId, 1n, MAX))).toBe('EOVERFLOW UNMAP_NUMBER_TOO_LARGE');
    expect(why(client.ioasUnmap(77, MAX, 1n))).toBe('ENOENT IOAS_NOT_FOUND');
  });
});

describe('IOVA_RANGES and ALLOW_IOVAS', () => {
  it('list everything of a fresh IOAS and the aperture of a device', () => {
    const { client, bind } = bench();
    const ioasId = ok(client.ioasAlloc());
    expect(ok(client.ioasIovaRanges(ioasId))).toEqual({ ranges: [{ start: 0n, last: MAX }], alignment: 1n });
    ok(bind(0).attach(ioasId));
    expect(ok(client.ioasIovaRanges(ioasId))).toEqual({
      ranges: [{ start: 0n, last: 0xffff_ffffn }],
      alignment: 0x1000n,
    });
  });

  it('refuse lists that are empty, upside down or overlap, and keep the old one', () => {
    const { client, bind } = bench();
    const ioasId = ok(client.ioasAlloc());
    const allow = (...ranges: (readonly [bigint, bigint])[]): string =>
      why(
        client.ioasAllowIovas(
          ioasId,
          ranges.map(([start, last]) => ({ start, last })),
        ),
      );
    expect(allow([5n, 5n])).toBe('EINVAL ALLOW_IOVAS_EMPTY');
    expect(allow([0x1000n, 0x2fffn], [0x2000n, 0x3fffn])).toBe('EINVAL ALLOW_IOVAS_OVERLAP');
    expect(allow([0x10_0000n, 0x10_ffffn])).toBe('done');
    expect(ok(client.ioasMap({ ioasId, userVa: DATA, length: 0x1000n }))).toBe(0x10_0000n);
    ok(bind(0).attach(ioasId));
    expect(allow([0x1_0000_0000n, 0x1_0000_ffffn])).toBe('EADDRINUSE ALLOWED_OVER_RESERVED');
    expect(allow()).toBe('done');
  });
});

describe('OPTION', () => {
  it('sets the accounting mode of an empty file only, with the capability only', () => {
    const { client, process } = bench();
    expect(ok(client.getOption('RLIMIT_MODE'))).toBe(0n);
    process.credentials.capabilities.delete('sys_resource');
    expect(why(client.setOption('RLIMIT_MODE', 1n))).toBe('EPERM OPTION_RLIMIT_PERMISSION');
    process.credentials.capabilities.add('sys_resource');
    expect(why(client.setOption('RLIMIT_MODE', 2n))).toBe('EINVAL OPTION_RLIMIT_VALUE');
    expect(why(client.setOption('RLIMIT_MODE', 1n, 3))).toBe('EOPNOTSUPP OPTION_RLIMIT_OBJECT');
    ok(client.setOption('RLIMIT_MODE', 1n));
    expect(ok(client.getOption('RLIMIT_MODE'))).toBe(1n);
    ok(client.ioasAlloc());
    expect(why(client.setOption('RLIMIT_MODE', 0n))).toBe('EBUSY OPTION_RLIMIT_BUSY');
  });

  it('switches large pages of an IOAS', () => {
    const { client } = bench();
    expect(why(client.getOption('HUGE_PAGES', 1))).toBe('ENOENT IOAS_NOT_FOUND');
    const ioasId = ok(client.ioasAlloc());
    expect(ok(client.getOption('HUGE_PAGES', ioasId))).toBe(1n);
    ok(client.setOption('HUGE_PAGES', 0n, ioasId));
    expect(ok(client.getOption('HUGE_PAGES', ioasId))).toBe(0n);
    expect(ok(client.ioasIovaRanges(ioasId)).alignment).toBe(0x1000n);
    expect(why(client.setOption('HUGE_PAGES', 2n, ioasId))).toBe('EINVAL OPTION_HUGE_PAGES_VALUE');
    ok(client.setOption('HUGE_PAGES', 1n, ioasId));
    expect(ok(client.ioasIovaRanges(ioasId)).alignment).toBe(1n);
  });
});

describe('VFIO_IOAS', () => {
  it('names the IOAS of the container calls, which a destroy forgets', () => {
    const { client, context } = bench();
    expect(why(client.getVfioIoas())).toBe('ENODEV COMPAT_IOAS_MISSING');
    expect(why(client.setVfioIoas(4))).toBe('ENOENT IOAS_NOT_FOUND');
    const ioasId = ok(client.ioasAlloc());
    ok(client.setVfioIoas(ioasId));
    expect(ok(client.getVfioIoas())).toBe(ioasId);
    ok(client.destroy(ioasId));
    expect(why(client.getVfioIoas())).toBe('ENODEV COMPAT_IOAS_MISSING');
    const made = ok(context.compat.ensure());
    expect(ok(context.compat.ensure())).toBe(made);
    expect(ok(client.getVfioIoas())).toBe(made.id);
    expect(why(context.compat.setNoIommu())).toBe('EINVAL COMPAT_NO_IOMMU_AFTER_IOAS');
    ok(client.setVfioIoas(undefined));
    expect(why(client.getVfioIoas())).toBe('ENODEV COMPAT_IOAS_MISSING');
    ok(context.compat.setNoIommu());
    expect(why(context.compat.ensure())).toBe('EINVAL COMPAT_IOAS_NO_IOMMU');
    expect(ok(client.ioasAlloc())).toBe(made.id + 1);
  });
});
