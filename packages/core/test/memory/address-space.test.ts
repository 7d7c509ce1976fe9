import fc from 'fast-check';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { MemoryFile, type AddressSpace, type Protection } from '../../src/index.js';
import { codeOf, testPages } from './machine-pages.js';

const BASE = 0x200_0000_0000n;
const PAGE = 4096n;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function pin(
  space: AddressSpace,
  addr: bigint,
  count: number,
  write: boolean,
): { pinned: number; frames: Float64Array } {
  const frames = new Float64Array(count);
  return { pinned: space.pinPages(Number(addr / BigInt(space.pageSize)), count, write, frames, 0), frames };
}

describe('mmap', () => {
  const { space } = testPages();
  it.each([
    ['an offset inside a page', BASE, 0x1000n, 0x800n, 'MMAP_OFFSET_MISALIGNED'],
    ['no bytes', BASE, 0n, 0n, 'MMAP_EMPTY'],
    ['an end above the highest address', 0x7fff_ffff_f000n, 0x1000n, 0n, 'MMAP_BEYOND_TASK'],
    ['a length above the highest address', 0n, 1n << 63n, 0n, 'MMAP_BEYOND_TASK'],
    ['an address inside a page', BASE + 1n, 0x1000n, 0n, 'MMAP_ADDRESS_MISALIGNED'],
  ])('refuses %s', (_, addr, length, offset, code) => {
    const file = new MemoryFile(space.pages, 0x4000n);
    expect(codeOf(space.mmap(addr, length, 'rw', { kind: 'file', file, offset }))).toBe(code);
  });

  it('takes the last page of a program and rounds lengths up', () => {
    expect(codeOf(space.mmap(0x7fff_ffff_e000n, 1n, 'rw', { kind: 'private' }))).toBe('ok');
    expect(space.copyOut(0x7fff_ffff_effen, bytes(1, 2, 3))).toBe(0);
    expect(space.copyOut(0x7fff_ffff_effen, bytes(1, 2))).toBe(2);
  });

  it('replaces what was there', () => {
    const { space: own, frames } = testPages();
    own.mmap(BASE, 3n * PAGE, 'rw', { kind: 'private' });
    own.poke(BASE, new Uint8Array(3 * 4096).fill(5));
    own.mmap(BASE + PAGE, PAGE, 'r', { kind: 'shared' });
    expect(frames.framesInUse).toBe(2);
    expect([...own.peek(BASE + PAGE - 1n, 2)]).toEqual([5, 0]);
    expect(own.copyOut(BASE, new Uint8Array(3 * 4096))).toBe(4096);
  });

  it('takes no frame before the first touch, however large', () => {
    const { space: own, frames } = testPages();
    own.mmap(BASE, 1n << 45n, 'rw', { kind: 'private' });
    own.mmap(BASE + (1n << 45n), 1n << 44n, 'rw', { kind: 'shared' });
    expect([...own.peek(BASE + (1n << 44n), 2)]).toEqual([0, 0]);
    expect(frames.framesInUse).toBe(0);
    own.poke(BASE + (1n << 44n), bytes(7));
    expect(frames.framesInUse).toBe(1);
    own.unmapAll();
    expect(frames.framesInUse).toBe(0);
  });
});

describe('munmap', () => {
  it.each([
    [BASE + 1n, PAGE],
    [BASE, 0n],
    [0x7fff_ffff_f000n, PAGE],
    [1n << 63n, PAGE],
    [BASE, 1n << 47n],
  ])('refuses %x, %x', (addr, length) => expect(codeOf(testPages().space.munmap(addr, length))).toBe('MUNMAP_RANGE'));

  it('removes the middle of a mapping, and holes without complaint', () => {
    const { space, frames } = testPages();
    space.mmap(BASE, 5n * PAGE, 'rw', { kind: 'private' });
    space.poke(BASE, new Uint8Array(5 * 4096).fill(1));
    expect(codeOf(space.munmap(BASE + PAGE, 2n * PAGE))).toBe('ok');
    expect(codeOf(space.munmap(BASE, 2n * PAGE))).toBe('ok');
    expect(frames.framesInUse).toBe(2);
    expect(space.peek(BASE + 2n * PAGE, 1)).toHaveLength(0);
    expect(space.peek(BASE + 3n * PAGE, 9000)).toHaveLength(8192);
  });

  it('removes huge pages as a whole only', () => {
    const { space, frames } = testPages();
    expect(codeOf(space.mmap(BASE + PAGE, 0x20_0000n, 'rw', { kind: 'huge2m' }))).toBe('MMAP_HUGE_MISALIGNED');
    space.mmap(BASE, 0x20_1000n, 'rw', { kind: 'huge2m' });
    space.poke(BASE, bytes(1));
    expect(frames.framesInUse).toBe(512);
    expect(codeOf(space.munmap(BASE, PAGE))).toBe('MUNMAP_HUGE_SPLIT');
    expect(codeOf(space.munmap(BASE + 0x20_0000n, 0x20_0000n))).toBe('ok');
    expect(codeOf(space.munmap(BASE, 0x20_0000n))).toBe('ok');
    expect(frames.framesInUse).toBe(0);
  });
});

describe('mprotect', () => {
  it('changes parts, stops at a hole, and tells where', () => {
    const { space } = testPages();
    space.mmap(BASE, 3n * PAGE, 'rw', { kind: 'private' });
    expect(codeOf(space.mprotect(BASE + PAGE, PAGE, 'r'))).toBe('ok');
    expect(space.copyOut(BASE, new Uint8Array(3 * 4096))).toBe(4096);
    const result = space.mprotect(BASE + 2n * PAGE, 2n * PAGE, '');
    expect(isLeft(result) && result.left).toMatchObject({
      errno: 'ENOMEM',
      code: 'MPROTECT_HOLE',
      facts: { hole: BASE + 3n * PAGE },
    });
    expect(space.peek(BASE, 3 * 4096)).toHaveLength(8192);
    expect(codeOf(space.mprotect(BASE - PAGE, 2n * PAGE, ''))).toBe('MPROTECT_HOLE');
    expect(space.copyOut(BASE, bytes(1))).toBe(1);
    expect(codeOf(space.mprotect(BASE + 1n, PAGE, ''))).toBe('MPROTECT_MISALIGNED');
    expect(codeOf(space.mprotect(0n, 0n, ''))).toBe('ok');
  });

  it('changes huge pages as a whole only', () => {
    const { space } = testPages();
    space.mmap(BASE, 0x40_0000n, 'rw', { kind: 'huge2m' });
    expect(codeOf(space.mprotect(BASE + 0x20_0000n, PAGE, 'r'))).toBe('MPROTECT_HUGE_SPLIT');
    expect(codeOf(space.mprotect(BASE + 0x20_0000n, 0x20_0000n, 'r'))).toBe('ok');
  });
});

describe('copies', () => {
  it('stop at the first byte that cannot be accessed and say how many were done', () => {
    const { space } = testPages();
    space.mmap(BASE, PAGE, 'rw', { kind: 'private' });
    space.mmap(BASE + PAGE, PAGE, 'r', { kind: 'shared' });
    expect(space.copyOut(BASE + 4090n, bytes(1, 2, 3, 4, 5, 6, 7, 8))).toBe(6);
    const into = new Uint8Array(5000).fill(9);
    expect(space.copyIn(BASE + 4090n, into)).toBe(4102);
    expect([...into.subarray(0, 8)]).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    expect(into[4102]).toBe(9);
    expect(space.poke(BASE + PAGE, bytes(3))).toBe(1);
    expect([...space.peek(BASE + PAGE, 1)]).toEqual([3]);
  });

  it('are the same word by word, wherever they begin and end', () => {
    const { space } = testPages();
    space.mmap(BASE, 2n * PAGE, 'rw', { kind: 'private' });
    const words = new Int32Array(12);
    const viewed = new Uint8Array(words.buffer);
    for (const start of [0, 1, 4, 4068, 4070, 4092, 8188]) {
      for (const length of [4, 7, 8, 40, 48]) {
        const at = BASE + BigInt(start);
        const content = Uint8Array.from({ length }, (_, i) => start + 3 * i + 1);
        const fits = Math.min(length, 8192 - start);
        expect(space.copyOut(at, content)).toBe(fits);
        viewed.fill(0);
        expect(space.copyIn(at, viewed.subarray(0, length), words)).toBe(fits);
        expect([...viewed.subarray(0, fits)]).toEqual([...content.subarray(0, fits)]);
        expect(viewed.subarray(fits).every((byte) => byte === 0)).toBe(true);
        space.poke(BASE, new Uint8Array(8192));
        expect(space.copyOut(at, viewed.subarray(0, fits), words)).toBe(fits);
        expect([...space.peek(at, fits)]).toEqual([...content.subarray(0, fits)]);
        expect(space.peek(BASE, 8192).filter((byte) => byte !== 0)).toHaveLength(
          content.subarray(0, fits).filter(Boolean).length,
        );
      }
    }
  });

  it('do nothing at all when the range leaves the addresses of a program', () => {
    const { space } = testPages();
    space.mmap(0x7fff_ffff_e000n, PAGE, 'rw', { kind: 'private' });
    expect(space.copyIn(0x7fff_ffff_eff0n, new Uint8Array(17))).toBe(0);
    expect(space.copyIn(0xffff_ffff_ffff_f000n, new Uint8Array(1))).toBe(0);
  });

  it('read a write-only mapping, as the hardware does, but never one without permissions', () => {
    const { space } = testPages();
    space.mmap(BASE, PAGE, 'w', { kind: 'private' });
    expect(space.copyIn(BASE, new Uint8Array(4))).toBe(4);
    expect(pin(space, BASE, 1, false).pinned).toBe(0);
    space.mprotect(BASE, PAGE, '');
    expect(space.copyIn(BASE, new Uint8Array(4))).toBe(0);
  });

  it('fail as a whole where a failure is injected, each kind on its own', () => {
    const failing = new Set<string>();
    const { space } = testPages({ failure: { fails: (kind) => failing.has(kind) } });
    space.mmap(BASE, PAGE, 'rw', { kind: 'private' });
    failing.add('copy-in');
    expect([space.copyIn(BASE, bytes(1)), space.copyOut(BASE, bytes(1)), pin(space, BASE, 1, true).pinned]).toEqual([
      0, 1, 1,
    ]);
    failing.clear();
    failing.add('copy-out').add('pin');
    expect([space.copyIn(BASE, bytes(1)), space.copyOut(BASE, bytes(1)), pin(space, BASE, 1, true).pinned]).toEqual([
      1, 0, 0,
    ]);
    expect(space.frameOfPage(Number(BASE / PAGE)), 'a look-up has nothing that could fail').toBeGreaterThan(0);
  });
});

describe('frameOfPage', () => {
  it('is the frame that a pin gives, and -1 where the program may not read', () => {
    const { space } = testPages();
    space.mmap(BASE, 2n * PAGE, 'rw', { kind: 'private' });
    space.mmap(BASE + 2n * PAGE, PAGE, 'w', { kind: 'private' });
    space.mmap(BASE + 3n * PAGE, PAGE, 'rw', { kind: 'pfn', firstFrame: 0x9_0000 });
    const page = Number(BASE / PAGE);
    const { frames } = pin(space, BASE, 2, false);
    expect([0, 1, 2, 3, 4].map((at) => space.frameOfPage(page + at))).toEqual([frames[0], frames[1], -1, -1, -1]);
    space.unpinPages(frames, 0, 2);
  });
});

describe('pins', () => {
  it('outlive the mapping, and the frames go with the last pin', () => {
    const { space, frames, memory } = testPages();
    space.mmap(BASE, 4n * PAGE, 'rw', { kind: 'private' });
    space.poke(BASE, bytes(42));
    const first = pin(space, BASE, 4, true);
    const second = pin(space, BASE, 1, false);
    expect(first.frames[0]).toBe(second.frames[0]);
    expect(space.pinCountOf(first.frames[0]!)).toBe(2);
    space.munmap(BASE, 4n * PAGE);
    expect(frames.framesInUse).toBe(4);
    const seen = bytes(0);
    memory.read(BigInt(first.frames[0]!) * PAGE, seen);
    expect([...seen]).toEqual([42]);
    space.unpinPages(first.frames, 0, 4);
    expect(frames.framesInUse).toBe(1);
    space.unpinPages(second.frames, 0, 1);
    expect(frames.framesInUse).toBe(0);
    expect(() => space.unpinPages(second.frames, 0, 1)).toThrow(/not pinned/);
  });

  it('are adjacent frames in fresh memory', () => {
    const { space } = testPages();
    space.mmap(BASE, 64n * PAGE, 'rw', { kind: 'private' });
    const { frames } = pin(space, BASE, 64, true);
    expect([...frames]).toEqual(Array.from({ length: 64 }, (_, at) => frames[0]! + at));
  });

  it('stop at a hole, at a read-only page when writing, and at device memory', () => {
    const { space } = testPages();
    space.mmap(BASE, 2n * PAGE, 'rw', { kind: 'private' });
    space.mmap(BASE + 2n * PAGE, PAGE, 'r', { kind: 'shared' });
    space.mmap(BASE + 3n * PAGE, PAGE, 'rw', { kind: 'pfn', firstFrame: 0xfea00 });
    expect(pin(space, BASE, 9, true).pinned).toBe(2);
    expect(pin(space, BASE, 9, false).pinned).toBe(3);
    expect(pin(space, BASE + 4n * PAGE, 1, false).pinned).toBe(0);
    expect(space.deviceFrame(Number(BASE / PAGE) + 3, true)).toBe(0xfea00);
    expect(space.deviceFrame(Number(BASE / PAGE), false)).toBe(-1);
  });

  it('for reading give a private page its own frame, so that later writes are seen', () => {
    const { space, memory, pages } = testPages();
    const file = new MemoryFile(pages, PAGE);
    file.hold();
    space.mmap(BASE, PAGE, 'rw', { kind: 'file', file, offset: 0n });
    space.poke(BASE, bytes(1, 2));
    space.mmap(BASE + PAGE, PAGE, 'r', { kind: 'file', file, offset: 0n, private: true });
    const { frames } = pin(space, BASE + PAGE, 1, false);
    expect(frames[0]).not.toBe(pin(space, BASE, 1, false).frames[0]);
    space.mprotect(BASE + PAGE, PAGE, 'rw');
    space.copyOut(BASE + PAGE, bytes(9));
    const seen = bytes(0, 0);
    memory.read(BigInt(frames[0]!) * PAGE, seen);
    expect([...seen]).toEqual([9, 2]);
    expect([...space.peek(BASE, 2)]).toEqual([1, 2]);
  });

  it('get 2 MiB of contiguous aligned memory from huge pages', () => {
    const { space } = testPages();
    space.mmap(BASE, PAGE, 'rw', { kind: 'private' });
    space.poke(BASE, bytes(1));
    space.mmap(BASE + 0x20_0000n, 0x20_0000n, 'rw', { kind: 'huge2m' });
    const { pinned, frames } = pin(space, BASE + 0x20_0000n, 512, true);
    expect(pinned).toBe(512);
    expect(frames[0]! % 512).toBe(0);
    expect(frames[511]).toBe(frames[0]! + 511);
  });

  it('stop where memory ends', () => {
    const { space } = testPages({ frames: 10 });
    space.mmap(BASE, 20n * PAGE, 'rw', { kind: 'private' });
    expect(pin(space, BASE, 20, true).pinned).toBe(10);
    expect(space.copyOut(BASE + 10n * PAGE, bytes(1))).toBe(0);
  });
});

describe.each([16384, 65536] as const)('pages of %i bytes', (pageSize) => {
  it('are adjacent frames and go by the first', () => {
    const { space, frames, memory } = testPages({ pageSize });
    const size = BigInt(pageSize);
    expect(codeOf(space.mmap(BASE + PAGE, size, 'rw', { kind: 'private' }))).toBe('MMAP_ADDRESS_MISALIGNED');
    space.mmap(BASE, 3n * size, 'rw', { kind: 'private' });
    const data = Uint8Array.from({ length: pageSize + 5000 }, (_, at) => at * 7);
    expect(space.copyOut(BASE + 4095n, data)).toBe(data.length);
    expect(space.peek(BASE + 4095n, data.length)).toEqual(data);
    const { frames: pinned } = pin(space, BASE, 2, true);
    expect(pinned[1]! - pinned[0]!).toBe(pageSize / 4096);
    const seen = bytes(0);
    memory.read(BigInt(pinned[0]!) * PAGE + 4095n, seen);
    expect(seen[0]).toBe(data[0]);
    expect(frames.framesInUse).toBe((2 * pageSize) / 4096);
    space.unmapAll();
    space.unpinPages(pinned, 0, 2);
    expect(frames.framesInUse).toBe(0);
  });
});

describe('fork', () => {
  it('shares shared memory and separates private memory at the first write', () => {
    const { space, frames } = testPages();
    space.mmap(BASE, 2n * PAGE, 'rw', { kind: 'private' });
    space.mmap(BASE + 2n * PAGE, PAGE, 'rw', { kind: 'shared' });
    space.poke(BASE, new Uint8Array(3 * 4096).fill(1));
    const forked = space.fork();
    if (isLeft(forked)) throw new Error('fork was refused');
    const child = forked.right;
    expect(frames.framesInUse).toBe(3);
    child.copyOut(BASE, bytes(2));
    space.copyOut(BASE + PAGE, bytes(3));
    child.copyOut(BASE + 2n * PAGE, bytes(4));
    expect(frames.framesInUse).toBe(5);
    const firsts = (of: AddressSpace) => [0n, 1n, 2n].map((page) => of.peek(BASE + page * PAGE, 1)[0]);
    expect(firsts(space)).toEqual([1, 3, 4]);
    expect(firsts(child)).toEqual([2, 1, 4]);
    space.unmapAll();
    expect(firsts(child)).toEqual([2, 1, 4]);
    child.unmapAll();
    expect(frames.framesInUse).toBe(0);
  });

  it('leaves pinned pages to the parent', () => {
    const { space, memory } = testPages();
    space.mmap(BASE, PAGE, 'rw', { kind: 'private' });
    const { frames } = pin(space, BASE, 1, true);
    const forked = space.fork();
    expect(isLeft(forked)).toBe(false);
    space.copyOut(BASE, bytes(8));
    const seen = bytes(0);
    memory.read(BigInt(frames[0]!) * PAGE, seen);
    expect([...seen]).toEqual([8]);
  });

  it('is refused when a pinned page cannot be copied, and then leaves nothing behind', () => {
    const { space, frames } = testPages({ frames: 3 });
    space.mmap(BASE, 2n * PAGE, 'rw', { kind: 'private' });
    const pinned = pin(space, BASE, 2, true);
    expect(codeOf(space.fork())).toBe('FORK_NO_MEMORY');
    expect(frames.framesInUse).toBe(2);
    space.unpinPages(pinned.frames, 0, 2);
    space.unmapAll();
    expect(frames.framesInUse).toBe(0);
  });
});

describe('parts of a mapping', () => {
  it('keep showing the pages of the file that they showed before', () => {
    const { space, pages } = testPages();
    const file = new MemoryFile(pages, 4n * PAGE);
    space.mmap(BASE, 3n * PAGE, 'rw', { kind: 'file', file, offset: PAGE });
    for (const page of [0, 1, 2]) space.poke(BASE + BigInt(page) * PAGE, bytes(page + 1));
    space.munmap(BASE, PAGE);
    space.mprotect(BASE + 2n * PAGE, PAGE, 'r');
    expect([1n, 2n].map((page) => space.peek(BASE + page * PAGE, 1)[0])).toEqual([2, 3]);
  });
});

describe('device memory', () => {
  it('is accessed at its frames, and reads as ones where no device answers', () => {
    const { space, memory } = testPages();
    const registers = new Uint8Array(4096);
    memory.backFrame(0x10_0000, {
      read: (offset, into) => into.set(registers.subarray(offset, offset + into.length)),
      write: (offset, from) => registers.set(from, offset),
    });
    space.mmap(BASE, 2n * PAGE, 'rw', { kind: 'pfn', firstFrame: 0x10_0000 });
    expect(space.copyOut(BASE + 0x10n, bytes(1, 2))).toBe(2);
    expect([...registers.subarray(0x10, 0x12)]).toEqual([1, 2]);
    expect([...space.peek(BASE + 4095n, 2)]).toEqual([0, 0xff]);
  });
});

describe('an address space', () => {
  it('behaves like a map of bytes with permissions, under any sequence of calls', () => {
    const PAGES = 12;
    const page = fc.nat(PAGES - 1);
    const count = fc.integer({ min: 1, max: 5 });
    const protection = fc.constantFrom<Protection>('', 'r', 'rw');
    const step = fc.oneof(
      fc.record({
        op: fc.constant('mmap' as const),
        page,
        count,
        protection,
        kind: fc.constantFrom('private', 'shared', 'file'),
      }),
      fc.record({ op: fc.constant('munmap' as const), page, count }),
      fc.record({ op: fc.constant('mprotect' as const), page, count, protection }),
      fc.record({
        op: fc.constant('write' as const),
        at: fc.nat(PAGES * 4096),
        length: fc.nat(9000),
        seed: fc.nat(255),
      }),
      fc.record({ op: fc.constant('pin' as const), page, count, write: fc.boolean() }),
      fc.record({ op: fc.constant('fork' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 12, maxLength: 40, size: 'max' }), (steps) => {
        const { space, frames, pages } = testPages();
        const file = new MemoryFile(pages, 4n * PAGE);
        file.hold();
        // Per page: what the program may do, and the bytes; pages of the file share theirs.
        const model: ({ protection: Protection; bytes: Uint8Array } | undefined)[] = Array.from({ length: PAGES });
        const fileBytes = Array.from({ length: 4 }, () => new Uint8Array(4096));
        const pins: Float64Array[] = [];
        const children: AddressSpace[] = [];
        const upTo = (first: number, length: number, ok: (page: number) => boolean): number => {
          let n = 0;
          while (n < length && first + n < PAGES && ok(first + n)) n++;
          return n;
        };
        for (const s of steps) {
          const addr = 'page' in s ? BASE + BigInt(s.page) * PAGE : BASE;
          if (s.op === 'mmap') {
            const length = Math.min(s.count, PAGES - s.page, 4);
            const backing =
              s.kind === 'file'
                ? { kind: 'file' as const, file, offset: 0n }
                : { kind: s.kind as 'private' | 'shared' };
            expect(codeOf(space.mmap(addr, BigInt(length) * PAGE, s.protection, backing))).toBe('ok');
            for (let at = 0; at < length; at++) {
              model[s.page + at] = {
                protection: s.protection,
                bytes: s.kind === 'file' ? fileBytes[at]! : new Uint8Array(4096),
              };
            }
          } else if (s.op === 'munmap') {
            space.munmap(addr, BigInt(s.count) * PAGE);
            model.fill(undefined, s.page, s.page + s.count);
          } else if (s.op === 'mprotect') {
            const mapped = upTo(s.page, s.count, (at) => model[at] !== undefined);
            expect(codeOf(space.mprotect(addr, BigInt(s.count) * PAGE, s.protection))).toBe(
              mapped === s.count ? 'ok' : 'MPROTECT_HOLE',
            );
            for (let at = 0; at < mapped; at++) model[s.page + at]!.protection = s.protection;
          } else if (s.op === 'write') {
            const data = Uint8Array.from({ length: s.length }, (_, at) => s.seed + 7 * at + 13 * (at >> 8));
            const writable = upTo(Math.floor(s.at / 4096), PAGES, (at) => model[at]?.protection === 'rw');
            const end = writable === 0 ? 0 : Math.min(s.length, (Math.floor(s.at / 4096) + writable) * 4096 - s.at);
            expect(space.copyOut(BASE + BigInt(s.at), data)).toBe(end);
            for (let at = 0; at < end; at++) model[(s.at + at) >> 12]!.bytes[(s.at + at) & 4095] = data[at]!;
          } else if (s.op === 'pin') {
            const { pinned, frames: got } = pin(space, addr, s.count, s.write);
            const allowed = upTo(s.page, s.count, (at) => {
              const may = model[at]?.protection ?? '';
              return s.write ? may === 'rw' : may !== '';
            });
            expect(pinned).toBe(allowed);
            pins.push(got.slice(0, pinned));
          } else {
            const child = space.fork();
            if (!isLeft(child)) children.push(child.right);
          }
        }
        const whole = space.peek(BASE, PAGES * 4096);
        const readable = upTo(0, PAGES, (at) => (model[at]?.protection ?? '') !== '');
        expect(whole.length).toBe(readable * 4096);
        for (let at = 0; at < PAGES; at++) {
          const want = model[at];
          const seen = space.peek(BASE + BigInt(at) * PAGE, 4096);
          expect(seen).toEqual(want === undefined || want.protection === '' ? new Uint8Array(0) : want.bytes);
        }
        for (const child of children) child.unmapAll();
        space.unmapAll();
        file.drop();
        const distinct = new Set(pins.flatMap((got) => [...got]));
        expect(frames.framesInUse).toBe(distinct.size);
        for (const got of pins) space.unpinPages(got, 0, got.length);
        expect([frames.framesInUse, pages.pinCount]).toEqual([0, 0]);
      }),
      { numRuns: 80 },
    );
  });
});
