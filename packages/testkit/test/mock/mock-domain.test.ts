import { describe, expect, it } from 'vitest';
import { Errno, IotlbGather } from '@ioasis/core';
import { MockDomain } from '@ioasis/testkit';

const IO_PAGE = 11;
const HUGE = 20;
const gather = new IotlbGather();

describe('MockDomain', () => {
  it('translates IO pages of 2 KiB, byte by byte inside them', () => {
    const domain = new MockDomain(false, false);
    expect(domain.mapPages(0, 0x100_0000, 1, 0x8000_0800, IO_PAGE, 2)).toBe(0);
    expect(domain.mappedPages).toBe(2);
    expect(domain.iovaToPhys(0, 0x100_0912)).toBe(true);
    expect([domain.foundPaHi, domain.foundPaLo >>> 0]).toEqual([1, 0x8000_1112]);
    expect(domain.iovaToPhys(0, 0x100_1000)).toBe(false);
  });

  it('notices an unmap that starts or ends inside a map call', () => {
    const cuts = (first: number, count: number): number => {
      const domain = new MockDomain(false, false);
      domain.mapPages(0, 0x100_0000, 0, 0, IO_PAGE, 4);
      domain.mapPages(0, 0x100_2000, 0, 0x8000, IO_PAGE, 4);
      domain.unmapPages(0, 0x100_0000 + first * 0x800, IO_PAGE, count);
      return domain.violations.length;
    };
    expect([cuts(0, 4), cuts(0, 8), cuts(4, 4)]).toEqual([0, 0, 0]);
    expect([cuts(1, 3), cuts(0, 3), cuts(1, 2), cuts(2, 4)]).toEqual([1, 1, 2, 2]);
  });

  it('does not look for cuts when it has huge pages, whose runs are cut by size', () => {
    const domain = new MockDomain(true, false);
    domain.mapPages(0, 0x100_0000, 0, 0, HUGE, 1);
    domain.unmapPages(0, 0x100_0800, IO_PAGE, 1);
    expect(domain.violations).toEqual([]);
  });

  it('notices pages that are mapped twice or left when it goes', () => {
    const domain = new MockDomain(false, false);
    domain.mapPages(0, 0x100_0000, 0, 0, IO_PAGE, 1);
    domain.mapPages(0, 0x100_0000, 0, 0, IO_PAGE, 1);
    domain.free();
    expect(domain.violations).toHaveLength(2);
  });

  it('reports a huge page as written when one of its IO pages was', () => {
    const domain = new MockDomain(true, true);
    domain.mapPages(0, 0x100_0000, 0, 0, HUGE, 2);
    const marks: (readonly [number, number])[] = [];
    const sink = { mark: (_hi: number, lo: number, bytes: number): void => void marks.push([lo, bytes]) };
    const read = (flags: number): number | undefined =>
      domain.dirty?.readAndClear(0, 0x100_0000, 0x20_0000, flags, sink, gather);
    expect(read(0)).toBe(Errno.EINVAL);
    domain.dirty?.setTracking(true);
    expect(domain.markDirty(0x110_0000 / 0x800 + 5)).toBe(true);
    expect(domain.markDirty(0x200_0000 / 0x800)).toBe(false);
    expect([read(1), read(0), read(0)]).toEqual([0, 0, 0]);
    expect(marks).toEqual([
      [0x110_0000, 0x10_0000],
      [0x110_0000, 0x10_0000],
    ]);
  });
});
