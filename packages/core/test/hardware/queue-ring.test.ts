import { describe, expect, it } from 'vitest';
import { QueueRing, type RingFullness } from '../../src/hardware/queue-ring.js';

const ring = (fullness: RingFullness, sizeLog2: number): QueueRing => {
  const made = new QueueRing(16, fullness);
  made.configure(0x1, 0xffff_fff0 | 0, sizeLog2);
  return made;
};

describe('QueueRing', () => {
  it.each<[RingFullness, number]>([
    ['gap', 7],
    ['wrap-bit', 8],
  ])('holds the entries that its rule allows: %s', (fullness, capacity) => {
    const queue = ring(fullness, 3);
    expect(queue.isEmpty).toBe(true);
    let appended = 0;
    for (; !queue.isFull; appended++) queue.advanceTail();
    expect(appended).toBe(capacity);
    expect(queue.pending).toBe(capacity);
    expect(queue.isEmpty).toBe(false);
  });

  it('stays consistent over many turns', () => {
    for (const fullness of ['gap', 'wrap-bit'] as const) {
      const queue = ring(fullness, 2);
      for (let turn = 0; turn < 50; turn++) {
        const room = turn % 3;
        for (let i = 0; i <= room; i++) queue.advanceTail();
        expect(queue.pending).toBe(room + 1);
        for (let i = 0; i <= room; i++) queue.advanceHead();
        expect(queue.isEmpty).toBe(true);
      }
    }
  });

  it('finds an entry above a 4 GiB boundary', () => {
    const queue = ring('gap', 3);
    queue.locate(0);
    expect([queue.entryHi, queue.entryLo]).toEqual([1, 0xffff_fff0 | 0]);
    queue.locate(1);
    expect([queue.entryHi, queue.entryLo]).toEqual([2, 0]);
  });

  it('drops the wrap bit from an address and accepts it in an index', () => {
    const queue = ring('wrap-bit', 3);
    queue.locate(8 + 1);
    expect(queue.entryLo).toBe(0);
    expect(queue.accepts(15)).toBe(true);
    expect(queue.accepts(16)).toBe(false);
    expect(ring('gap', 3).accepts(8)).toBe(false);
  });
});
