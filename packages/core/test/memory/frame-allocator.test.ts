import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameAllocator, MemoryBudget, PhysicalMemory } from '../../src/index.js';

const FIRST = 0x1_0003;
const FRAMES = 10_000;

function setUp(options?: ConstructorParameters<typeof FrameAllocator>[2]): {
  memory: PhysicalMemory;
  frames: FrameAllocator;
} {
  const memory = new PhysicalMemory({
    windows: [{ start: 0n, last: 0x7fff_ffffn }],
    arena: { start: 0x1000_0000n, last: 0x1007_ffffn },
  });
  return { memory, frames: new FrameAllocator(memory, { firstFrame: FIRST, frames: FRAMES }, options) };
}

describe('FrameAllocator', () => {
  it('hands out adjacent ascending frames one by one, up to the unaligned end of the range', () => {
    const { frames } = setUp();
    const got = Array.from({ length: 8000 }, () => frames.allocate(0));
    expect(got.slice(1).every((frame, at) => frame > (got[at] as number))).toBe(true);
    expect(got.slice(1).filter((frame, at) => frame !== (got[at] as number) + 1)).toEqual([]);
  });

  it('takes the lowest hole first', () => {
    const { frames } = setUp();
    const [a, b, c] = [frames.allocate(0), frames.allocate(0), frames.allocate(0)];
    frames.free(c, 0);
    frames.free(a, 0);
    expect([frames.allocate(0), frames.allocate(0)]).toEqual([a, c]);
    expect(b).toBe(a + 1);
  });

  it('zeroes a frame that comes back, also one that was changed while it was free', () => {
    const { memory, frames } = setUp();
    const frame = frames.allocate(1);
    memory.write(BigInt(frame + 1) << 12n, Uint8Array.of(1, 2, 3));
    frames.free(frame, 1);
    memory.write(BigInt(frame) << 12n, Uint8Array.of(4));
    expect(frames.allocate(1)).toBe(frame);
    const back = new Uint8Array(8192).fill(9);
    memory.read(BigInt(frame) << 12n, back);
    expect(back.every((byte) => byte === 0)).toBe(true);
  });

  it('leaves frames as they are for a caller that fills them, and zeroes them for the next', () => {
    const { memory, frames } = setUp();
    const [hi, lo] = [0, (FIRST + 1) << 12];
    const block = frames.allocateUnzeroed(1);
    expect([block, frames.framesInUse]).toEqual([FIRST + 1, 2]);
    memory.store64(hi, lo, 1, 2);
    frames.free(block, 1);
    expect(frames.allocateUnzeroed(1)).toBe(block);
    memory.load64(hi, lo);
    expect([memory.loadedHi, memory.loadedLo]).toEqual([1, 2]);
    frames.free(block, 1);
    expect(frames.allocate(1)).toBe(block);
    memory.load64(hi, lo);
    expect([memory.loadedHi, memory.loadedLo]).toEqual([0, 0]);
  });

  it('throws on a double free, a free of another order and a free of what it never gave', () => {
    const { frames } = setUp();
    const frame = frames.allocate(2);
    expect(() => frames.free(frame, 1)).toThrow(/not the head/);
    frames.free(frame, 2);
    expect(() => frames.free(frame, 2)).toThrow(/not the head/);
    expect(() => frames.free(5, 0)).toThrow(/not the head/);
  });

  it('frees the pieces of a split block one by one and then has the whole block again', () => {
    const { frames } = setUp();
    const block = frames.allocate(9);
    frames.split(block, 9, 4);
    for (let at = 0; at < 512; at += 16) frames.free(block + at, 4);
    expect(frames.framesInUse).toBe(0);
    expect(frames.allocate(9)).toBe(block);
  });

  it('stops at the budget and at an injected failure and keeps nothing', () => {
    const budget = new MemoryBudget(3 * 4096);
    let points = 0;
    const { frames } = setUp({ budget, failure: { fails: () => ++points === 2 } });
    expect(frames.allocate(0)).toBe(FIRST);
    expect(frames.allocate(0)).toBe(-1);
    expect(frames.allocate(1)).not.toBe(-1);
    expect(frames.allocate(0)).toBe(-1);
    expect([budget.used, frames.framesInUse, points]).toEqual([3 * 4096, 3, 4]);
  });

  it('never hands out a frame twice, keeps blocks aligned and can give everything again once all is back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(11), fc.nat(1000)), { maxLength: 120, size: 'max' }), (steps) => {
        const { frames } = setUp();
        const held: { frame: number; order: number }[] = [];
        const owner = new Set<number>();
        for (const [order, choice] of steps) {
          if (choice % 3 === 0 && held.length > 0) {
            const [block] = held.splice(choice % held.length, 1);
            if (block === undefined) continue;
            frames.free(block.frame, block.order);
            for (let at = 0; at < 1 << block.order; at++) owner.delete(block.frame + at);
          } else {
            const frame = frames.allocate(order);
            if (frame === -1) continue;
            expect(frame % (1 << order)).toBe(0);
            for (let at = 0; at < 1 << order; at++) {
              expect(owner.has(frame + at)).toBe(false);
              owner.add(frame + at);
            }
            expect(frame >= FIRST && frame + (1 << order) <= FIRST + FRAMES).toBe(true);
            held.push({ frame, order });
          }
          expect(frames.framesInUse).toBe(owner.size);
        }
        for (const { frame, order } of held) frames.free(frame, order);
        let count = 0;
        while (frames.allocate(0) !== -1) count++;
        expect(count).toBe(FRAMES);
      }),
      { numRuns: 15 },
    );
  });
});
