import { describe, expect, it } from 'vitest';
import { testPages } from './machine-pages.js';

describe('PageFrames', () => {
  it('frees a page when it has neither owner nor pin', () => {
    const { pages, frames } = testPages();
    const frame = pages.allocate();
    pages.share(frame);
    pages.pin(frame);
    pages.pin(frame);
    pages.release(frame);
    expect([pages.ownersOf(frame), pages.pinCountOf(frame), pages.pinCount]).toEqual([1, 2, 2]);
    pages.release(frame);
    pages.unpin(frame);
    expect(frames.framesInUse).toBe(1);
    pages.unpin(frame);
    expect([frames.framesInUse, pages.pinCount]).toEqual([0, 0]);
    expect(() => pages.release(frame)).toThrow(/no owner/);
    expect(() => pages.unpin(frame)).toThrow(/not pinned/);
  });

  it('keeps counts apart over many pages', () => {
    const { pages } = testPages();
    const frames = Array.from({ length: 3000 }, () => pages.allocate());
    for (const frame of frames.filter((_, at) => at % 3 === 0)) pages.pin(frame);
    expect(frames.filter((frame) => pages.pinCountOf(frame) === 1)).toHaveLength(1000);
    expect(frames.every((frame) => pages.ownersOf(frame) === 1)).toBe(true);
  });

  it('duplicates the content of whole pages', () => {
    const { pages, memory } = testPages({ pageSize: 65536 });
    const source = pages.allocate();
    const data = Uint8Array.from({ length: 65536 }, (_, at) => at * 11 + (at >> 8));
    memory.write(BigInt(source) << 12n, data);
    const copy = new Uint8Array(65536);
    memory.read(BigInt(pages.duplicate(source)) << 12n, copy);
    expect(copy).toEqual(data);
    expect(pages.holds(source) && !pages.holds(0)).toBe(true);
  });

  it('says when no memory is left', () => {
    const { pages } = testPages({ frames: 1 });
    const only = pages.allocate();
    expect([pages.allocate(), pages.allocateHuge(), pages.duplicate(only)]).toEqual([-1, -1, -1]);
  });
});
