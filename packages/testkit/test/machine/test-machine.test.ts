import { left } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { createTestMachine, eachBackend, EduDevice, EduDriver, mockBackend, must } from '../../src/index.js';
import { vendors } from '../vendors.js';

const NO_LEAKS = { userFrames: 0, pins: 0, lockedPages: 0, chargedBytes: 0, tableFrames: 0, objects: [] };

eachBackend(describe, vendors, (backend) => {
  it('maps a buffer, moves bytes as the device, unmaps and leaks nothing', () => {
    const pc = createTestMachine({ backend });
    const buffer = pc.buffer(Uint8Array.of(1, 2, 3));
    const iova = pc.map(buffer);
    expect([...pc.dma.read(iova, 4).data]).toEqual([1, 2, 3, 0]);
    expect(pc.dma.write(iova + 0x10n, Uint8Array.of(9)).pieces[0]?.pa).toBe(buffer.paOf(0x10));
    expect([...buffer.read(0x10, 1)]).toEqual([9]);
    expect(pc.unmap(iova, buffer.bytes)).toBe(0x1000n);
    const late = pc.dma.write(iova, Uint8Array.of(4));
    expect(late.status).toBe('blocked');
    expect(late.walkOf(late.pieces[0]!)).toMatchObject({ pa: undefined });
    expect(pc.close()).toEqual(NO_LEAKS);
    expect(pc.close()).toEqual(NO_LEAKS);
  });

  it('gives the device to its driver', () => {
    const pc = createTestMachine({ backend, device: new EduDevice() });
    const iova = pc.map(pc.buffer(Uint8Array.of(7, 8)), 0x10_0000n);
    new EduDriver(pc.process, pc.vfio.fd).transfer('to-device', iova, 2, 2);
    expect([...pc.device.buffer.subarray(0, 5)]).toEqual([0, 0, 7, 8, 0]);
  });

  it('lives beside a machine of another vendor', () => {
    const [one, other] = [createTestMachine({ backend }), createTestMachine({ backend: mockBackend() })];
    const iova = one.map(one.buffer(0x1000), 0x100_0000n);
    other.map(other.buffer(Uint8Array.of(5)), iova);
    expect(one.dma.write(iova, Uint8Array.of(6)).status).toBe('ok');
    expect([...other.dma.read(iova, 1).data]).toEqual([5]);
    expect(one.unit).not.toBe(other.unit);
    one.close();
    expect([...other.dma.read(iova, 1).data]).toEqual([5]);
  });
});

describe('limits', () => {
  const [backend] = vendors as [(typeof vendors)[number]];

  it('stop the program from pinning more than RLIMIT_MEMLOCK', () => {
    const pc = createTestMachine({ backend, limits: { memlock: 0x2000n } });
    pc.map(pc.buffer(0x2000));
    expect(() => pc.map(pc.buffer(0x1000))).toThrow('ENOMEM MEMLOCK_EXCEEDED');
  });

  it('stop the kernel from holding more than its memory cgroup has', () => {
    const pc = createTestMachine({ backend, limits: { kernelBytes: 0x1_0000 } });
    const map = (iova: bigint) =>
      pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: buffer.va, length: buffer.bytes, iova });
    const buffer = pc.buffer(0x1000);
    let made = 0;
    while (map(BigInt(made + 1) << 30n)._tag === 'Right') made++;
    expect(made).toBeGreaterThan(1);
    expect(map(BigInt(made + 1) << 30n)).toMatchObject({ left: { errno: 'ENOMEM' } });
    expect(pc.close()).toEqual(NO_LEAKS);
  });
});

it('rounds buffers up to pages and keeps them apart', () => {
  const pc = createTestMachine({ backend: mockBackend(), pageSize: 16384 });
  const [first, second] = [pc.buffer(1), pc.buffer(20_000, 'r')];
  expect([first.bytes, second.bytes]).toEqual([0x4000n, 0x8000n]);
  expect(pc.process.addressSpace.peek(first.va + first.bytes, 1)).toHaveLength(0);
  expect(second.va).toBe(first.va + 0x8000n);
  expect(() => first.paOf(0x4000)).toThrow('no page at offset 16384');
});

it('throws what a call that must succeed is refused with', () => {
  expect(() =>
    must(left({ errno: 'EBUSY', code: 'SOME_CODE', rule: 'one at a time', facts: { id: 3 }, hint: 'wait' })),
  ).toThrow('EBUSY SOME_CODE: one at a time [id=3] wait');
});
