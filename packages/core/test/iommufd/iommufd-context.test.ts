import { right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { done, linux62, linux66, type IommufdContext } from '../../src/index.js';
import { bench, ok, why, type Bench } from './iommufd-fixture.js';

const ARG = 0x21_0000_0000n;
const UNMAPPED = 0x30_0000_0000n;

/** Memory for one structure: a page, with nothing behind it. */
function withPage(made: Bench): Bench {
  ok(made.process.addressSpace.mmap(ARG, 0x1000n, 'rw', { kind: 'private' }));
  return made;
}

const call = ({ process, client }: Bench, request: number, at: bigint, ...bytes: number[]): string => {
  if (bytes.length > 0) process.addressSpace.poke(at, Uint8Array.from(bytes));
  return why(process.ioctl(client.fd, request, at));
};
const u32 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];

describe('dispatch', () => {
  it('reads size before it looks at the number', () => {
    const b = withPage(bench());
    expect(call(b, 0x3b8f, UNMAPPED)).toBe('ENOTTY IOCTL_UNKNOWN');
    // A kernel with the test command has holes in its table.
    b.machine.iommufd.testIoctl = { request: 0x3ba0, size: 8, minSize: 8, handler: () => done };
    const fd = ok(b.process.open('/dev/iommu'));
    expect(why(b.process.ioctl(fd, 0x3b8f, UNMAPPED))).toBe('EFAULT IOCTL_SIZE_UNREADABLE');
    expect(why(b.process.ioctl(fd, 0x3b8f, ARG))).toBe('ENOTTY IOCTL_UNKNOWN');
    expect(why(b.process.ioctl(fd, 0x3ba1, UNMAPPED))).toBe('ENOTTY IOCTL_UNKNOWN');
  });

  it('compares the whole number, not only its low byte', () => {
    const b = withPage(bench());
    expect(call(b, 0x4000_3b81, ARG, ...u32(12), 0, 0, 0, 0, 0, 0, 0, 0)).toBe('ENOTTY IOCTL_UNKNOWN');
  });

  it('gives numbers below 0x80 to whoever serves the VFIO calls, with the full number', () => {
    const b = bench();
    expect(call(b, 0x3b64, 0n)).toBe('ENOTTY IOCTL_UNKNOWN');
    const seen: (readonly [IommufdContext, number])[] = [];
    b.machine.iommufd.compatHandler = (context, { request }) => {
      seen.push([context, request]);
      return right(7);
    };
    expect(ok(b.process.ioctl(b.client.fd, 0x3b64, 0n))).toBe(7);
    expect(seen).toEqual([[b.context, 0x3b64]]);
  });

  it('wants at least the first version, zeroes behind the known one, and readable memory, in this order', () => {
    const b = withPage(bench());
    expect(call(b, 0x3b80, ARG, ...u32(7), 1, 0, 0, 0)).toBe('EINVAL IOCTL_TOO_SMALL');
    expect(call(b, 0x3b80, ARG, ...u32(12), 1, 0, 0, 0, 0, 0, 0, 5)).toBe('E2BIG IOCTL_TAIL_NOT_ZERO');
    expect(call(b, 0x3b80, ARG, ...u32(12), 1, 0, 0, 0, 0, 0, 0, 0)).toBe('ENOENT OBJECT_NOT_FOUND');
    const end = ARG + 0x1000n;
    expect(call(b, 0x3b80, end - 4n, ...u32(8))).toBe('EFAULT IOCTL_UNREADABLE');
    expect(call(b, 0x3b80, end - 8n, ...u32(9), 0, 0, 0, 0)).toBe('EFAULT IOCTL_UNREADABLE');
    expect(call(b, 0x3b80, end - 12n, ...u32(100), 0, 0, 0, 0, 0, 0, 0, 1)).toBe('E2BIG IOCTL_TAIL_NOT_ZERO');
  });

  it('reads a short structure as if zeroes followed, also after a long one', () => {
    const b = withPage(bench());
    const long = [...u32(48), ...Array.from({ length: 44 }, () => 0xff)];
    call(b, 0x3b89, ARG, ...long);
    // 24 bytes: data_type, data_len and fault_id read as 0.
    expect(call(b, 0x3b89, ARG, ...u32(24), ...Array.from({ length: 20 }, () => 0))).toBe('ENOENT DEVICE_NOT_FOUND');
  });

  it('writes no more back than the caller has room for', () => {
    const b = withPage(bench());
    ok(b.client.ioasAlloc());
    b.bind(0);
    const hwInfo = (size: number): Uint8Array => {
      b.process.addressSpace.poke(
        ARG,
        Uint8Array.from([...u32(size), ...u32(0), ...u32(2), ...u32(0), ...Array.from({ length: 24 }, () => 0)]),
      );
      b.process.addressSpace.poke(ARG + 32n, new Uint8Array(8));
      ok(b.process.ioctl(b.client.fd, 0x3b8a, ARG));
      return b.process.addressSpace.peek(ARG, 40);
    };
    expect([...hwInfo(40).subarray(28)]).toEqual([5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect([...hwInfo(32).subarray(28)]).toEqual([5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('leaves the effect in place when the answer cannot be written', () => {
    const b = withPage(bench());
    const id = ok(b.client.ioasAlloc());
    const map = [
      ...u32(40),
      ...u32(7),
      ...u32(id),
      ...u32(0),
      ...u32(0),
      ...u32(0x20),
      ...u32(0x1000),
      ...u32(0),
      ...u32(0x5000),
      ...u32(0),
    ];
    b.process.addressSpace.poke(ARG, Uint8Array.from(map));
    ok(b.process.addressSpace.mprotect(ARG, 0x1000n, 'r'));
    expect(why(b.process.ioctl(b.client.fd, 0x3b85, ARG))).toBe('EFAULT IOCTL_NOT_WRITABLE');
    expect(why(b.process.ioctl(b.client.fd, 0x3b85, ARG))).toBe('EEXIST MAP_IOVA_OCCUPIED');
    expect(call(b, 0x3b81, ARG, ...u32(12), ...u32(0), ...u32(0))).toBe('EFAULT IOCTL_NOT_WRITABLE');
    expect(ok(b.client.ioasAlloc())).toBe(id + 1);
  });
});

describe('kernel profiles', () => {
  it('know what their kernel knew', () => {
    const old = bench([1], { kernel: linux62 });
    expect(why(old.client.hwInfo(1))).toBe('ENOTTY IOCTL_UNKNOWN');
    expect(why(old.client.getVfioIoas())).toBe('ENODEV COMPAT_IOAS_MISSING');
    const middle = bench([1], { kernel: linux66 });
    expect(why(middle.client.hwptAlloc({ deviceId: 1, ptId: 1 }))).toBe('ENOENT DEVICE_NOT_FOUND');
    expect(why(middle.client.hwptAlloc({ deviceId: 1, ptId: 1, nestParent: true }))).toBe(
      'EOPNOTSUPP HWPT_ALLOC_FLAGS',
    );
    expect(why(middle.client.faultQueueAlloc())).toBe('ENOTTY IOCTL_UNKNOWN');
  });

  it('take a page table only over an IOAS before nesting came', () => {
    const { client, bind } = bench([1], { kernel: linux66 });
    const device = bind(0);
    expect(why(client.hwptAlloc({ deviceId: device.id, ptId: 9 }))).toBe('ENOENT IOAS_NOT_FOUND');
    const ioas = ok(client.ioasAlloc());
    const hwpt = ok(client.hwptAlloc({ deviceId: device.id, ptId: ioas }));
    expect(why(client.hwptAlloc({ deviceId: device.id, ptId: hwpt }))).toBe('ENOENT IOAS_NOT_FOUND');
    expect(ok(client.hwInfo(device.id))).toMatchObject({ capabilities: 0n, maxPasidLog2: 0 });
  });
});

describe('the end of a file', () => {
  it('comes with the last descriptor and unbinds nothing that a driver holds', () => {
    const { process, client, context, bind, machine } = bench();
    ok(client.ioasAlloc());
    const device = bind(0);
    const copy = ok(process.dup(client.fd));
    ok(process.close(client.fd));
    expect(context.ioas(1)).toBeDefined();
    ok(process.close(copy));
    // VFIO holds the file as long as a device is bound.
    expect(context.ioas(1)).toBeDefined();
    device.unbind();
    expect(context.ioas(1)).toBeUndefined();
    process.exit();
    expect(machine.close()).toMatchObject({ objects: [], chargedBytes: 0, pins: 0 });
  });
});
