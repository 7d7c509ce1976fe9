import { describe, expect, it } from 'vitest';
import { Errno, IommufdRequest, IommuHwptAlloc } from '../../src/index.js';
import { callWithStruct } from '../../src/iommufd/typed-call.js';
import { bench, DATA, ok, why, type Bench } from './iommufd-fixture.js';

const NESTED = { type: 9, bytes: Uint8Array.of(1, 2, 3, 4) };

const raw = ({ process, client }: Bench, values: Parameters<typeof IommuHwptAlloc.encode>[0]): string =>
  why(callWithStruct(process, client.fd, IommufdRequest.HWPT_ALLOC, IommuHwptAlloc, values).result);

describe('HWPT_ALLOC over an IOAS', () => {
  it('fills the page table and keeps the IOAS', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    ok(b.client.ioasMap({ ioasId, userVa: DATA, length: 0x2000n, iova: 0x5000n }));
    const device = b.bind(0);
    const hwpt = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioasId }));
    expect([...(b.script.domains[0]?.pages.keys() ?? [])]).toEqual([0x5000n, 0x6000n]);
    expect(why(b.client.destroy(ioasId))).toBe('EBUSY OBJECT_BUSY');
    ok(b.client.destroy(hwpt));
    expect(b.script.domains[0]).toMatchObject({ isFree: true, pages: new Map() });
    ok(b.client.destroy(ioasId));
  });

  it('checks in the order of the kernel', () => {
    const b = bench();
    expect(raw(b, { __reserved: 1, data_type: 1 })).toBe('EOPNOTSUPP HWPT_ALLOC_RESERVED_FIELD');
    expect(raw(b, { data_len: 1 })).toBe('EINVAL HWPT_ALLOC_DATA_WITHOUT_TYPE');
    expect(raw(b, { data_type: 1, flags: 0x100 })).toBe('EINVAL HWPT_ALLOC_TYPE_WITHOUT_DATA');
    expect(raw(b, { dev_id: 1, pt_id: 1 })).toBe('ENOENT DEVICE_NOT_FOUND');
    const { id } = b.bind(0);
    expect(raw(b, { dev_id: id, pt_id: 9, flags: 0x100 })).toBe('EINVAL HWPT_ALLOC_TARGET_NOT_FOUND');
    expect(raw(b, { dev_id: id, pt_id: id })).toBe('EINVAL HWPT_ALLOC_TARGET_KIND');
    const pt_id = ok(b.client.ioasAlloc());
    expect(raw(b, { dev_id: id, pt_id, flags: 8 })).toBe('EOPNOTSUPP HWPT_ALLOC_FLAGS');
    expect(raw(b, { dev_id: id, pt_id, flags: 4 })).toBe('EOPNOTSUPP HWPT_ALLOC_FLAGS');
    b.script.capabilities = { ...b.script.capabilities, dirtyTracking: false };
    const other = b.bind(1);
    expect(raw(b, { dev_id: other.id, pt_id, flags: 2 })).toBe('EOPNOTSUPP HWPT_ALLOC_NO_DIRTY_TRACKING');
    expect(raw(b, { dev_id: id, pt_id, __reserved2: 5 })).toBe('done');
  });
});

describe('HWPT_ALLOC of a nested page table', () => {
  it('wants a parent that was made for it, and keeps it', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    const device = b.bind(0);
    const automatic = ok(device.attach(ioas));
    const alloc = (ptId: number, more: object = {}): string =>
      why(b.client.hwptAlloc({ deviceId: device.id, ptId, data: NESTED, ...more }));
    expect(alloc(automatic)).toBe('EINVAL HWPT_NESTED_PARENT_AUTOMATIC');
    const flat = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioas }));
    expect(alloc(flat)).toBe('EINVAL HWPT_NESTED_PARENT_FLAG');
    const parent = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioas, nestParent: true }));
    expect(alloc(parent, { dirtyTracking: true })).toBe('EOPNOTSUPP HWPT_NESTED_FLAGS');
    expect(why(b.client.hwptAlloc({ deviceId: device.id, ptId: parent }))).toBe('EOPNOTSUPP HWPT_NESTED_NO_DATA');
    expect(alloc(parent, { faultId: 99 })).toBe('ENOENT FAULT_NOT_FOUND');
    const nested = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: parent, data: NESTED }));
    expect(alloc(nested)).toBe('EINVAL HWPT_ALLOC_TARGET_KIND');
    expect(why(b.client.destroy(parent))).toBe('EBUSY OBJECT_BUSY');
    ok(b.client.destroy(nested));
    ok(b.client.destroy(parent));
    // One for the queue that was not found, one that was destroyed.
    expect(b.script.nested.map(({ isFree }) => isFree)).toEqual([true, true]);
  });

  it('lets the driver check before it reads the data', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    const { id: dev_id } = b.bind(0);
    const pt_id = ok(b.client.hwptAlloc({ deviceId: dev_id, ptId: ioas, nestParent: true }));
    const unreadable = { dev_id, pt_id, data_len: 4, data_uptr: 0x66_0000_0000n };
    expect(raw(b, { ...unreadable, data_type: 8 })).toBe('EOPNOTSUPP DRIVER_EOPNOTSUPP');
    expect(raw(b, { ...unreadable, data_type: 9 })).toBe('EFAULT HWPT_ALLOC_DATA_UNREADABLE');
  });

  it('reserves the regions of its device in the IOAS of the parent', () => {
    const b = bench();
    b.script.reserved.set(b.device(0).name, [{ kind: 'msi', start: 0x10_0000n, last: 0x10_ffffn }]);
    const ioas = ok(b.client.ioasAlloc());
    const device = b.bind(0);
    const parent = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioas, nestParent: true }));
    const nested = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: parent, data: NESTED }));
    ok(device.attach(nested));
    expect(b.script.attached.get(b.device(0).name)).toBe(b.script.nested[0]);
    expect(ok(b.client.ioasIovaRanges(ioas)).ranges).toHaveLength(2);
    expect(why(b.client.destroy(nested))).toBe('EBUSY OBJECT_BUSY');
    device.detach();
    expect(ok(b.client.ioasIovaRanges(ioas)).ranges).toHaveLength(1);
  });
});

describe('HWPT_INVALIDATE', () => {
  const nestedOf = (b: Bench): number => {
    const ioas = ok(b.client.ioasAlloc());
    const { id } = b.bind(0);
    const parent = ok(b.client.hwptAlloc({ deviceId: id, ptId: ioas, nestParent: true }));
    return ok(b.client.hwptAlloc({ deviceId: id, ptId: parent, data: NESTED }));
  };
  const entries = (...first: number[]): Uint8Array => {
    const bytes = new Uint8Array(first.length * 8);
    first.forEach((value, index) => (bytes[index * 8] = value));
    return bytes;
  };

  it('tells how many entries were handled, also when one is refused', () => {
    const b = bench();
    const id = nestedOf(b);
    expect(b.client.invalidate(id, 7, 8, entries(1, 2, 3))).toEqual({ handled: 3, refusal: undefined });
    expect(b.client.invalidate(id, 7, 8, entries(4, 0xff, 5))).toMatchObject({
      handled: 1,
      refusal: { code: 'DRIVER_EIO' },
    });
    expect(b.script.nested[0]?.handled).toEqual([1, 2, 3, 4]);
  });

  it('asks the driver for a type without any entry', () => {
    const b = bench();
    const id = nestedOf(b);
    expect(b.client.invalidate(id, 7, 0, entries())).toEqual({ handled: 0, refusal: undefined });
    expect(b.client.invalidate(id, 6, 0, entries())).toMatchObject({ handled: 0, refusal: { errno: 'EOPNOTSUPP' } });
    expect(b.client.invalidate(99, 7, 8, entries(1))).toMatchObject({
      handled: 0,
      refusal: { code: 'HWPT_NESTED_NOT_FOUND' },
    });
    expect(b.client.invalidate(id, 7, 4097, new Uint8Array(4097))).toMatchObject({
      refusal: { code: 'INVALIDATE_LIMIT' },
    });
  });

  it('checks the size of an entry before it reads it', () => {
    const b = bench();
    const id = nestedOf(b);
    expect(b.client.invalidate(id, 7, 4, entries(1))).toMatchObject({ handled: 0, refusal: { code: 'DRIVER_EINVAL' } });
  });
});

describe('dirty tracking', () => {
  it('reports and clears what was written since', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const { id } = b.bind(0);
    const hwptId = ok(b.client.hwptAlloc({ deviceId: id, ptId: ioasId, dirtyTracking: true }));
    ok(b.client.ioasMap({ ioasId, userVa: DATA, length: 0x1_0000n, iova: 0x10_0000n }));
    const range = { hwptId, iova: 0x10_0000n, length: 0x1_0000n, pageSize: 0x1000n };
    const domain = b.script.domains[0]!;
    const write = (...pages: bigint[]): void => {
      for (const page of pages) domain.pages.get(0x10_0000n + page * 0x1000n)!.isDirty = true;
    };
    write(2n);
    ok(b.client.setDirtyTracking(hwptId, true));
    expect([...ok(b.client.getDirtyBitmap(range))]).toEqual([0, 0]);
    write(0n, 9n);
    expect([...ok(b.client.getDirtyBitmap({ ...range, clear: false }))]).toEqual([1, 2]);
    expect([...ok(b.client.getDirtyBitmap(range))]).toEqual([1, 2]);
    expect([...ok(b.client.getDirtyBitmap(range))]).toEqual([0, 0]);
    expect(why(b.client.getDirtyBitmap({ ...range, pageSize: 0n }))).toBe('EINVAL DIRTY_PAGE_SIZE_ZERO');
  });

  it('needs a page table that was made for it', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const hwptId = ok(b.client.hwptAlloc({ deviceId: b.bind(0).id, ptId: ioasId }));
    expect(why(b.client.setDirtyTracking(hwptId, true))).toBe('EOPNOTSUPP DIRTY_UNSUPPORTED');
    expect(why(b.client.setDirtyTracking(ioasId, true))).toBe('ENOENT HWPT_NOT_FOUND');
  });
});

describe('GET_HW_INFO', () => {
  it('gives the data of the driver and what the device can do', () => {
    const b = bench();
    expect(why(b.client.hwInfo(1))).toBe('ENOENT DEVICE_NOT_FOUND');
    const { id } = b.bind(0);
    expect(ok(b.client.hwInfo(id))).toEqual({
      type: 0x1234,
      data: Uint8Array.of(1, 2, 3, 4),
      capabilities: 1n,
      maxPasidLog2: 5,
    });
  });
});

describe('failures of a backend', () => {
  it('are injected at each call', () => {
    let armed = false;
    const b = bench([1, 2], { failure: { fails: (kind) => armed && kind === 'backend' } });
    const ioas = ok(b.client.ioasAlloc());
    const device = b.bind(0);
    armed = true;
    expect(why(device.attach(ioas))).toBe('ENOMEM DRIVER_ENOMEM');
    expect(Errno.ENOMEM).toBe(12);
    armed = false;
    ok(device.attach(ioas));
  });
});
