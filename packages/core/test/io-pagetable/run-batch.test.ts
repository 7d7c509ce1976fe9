import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunBatch } from '../../src/io-pagetable/run-batch.js';

const pagesOf = (batch: RunBatch): number[] => {
  const pages: number[] = [];
  batch.forEachPage((frame) => void pages.push(frame));
  return pages;
};

describe('RunBatch', () => {
  it('joins adjacent frames to runs', () => {
    const batch = new RunBatch(1);
    batch.open(10, 0x1_0000);
    batch.addAll(Float64Array.of(5, 6, 7, 9, 10, 3), 0, 6);
    expect([batch.runs, batch.total]).toEqual([3, 6]);
    expect(pagesOf(batch)).toEqual([5, 6, 7, 9, 10, 3]);
  });

  it('counts frames by pages of the machine', () => {
    const batch = new RunBatch(16);
    batch.open(10, 0x1_0000);
    batch.addAll(Float64Array.of(32, 48, 49, 65), 0, 4);
    expect(batch.runs).toBe(2);
    expect(pagesOf(batch)).toEqual([32, 48, 49, 65]);
  });

  it('never ends inside a run: full means that the next frame is not adjacent', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(6), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (gaps, runs) => {
        const frames: number[] = [];
        let frame = 0;
        for (const gap of gaps) frames.push((frame += gap < 4 ? 1 : gap));
        const batch = new RunBatch(1);
        batch.open(frames.length, runs * 12);
        const seen: number[][] = [];
        for (let at = 0; at < frames.length; at += batch.total) {
          batch.clear();
          batch.addAll(Float64Array.from(frames), at, frames.length - at);
          seen.push(pagesOf(batch));
          expect(batch.runs).toBeLessThanOrEqual(runs);
          const next = frames[at + batch.total];
          if (next !== undefined) {
            expect(batch.runs).toBe(Math.min(runs, frames.length));
            expect(next).not.toBe(frames[at + batch.total - 1]! + 1);
          }
        }
        expect(seen.flat()).toEqual(frames);
      }),
      { numRuns: 200 },
    );
  });
});
