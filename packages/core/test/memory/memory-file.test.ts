import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../src/index.js';
import { testPages } from './machine-pages.js';

describe('MemoryFile', () => {
  it('makes pages on touch, inside its size only, the same for everybody', () => {
    const { pages, frames } = testPages();
    const file = new MemoryFile(pages, 0x2001n);
    file.hold();
    expect(frames.framesInUse).toBe(0);
    expect(file.frameOf(2)).toBe(file.frameOf(2));
    expect([file.frameOf(3), file.frameOf(-1)]).toEqual([-1, -1]);
    expect(frames.framesInUse).toBe(1);
  });

  it('lives until its last holder is gone; pinned pages live on', () => {
    const { pages, frames } = testPages();
    const file = new MemoryFile(pages, 0x4000n);
    file.hold();
    file.hold();
    const pinned = file.frameOf(0);
    file.frameOf(1);
    pages.pin(pinned);
    file.drop();
    expect(frames.framesInUse).toBe(2);
    file.drop();
    expect(frames.framesInUse).toBe(1);
    pages.unpin(pinned);
    expect(frames.framesInUse).toBe(0);
    expect(() => file.drop()).toThrow(RangeError);
  });

  it('of huge pages takes 2 MiB at a time', () => {
    const { pages, frames } = testPages({ pageSize: 16384 });
    const file = new MemoryFile(pages, 0x40_0000n, { huge: true });
    file.hold();
    const frame = file.frameOf(130);
    expect(file.frameOf(128) % 512).toBe(0);
    expect(frame - file.frameOf(128)).toBe(8);
    expect(frames.framesInUse).toBe(512);
    file.drop();
    expect(frames.framesInUse).toBe(0);
  });

  it('says when no memory is left', () => {
    const { pages } = testPages({ frames: 3 });
    const huge = new MemoryFile(pages, 0x20_0000n, { huge: true });
    expect(huge.frameOf(0)).toBe(-1);
    const file = new MemoryFile(pages, 0x4000n);
    expect([0, 1, 2, 3].map((page) => file.frameOf(page) === -1)).toEqual([false, false, false, true]);
  });
});
