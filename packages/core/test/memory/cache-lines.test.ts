import { describe, expect, it } from 'vitest';
import { CacheLines, PhysicalMemory } from '../../src/index.js';

function setUp(): { memory: PhysicalMemory; lines: CacheLines; seen: (paHi: number, paLo: number) => number[] } {
  const memory = new PhysicalMemory({
    windows: [{ start: 0n, last: 0x1_0001_ffffn }],
    arena: { start: 0x1000n, last: 0x8fffn },
  });
  const lines = new CacheLines(memory);
  const seen = (paHi: number, paLo: number) => {
    lines.deviceLoad64(paHi, paLo);
    return [lines.loadedHi, lines.loadedLo];
  };
  return { memory, lines, seen };
}

describe('CacheLines', () => {
  it.each([
    [0, 0x2038],
    [1, 0x0040],
  ])('hides a write at (%i, %i) from the unit until the line is flushed', (hi, lo) => {
    const { memory, lines, seen } = setUp();
    memory.store64(hi, lo, 1, 1);
    lines.install();
    memory.store64(hi, lo, 2, 2);
    memory.store64(hi, lo, 3, 3);
    expect(seen(hi, lo)).toEqual([1, 1]);
    expect(memory.load64(hi, lo) && memory.loadedLo).toBe(3);
    lines.flush(hi, lo + 64, 8);
    expect(seen(hi, lo)).toEqual([1, 1]);
    lines.flush(hi, lo, 1);
    expect(seen(hi, lo)).toEqual([3, 3]);
    expect(lines.staleLines).toBe(0);
  });

  it('keeps and flushes whole lines: neighbours in the line go with it', () => {
    const { memory, lines, seen } = setUp();
    lines.install();
    memory.write(0x203fn, new Uint8Array(66).fill(0xff));
    expect(lines.staleLines).toBe(3);
    memory.store64(0, 0x2040, 5, 5);
    expect(seen(0, 0x2040)).toEqual([0, 0]);
    lines.flush(0, 0x203f, 2);
    expect([seen(0, 0x2038), seen(0, 0x2040), seen(0, 0x2080)]).toEqual([
      [-0x100_0000, 0],
      [5, 5],
      [0, 0],
    ]);
  });

  it('is snooped by devices', () => {
    const { memory, lines, seen } = setUp();
    lines.install();
    memory.store64(0, 0x3000, 1, 1);
    memory.deviceWriting = true;
    memory.store64(0, 0x3008, 2, 2);
    memory.deviceWriting = false;
    expect([seen(0, 0x3000), seen(0, 0x3008)]).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('shows memory as it is once it is removed, and aborts where memory ends', () => {
    const { memory, lines, seen } = setUp();
    lines.install();
    expect(memory.lineCache).toBe(lines);
    expect(() => new CacheLines(memory).install()).toThrow(/already/);
    memory.store64(0, 0x4000, 1, 1);
    lines.remove();
    expect(memory.lineCache).toBeNull();
    memory.store64(0, 0x4000, 2, 2);
    expect(seen(0, 0x4000)).toEqual([2, 2]);
    expect(lines.deviceLoad64(7, 0)).toBe(false);
    expect(seen(7, 0)).toEqual([-1, -1]);
  });
});
