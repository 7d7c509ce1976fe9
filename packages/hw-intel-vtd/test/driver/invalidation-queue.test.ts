import { Errno } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { InvalidationQueueStalled, InvalidationQueueWriter } from '../../src/driver/invalidation-queue.js';
import { FakeUnit } from './fake-unit.js';
import { ram } from './driver-bench.js';

const IOTLB_ALL = 0xd2n;
const BAD = 0xffn;
const FSTS = 0x34;
const IQE = 0x10;
const ITE = 0x40;

function bench({ isScalable = false, isPresent = true } = {}) {
  const { memory, frames } = ram();
  const fake = new FakeUnit(memory, 0n, 0n);
  const queue = new InvalidationQueueWriter(
    memory,
    frames,
    fake,
    isScalable,
    () => fake.step(),
    () => isPresent,
  );
  return { memory, fake, queue };
}

describe('the driver end of the invalidation queue', () => {
  it('resets the tail, then writes the queue address with its size and width', () => {
    expect(bench().fake.writes).toEqual([
      [0x88, 0],
      [0x90, 0x1_0000],
    ]);
    // 8 KiB of 32-byte descriptors: QS 1, DW 1.
    expect(bench({ isScalable: true }).fake.writes.at(-1)).toEqual([0x90, 0x1_0801]);
  });

  it('puts a wait with its own status word behind every submission, and rings once', () => {
    const { fake, queue } = bench();
    expect(queue.submit(IOTLB_ALL, 0x11n)).toBe(0);
    queue.submit(IOTLB_ALL);
    expect(fake.take()).toEqual([
      [0xd2n, 0n],
      [0x11n, 0n],
      [0xd2n, 0n],
    ]);
    expect(fake.waits).toEqual([
      [0x2_0000_0025n, 0x1_1008n],
      [0x2_0000_0025n, 0x1_1010n],
    ]);
    expect(fake.writes.slice(2)).toEqual([
      [0x88, 0x30],
      [0x88, 0x50],
    ]);
  });

  it('goes round the ring', () => {
    const { fake, queue } = bench();
    for (let round = 0; round < 300; round++) expect(queue.submit(BigInt(round) << 16n)).toBe(0);
    expect(fake.commands).toHaveLength(300);
    expect(fake.commands.at(-1)).toEqual([299n << 16n, 0n]);
  });

  it('overwrites a refused descriptor with a wait, clears the error and goes on', () => {
    const { fake, queue } = bench();
    let isStopped = false;
    fake.accepts = (q0) => {
      if (q0 !== BAD) return !isStopped;
      isStopped = true;
      fake.set(FSTS, BigInt(IQE));
      return false;
    };
    const write32 = fake.write32.bind(fake);
    fake.write32 = (offset, value) => {
      write32(offset, value);
      if (offset === FSTS && (value & IQE) !== 0) isStopped = false;
    };
    expect(queue.submit(BAD)).toBe(Errno.EINVAL);
    expect(fake.read32(FSTS)).toBe(0);
    expect(queue.submit(IOTLB_ALL)).toBe(0);
    expect(fake.take()).toEqual([[0xd2n, 0n]]);
    // The copy of the wait, the wait of the refused submission, and the last one.
    expect(fake.waits.map(([, address]) => address)).toEqual([0x1_1004n, 0x1_1004n, 0x1_100cn]);
  });

  it.each([
    [true, 'again', 0],
    [false, 'no more', Errno.ETIMEDOUT],
  ])('submits %s after a time-out when the device is there: %s', (isPresent, _, outcome) => {
    const { fake, queue } = bench({ isPresent });
    const step = fake.step.bind(fake);
    let timeOuts = 1;
    fake.step = () => {
      if (timeOuts-- <= 0) return step();
      // The hardware drops the waits that are pending, says who did not answer, and stops.
      fake.set(0xb0, 0x18_0000_0000n);
      fake.set(FSTS, BigInt(ITE));
      fake.set(0x80, BigInt(fake.read32(0x88)));
    };
    expect(queue.submit(0x18_0000_0003n)).toBe(outcome);
    expect(fake.read32(FSTS)).toBe(0);
    expect(fake.take()).toHaveLength(isPresent ? 1 : 0);
  });

  it('gives up when the hardware does nothing', () => {
    const { fake, queue } = bench();
    fake.accepts = () => false;
    expect(() => queue.submit(IOTLB_ALL)).toThrow(InvalidationQueueStalled);
  });
});
