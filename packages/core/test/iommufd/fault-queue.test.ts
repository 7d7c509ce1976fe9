import { describe, expect, it } from 'vitest';
import { IommuHwptPageResponse, IommuHwptPgfault, PollEvent, type PageRequest } from '../../src/index.js';
import { testFunction } from '../composition/test-backend.js';
import { bench, ok, why, type Bench } from './iommufd-fixture.js';

const BUFFER = 0x22_0000_0000n;
const ALL = PollEvent.IN | PollEvent.OUT | PollEvent.PRI;

interface Queue {
  readonly faultId: number;
  readonly fd: number;
  readonly nested: number;
  readonly ioas: number;
  readonly device: ReturnType<Bench['bind']>;
  request(more: Partial<PageRequest>): void;
  read(bytes: number): {
    readonly count: string | number;
    readonly records: ReturnType<typeof IommuHwptPgfault.decode>[];
  };
  answer(...pairs: (readonly [cookie: number, code: number])[]): string | number;
}

/** A device on a nested page table with a fault queue. */
function queue(b: Bench): Queue {
  ok(b.process.addressSpace.mmap(BUFFER, 0x1000n, 'rw', { kind: 'private' }));
  const ioas = ok(b.client.ioasAlloc());
  const device = b.bind(0);
  const parent = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioas, nestParent: true }));
  const { faultId, fd } = ok(b.client.faultQueueAlloc());
  const data = { type: 9, bytes: new Uint8Array(4) };
  const nested = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: parent, faultId, data }));
  ok(device.attach(nested));
  const outcome = (result: ReturnType<typeof b.process.read>): string | number =>
    result._tag === 'Left' ? why(result) : result.right;
  return {
    faultId,
    fd,
    nested,
    ioas,
    device,
    request: (more) =>
      b.script.backend().onPageRequest?.({
        device: b.device(0),
        pasid: undefined,
        groupId: 1,
        lastInGroup: true,
        permissions: 1,
        address: 0x5000n,
        ...more,
      }),
    read: (bytes) => {
      const count = outcome(b.process.read(fd, BUFFER, bytes));
      const records = Array.from({ length: typeof count === 'number' ? count / 40 : 0 }, (_, at) =>
        IommuHwptPgfault.decode(b.process.addressSpace.peek(BUFFER + BigInt(at * 40), 40)),
      );
      return { count, records };
    },
    answer: (...pairs) => {
      pairs.forEach(([cookie, code], at) =>
        b.process.addressSpace.poke(BUFFER + BigInt(at * 8), IommuHwptPageResponse.encode({ cookie, code })),
      );
      return outcome(b.process.write(fd, BUFFER, pairs.length * 8));
    },
  };
}

describe('a fault queue', () => {
  it('delivers a group when its last request has come, in order of arrival', () => {
    const b = bench();
    const q = queue(b);
    q.request({ groupId: 4, lastInGroup: false, address: 0x1000n });
    q.request({ groupId: 5, lastInGroup: false, address: 0x9000n });
    expect(b.process.poll(q.fd, ALL)).toBe(PollEvent.OUT);
    q.request({ groupId: 4, address: 0x2000n, permissions: 2, pasid: 3 });
    expect(b.process.poll(q.fd, ALL)).toBe(PollEvent.OUT | PollEvent.IN);
    expect(q.read(40)).toEqual({ count: 'EINVAL FAULT_READ_TOO_SHORT', records: [] });
    const { count, records } = q.read(400);
    expect(count).toBe(80);
    expect(records).toMatchObject([
      { flags: 0, dev_id: q.device.id, pasid: 0, grpid: 4, perm: 1, addr: 0x1000n, cookie: 1 },
      { flags: 3, dev_id: q.device.id, pasid: 3, grpid: 4, perm: 2, addr: 0x2000n, cookie: 1 },
    ]);
    expect(q.answer([1, 0])).toBe(8);
    expect(b.script.answers).toMatchObject([{ code: 'success', request: { groupId: 4, lastInGroup: true } }]);
  });

  it('gives cookies from 1 and uses answered ones again', () => {
    const b = bench();
    const q = queue(b);
    for (let n = 0; n < 3; n++) q.request({ groupId: n });
    expect(q.read(120).records.map(({ cookie }) => cookie)).toEqual([1, 2, 3]);
    expect(q.answer([2, 1])).toBe(8);
    q.request({ groupId: 9 });
    expect(q.read(40).records.map(({ cookie }) => cookie)).toEqual([2]);
    expect(q.answer([1, 0], [7, 0], [3, 0])).toBe(8);
    expect(q.answer([1, 0])).toBe('EINVAL FAULT_WRITE_COOKIE');
    expect(q.answer([3, 2])).toBe('EINVAL FAULT_WRITE_CODE');
    expect(b.script.answers.map(({ code, request }) => [request.groupId, code])).toEqual([
      [1, 'invalid'],
      [0, 'success'],
    ]);
  });

  it('takes whole records only and keeps a group that could not be copied', () => {
    const b = bench();
    const q = queue(b);
    expect(q.read(39).count).toBe('ESPIPE FAULT_READ_SIZE');
    expect(q.read(40).count).toBe(0);
    expect(why(b.process.write(q.fd, BUFFER, 9))).toBe('ESPIPE FAULT_WRITE_SIZE');
    expect(why(b.process.write(q.fd, 0x66_0000_0000n, 8))).toBe('EFAULT FAULT_WRITE_UNREADABLE');
    q.request({});
    expect(why(b.process.read(q.fd, 0x66_0000_0000n, 40))).toBe('EFAULT FAULT_READ_NOT_WRITABLE');
    expect(q.read(40).records).toMatchObject([{ cookie: 1 }]);
  });

  it('answers INVALID for a device that goes: first what was not read, then what was not answered', () => {
    const b = bench();
    const q = queue(b);
    q.request({ groupId: 1 });
    q.read(40);
    q.request({ groupId: 2 });
    q.device.detach();
    expect(b.script.answers.map(({ code, request }) => [request.groupId, code])).toEqual([
      [2, 'invalid'],
      [1, 'invalid'],
    ]);
    expect(b.process.poll(q.fd, ALL)).toBe(PollEvent.OUT);
    q.request({ groupId: 3 });
    expect(b.script.answers.at(-1)).toMatchObject({ code: 'invalid', request: { groupId: 3 } });
    expect(b.process.poll(q.fd, ALL)).toBe(PollEvent.OUT);
  });

  it('answers INVALID when the device moves to a page table without a queue', () => {
    const b = bench();
    const q = queue(b);
    q.request({ groupId: 1 });
    ok(q.device.replace(q.ioas));
    expect(b.script.answers).toMatchObject([{ code: 'invalid', request: { groupId: 1 } }]);
    expect(q.answer([1, 0])).toBe('EINVAL FAULT_WRITE_COOKIE');
  });

  it('is kept by its page tables and by its descriptor, and outlives the file that made it', () => {
    const b = bench();
    const q = queue(b);
    expect(why(b.client.destroy(q.faultId))).toBe('EBUSY OBJECT_BUSY');
    q.device.detach();
    ok(b.client.destroy(q.nested));
    expect(why(b.client.destroy(q.faultId))).toBe('EBUSY OBJECT_BUSY');
    ok(b.process.close(q.fd));
    ok(b.client.destroy(q.faultId));
    const { fd } = ok(b.client.faultQueueAlloc());
    q.device.unbind();
    ok(b.process.close(b.client.fd));
    expect(b.process.poll(fd, ALL)).toBe(PollEvent.OUT);
    ok(b.process.close(fd));
    b.process.exit();
    expect(b.machine.close()).toMatchObject({ objects: [], chargedBytes: 0 });
  });

  it('takes requests with a PASID only for a nested page table', () => {
    const b = bench();
    const q = queue(b);
    q.request({ pasid: 5 });
    expect(b.process.poll(q.fd, ALL)).toBe(PollEvent.OUT | PollEvent.IN);
    ok(q.device.replace(q.ioas));
    q.request({ pasid: 5 });
    expect(b.script.answers).toHaveLength(2);
  });

  it('takes no virtual function', () => {
    const spec = { function: testFunction(), address: '0000:00:01.1', group: 1, virtualFunction: true };
    const b = bench([], { devices: [spec] });
    const ioas = ok(b.client.ioasAlloc());
    const device = b.bind(0);
    const parent = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioas, nestParent: true }));
    const { faultId } = ok(b.client.faultQueueAlloc());
    const data = { type: 9, bytes: new Uint8Array(4) };
    const nested = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: parent, faultId, data }));
    expect(why(device.attach(nested))).toBe('EINVAL ATTACH_VIRTUAL_FUNCTION');
    expect(why(device.attach(parent))).toBe('done');
  });
});
