import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { PhysicalMemory, type FrameBacking } from '../../src/index.js';

// RAM 0 to 2 MiB and from 4 GiB + 4 KiB on; the arena does not start or end at a 64 KiB border.
const LAYOUT = {
  windows: [
    { start: 0n, last: 0x1f_ffffn },
    { start: 0x1_0000_1000n, last: 0x1_000f_ffffn },
  ],
  arena: { start: 0x3000n, last: 0x2_7fffn },
};

const make = (): PhysicalMemory => new PhysicalMemory(LAYOUT);

function backing(): FrameBacking & { bytes: Uint8Array } {
  const bytes = new Uint8Array(4096);
  return {
    bytes,
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
    write: (offset, from) => bytes.set(from, offset),
  };
}

describe('PhysicalMemory', () => {
  it('keeps 64-bit values little-endian, in the arena, in sparse RAM and above 4 GiB', () => {
    const memory = make();
    for (const [hi, lo] of [
      [0, 0x4008],
      [0, 0x8_0008],
      [1, 0x2008],
    ] as const) {
      expect(memory.store64(hi, lo, 0x0102_0304, -2)).toBe(true);
      expect(memory.load64(hi, lo)).toBe(true);
      expect([memory.loadedHi, memory.loadedLo]).toEqual([0x0102_0304, -2]);
      const bytes = new Uint8Array(8);
      memory.read((BigInt(hi) << 32n) | BigInt(lo), bytes);
      expect([...bytes]).toEqual([0xfe, 0xff, 0xff, 0xff, 4, 3, 2, 1]);
    }
    expect(memory.words[(0x4008 - 0x3000) / 4 + 1]).toBe(0x0102_0304);
  });

  it('aborts in holes: loads give ones, stores are lost', () => {
    const memory = make();
    expect(memory.load64(0, 0x20_0000)).toBe(false);
    expect([memory.loadedHi, memory.loadedLo]).toEqual([-1, -1]);
    expect(memory.load32(1, 0)).toBe(-1);
    expect(memory.aborted).toBe(true);
    expect(memory.store64(1, 0, 1, 1)).toBe(false);
    memory.store32(0, -4096, 1);
    expect(memory.aborted).toBe(true);
    expect(memory.locate(7, 0)).toBe(false);
    expect(memory.load32(1, 0x1000)).toBe(0);
    expect(memory.aborted).toBe(false);
  });

  it('reads and writes the rest when a part of a range has no memory', () => {
    const memory = make();
    expect(memory.write(0x1f_fffen, Uint8Array.of(1, 2, 3, 4))).toBe(false);
    const into = new Uint8Array(4).fill(9);
    expect(memory.read(0x1f_fffen, into)).toBe(false);
    expect([...into]).toEqual([1, 2, 9, 9]);
  });

  it('has a shared arena where the host has shared memory, and an own one elsewhere', () => {
    const shared = new PhysicalMemory({ ...LAYOUT, sharedArena: true });
    expect(shared.words.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(shared.bytes.buffer).toBe(shared.words.buffer);
    expect(make().words.buffer).toBeInstanceOf(ArrayBuffer);
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const own = new PhysicalMemory({ ...LAYOUT, sharedArena: true });
    vi.unstubAllGlobals();
    expect(own.words.buffer).toBeInstanceOf(ArrayBuffer);
    for (const memory of [shared, own]) {
      memory.words.fill(-1);
      memory.zeroFrames(4, 1);
      expect([memory.words[0x3ff], memory.words[0x400], memory.words[0x7ff], memory.words[0x800]]).toEqual([
        -1, 0, 0, -1,
      ]);
    }
  });

  it('compares and exchanges', () => {
    const memory = make();
    memory.store64(0, 0x4000, 1, 2);
    expect(memory.compareExchange64(0, 0x4000, 1, 3, 9, 9)).toBe(false);
    expect(memory.compareExchange64(0, 0x4000, 1, 2, 5, 6)).toBe(true);
    memory.load64(0, 0x4000);
    expect([memory.loadedHi, memory.loadedLo]).toEqual([5, 6]);
    expect(memory.compareExchange64(3, 0, -1, -1, 0, 0)).toBe(false);
  });

  it('serves external frames in holes and in front of RAM', () => {
    const memory = make();
    const foreign = backing();
    memory.store64(0, 0x8_0000, 1, 1);
    memory.backFrame(0x80, foreign);
    memory.backFrame(0x99999, foreign);
    memory.store64(-1 >>> 12, 0, 0, 0);
    expect(memory.store64(0, 0x8_0010, 3, 4)).toBe(true);
    memory.store32(0, 0x9999_9014 | 0, 0x55);
    expect([...foreign.bytes.subarray(0x10, 0x18)]).toEqual([4, 0, 0, 0, 0x55, 0, 0, 0]);
    expect(memory.load64(0, 0x8_0010)).toBe(true);
    expect([memory.loadedHi, memory.loadedLo, memory.isExternal]).toEqual([0x55, 4, true]);
    memory.unbackFrame(0x80);
    memory.load64(0, 0x8_0000);
    expect([memory.loadedHi, memory.loadedLo]).toEqual([1, 1]);
    expect([memory.contains(0x80), memory.contains(0x99999), memory.contains(0x99998)]).toEqual([true, true, false]);
    expect(() => memory.backFrame(0x10, foreign)).toThrow(/arena/);
  });

  it('asks the owner of an external frame for the bytes of the access and no others', () => {
    const memory = make();
    const accesses: [string, number, number][] = [];
    memory.backFrame(0x99999, {
      read: (offset, into) => void accesses.push(['read', offset, into.length]),
      write: (offset, from) => void accesses.push(['write', offset, from.length]),
    });
    const at = 0x9999_9000 | 0;
    memory.load32(0, at + 4);
    memory.load64(0, at + 8);
    memory.read(0x9999_9ffen, new Uint8Array(5));
    memory.store32(0, at + 4, 1);
    memory.store64(0, at + 8, 1, 1);
    memory.write(0x9999_9001n, new Uint8Array(3));
    memory.locate(0, at + 12);
    expect(accesses).toEqual([
      ['read', 4, 4],
      ['read', 8, 8],
      ['read', 0xffe, 2],
      ['write', 4, 4],
      ['write', 8, 8],
      ['write', 1, 3],
      ['read', 0, 4096],
    ]);
    expect([memory.isExternal, memory.locatedIndex]).toEqual([true, 3]);
  });

  it('tells every observer before a write', () => {
    const memory = make();
    const seen: string[] = [];
    const observe = (name: string) => ({
      beforeWrite: (hi: number, lo: number, bytes: number) =>
        void seen.push(`${name} ${hi} ${lo.toString(16)} ${bytes} was ${memory.load32(hi, lo & ~3)}`),
    });
    const [a, b] = [observe('a'), observe('b')];
    memory.addObserver(a);
    memory.store32(0, 0x4000, 7);
    memory.addObserver(b);
    memory.write(0x3fffn, Uint8Array.of(1, 2));
    memory.removeObserver(a);
    memory.store64(0, 0x4008, 1, 1);
    memory.removeObserver(b);
    memory.store64(0, 0x4008, 1, 1);
    expect(memory.observer).toBeNull();
    expect(seen).toEqual([
      'a 0 4000 4 was 0',
      'a 0 3fff 1 was 0',
      'b 0 3fff 1 was 0',
      'a 0 4000 1 was 7',
      'b 0 4000 1 was 7',
      'b 0 4008 8 was 0',
    ]);
  });

  it('refuses layouts that make no sense', () => {
    const ram = [{ start: 0n, last: 0xffffn }];
    expect(() => new PhysicalMemory({ windows: ram, arena: { start: 0x1000n, last: 0x1ffen } })).toThrow(/whole 4 KiB/);
    expect(() => new PhysicalMemory({ windows: ram, arena: { start: 0xf000n, last: 0x1_0fffn } })).toThrow(
      /no memory window/,
    );
    expect(() => new PhysicalMemory({ windows: [...ram, ...ram], arena: { start: 0n, last: 0xfffn } })).toThrow(
      /overlap/,
    );
    const large = { start: 0n, last: 0x2_0000_0000n - 1n };
    expect(() => new PhysicalMemory({ windows: [large], arena: large })).toThrow(/4 GiB/);
  });

  it('behaves like a map of bytes', () => {
    const address = fc.oneof(
      ...[0x2ff0n, 0x2_7fe0n, 0xffe0n, 0x4_ffe0n, 0x1f_ffe0n, 0x1_0000_0ff0n, 0x1_000f_ffd0n].map((near) =>
        fc.bigInt({ min: near, max: near + 64n }),
      ),
    );
    const step = fc.record({ at: address, length: fc.nat(9000), seed: fc.nat(255), write: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 16, size: 'max' }), (steps) => {
        const memory = make();
        const foreign = backing();
        memory.backFrame(0x4f, foreign);
        const model = new Map<bigint, number>();
        const isRam = (pa: bigint) => LAYOUT.windows.some(({ start, last }) => start <= pa && pa <= last);
        for (const { at, length, seed, write } of steps) {
          const data = Uint8Array.from({ length }, (_, i) => seed + 7 * i + 13 * (i >> 8));
          const all = [...data.keys()].every((i) => isRam(at + BigInt(i)));
          if (write) {
            expect(memory.write(at, data)).toBe(all);
            data.forEach((byte, i) => isRam(at + BigInt(i)) && model.set(at + BigInt(i), byte));
          } else {
            const want = data.map((old, i) => (isRam(at + BigInt(i)) ? (model.get(at + BigInt(i)) ?? 0) : old));
            expect(memory.read(at, data)).toBe(all);
            expect(data).toEqual(want);
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});
