import { describe, expect, it } from 'vitest';
import { DIRTY_NO_CLEAR, U64_MAX, type DirtyBitmapRequest, type IoPageTable } from '../../src/index.js';
import { FakeDomain, IO_PAGE } from './fake-domain.js';
import { BUFFER, codeOf, testTables, value, type TestTables } from './fixture.js';

const PAGE = 4096n;
const BITMAP = 0x4000_0000n;

interface Tracked extends TestTables {
  readonly own: IoPageTable;
  readonly domain: FakeDomain;
  /** Asks for the bitmap at `offset` bytes into the bitmap memory. */
  read(part: Partial<Omit<DirtyBitmapRequest, 'process'>>): ReturnType<IoPageTable['readAndClearDirty']>;
  bytes(offset: number, count: number): number[];
}

function tracked(): Tracked {
  const world = testTables();
  const own = world.table();
  const domain = new FakeDomain({ dirty: true });
  value(own.addDomain(domain));
  value(world.space.mmap(BITMAP, 4n * PAGE, 'rw', { kind: 'private' }));
  const request = {
    iova: 0x10_0000n,
    length: 16n * PAGE,
    pageSize: IO_PAGE,
    bitmap: BITMAP,
    flags: 0,
    refusesEmpty: true,
  };
  return {
    ...world,
    own,
    domain,
    read: (part) => own.readAndClearDirty(domain, { process: world.process, ...request, ...part }),
    bytes: (offset, count) => [...world.space.peek(BITMAP + BigInt(offset), count)],
  };
}

const touch = (domain: FakeDomain, ...pages: bigint[]): void => {
  for (const iova of pages) domain.pages.get(iova)!.dirty = true;
};

describe('setDirtyTracking', () => {
  it('forgets what was written before, syncs, and then tracks', () => {
    const { own, domain, map } = tracked();
    value(map(own, { length: 4n * PAGE, iova: 0x10_0000n }));
    touch(domain, 0x10_0000n, 0x10_1800n);
    const { syncs } = domain;
    value(own.setDirtyTracking(domain, true));
    expect([domain.tracking, domain.syncs - syncs, [...domain.pages.values()].some(({ dirty }) => dirty)]).toEqual([
      true,
      1,
      false,
    ]);
    value(own.setDirtyTracking(domain, false));
    expect(domain.tracking).toBe(false);
  });

  it('needs a domain made for it', () => {
    const { own, process } = tracked();
    const plain = new FakeDomain();
    value(own.addDomain(plain));
    expect(codeOf(own.setDirtyTracking(plain, true))).toBe('DIRTY_UNSUPPORTED');
    const request = { process, iova: 0n, length: PAGE, pageSize: PAGE, bitmap: BITMAP, flags: 0, refusesEmpty: true };
    expect(codeOf(own.readAndClearDirty(plain, request))).toBe('DIRTY_UNSUPPORTED');
  });
});

describe('readAndClearDirty', () => {
  it('sets a bit per page from the first IOVA on, keeps other bits, clears pages, syncs once', () => {
    const { own, domain, map, read, bytes, space } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x10_0000n, 0x10_0800n, 0x10_4800n, 0x10_f800n);
    space.poke(BITMAP, Uint8Array.of(0x80, 0));
    const { syncs } = domain;
    value(read({}));
    expect(bytes(0, 5)).toEqual([0x83, 0x02, 0, 0x80, 0]);
    expect([domain.syncs - syncs, [...domain.pages.values()].some(({ dirty }) => dirty)]).toEqual([1, false]);
    expect(space.pages.pinCount).toBe(16);
  });

  it('leaves pages dirty and syncs nothing with NO_CLEAR', () => {
    const { own, domain, map, read, bytes } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x10_1000n);
    const { syncs } = domain;
    value(read({ flags: DIRTY_NO_CLEAR, pageSize: PAGE, iova: 0x10_1000n, length: PAGE }));
    expect([bytes(0, 1), domain.syncs - syncs, domain.pages.get(0x10_1000n)?.dirty]).toEqual([[1], 0, true]);
  });

  it('takes a bitmap at any byte and across pages', () => {
    const { own, domain, map, read, bytes } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x10_3800n, 0x10_4000n);
    value(read({ bitmap: BITMAP + PAGE - 1n }));
    expect(bytes(4094, 4)).toEqual([0, 0x80, 0x01, 0]);
  });

  it('answers 0 with what it found in front of a hole, and when tracking is off', () => {
    const { own, domain, map, read, bytes } = tracked();
    value(map(own, { length: PAGE, iova: 0x10_0000n }));
    value(map(own, { length: PAGE, iova: 0x10_2000n }));
    value(read({}));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x10_0000n, 0x10_2000n);
    expect(codeOf(read({}))).toBe('ok');
    expect([bytes(0, 2), domain.pages.get(0x10_2000n)?.dirty]).toEqual([[1, 0], true]);
  });

  it('skips what it cannot write', () => {
    const { own, domain, map, read, bytes, space } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    value(space.mprotect(BITMAP + PAGE, PAGE, 'r'));
    touch(domain, 0x10_3800n, 0x10_4000n);
    expect(codeOf(read({ bitmap: BITMAP + PAGE - 1n }))).toBe('ok');
    expect(bytes(4095, 2)).toEqual([0x80, 0]);
    expect(codeOf(read({ bitmap: U64_MAX }))).toBe('ok');
  });

  it('goes by the lowest set bit of an odd page size, and by masks', () => {
    const { own, domain, map, read, bytes } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x10_5000n);
    // 0x10_1000 is no multiple of 0x3000, but has none of the bits of 0x2fff.
    value(read({ iova: 0x10_1000n, length: 4n * PAGE, pageSize: 3n * PAGE }));
    value(read({ iova: 0x10_4000n, length: 4n * PAGE, pageSize: 3n * PAGE }));
    expect(bytes(0, 1)).toEqual([2]);
    expect(codeOf(read({ iova: 0x10_2000n, length: 4n * PAGE, pageSize: 3n * PAGE }))).toBe(
      'DIRTY_PAGE_SIZE_UNALIGNED',
    );
  });

  it.each([
    ['no bytes', { length: 0n }, 'DIRTY_LENGTH_ZERO'],
    ['a wrap', { length: U64_MAX }, 'DIRTY_RANGE_OVERFLOW'],
    ['an odd start', { iova: 0x10_0001n }, 'DIRTY_RANGE_UNALIGNED'],
    ['an odd end', { length: PAGE + 1n }, 'DIRTY_RANGE_UNALIGNED'],
    ['a page size of 0', { pageSize: 0n }, 'DIRTY_PAGE_SIZE_ZERO'],
    ['a range that starts inside a page', { iova: 0x10_0800n, pageSize: PAGE }, 'DIRTY_PAGE_SIZE_UNALIGNED'],
    ['a range that ends inside a page', { length: PAGE + IO_PAGE, pageSize: PAGE }, 'DIRTY_PAGE_SIZE_UNALIGNED'],
  ])('refuses %s', (_name, part, code) => {
    expect(codeOf(tracked().read(part))).toBe(code);
  });

  it('takes no bytes for everything on kernels that do not refuse it', () => {
    const { own, domain, map, read, bytes } = tracked();
    value(map(own, { length: PAGE, iova: 0n }));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x800n);
    expect(codeOf(read({ iova: 0n, length: 0n, pageSize: IO_PAGE, refusesEmpty: false }))).toBe('ok');
    expect(bytes(0, 1)).toEqual([2]);
    expect(codeOf(read({ iova: PAGE, length: 0n, refusesEmpty: false }))).toBe('DIRTY_RANGE_OVERFLOW');
  });

  it('sets bits behind the range when a large page reaches beyond it, up to the end of the pinned page', () => {
    const { own, domain, map, read, bytes } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    const { dirty } = domain;
    const huge = (
      hi: number,
      lo: number,
      _bytes: number,
      _flags: number,
      sink: { mark(hi: number, lo: number, bytes: number): void } | null,
    ): number => {
      sink?.mark(hi, lo, 16 * 4096);
      return 0;
    };
    Object.assign(dirty!, { readAndClear: huge });
    value(read({ iova: 0x10_0000n, length: 2n * PAGE, pageSize: PAGE }));
    expect(bytes(0, 3)).toEqual([0xff, 0xff, 0]);
    // A bitmap of one byte at the end of a page: Linux pins one page more as soon as it does not start with a page.
    value(read({ iova: 0x10_0000n, length: 2n * PAGE, pageSize: PAGE, bitmap: BITMAP + PAGE - 1n }));
    expect(bytes(4095, 3)).toEqual([0xff, 0xff, 0]);
  });

  it('leaves the buffer of the program alone', () => {
    const { own, domain, map, read, space } = tracked();
    value(map(own, { length: 16n * PAGE, iova: 0x10_0000n }));
    value(own.setDirtyTracking(domain, true));
    touch(domain, 0x10_0000n);
    value(read({}));
    expect([...space.peek(BUFFER, 16)]).toEqual(Array.from({ length: 16 }, () => 0));
  });
});
