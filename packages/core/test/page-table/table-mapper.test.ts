import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno, FrameAllocator, hi32, IotlbGather, lo32, pageShiftsOf, type FailureSource } from '../../src/index.js';
import { ARENA, makeMemory, makeTable } from './bench-memory.js';
import { amdV1, arm, everyFormat, riscv, vtdSecondStage, type FormatUnderTest } from './formats.js';

const underTest = (name: string): FormatUnderTest =>
  everyFormat.find(({ format }) => format.name === name) as FormatUnderTest;
const vtd = underTest(vtdSecondStage(4).name);
const amd = underTest(amdV1.name);
const arm4k = underTest(arm(1, 12).name);

describe('RadixTable.mapPages', () => {
  it('writes the words that the data sheets show', () => {
    const words = (under: FormatUnderTest, pageShift: number, level: number): (readonly [number, number])[] => {
      const place = makeMemory(4);
      const table = makeTable(under, place, {
        inputBits: Math.min(48, under.inputBits),
        levels: Math.min(4, under.format.levels.length),
      });
      expect(table.mapPages(0, 0, 0x1, 0x4000_0000, pageShift, 1, 3, new IotlbGather())).toBe(0);
      // Frames are handed out in order: the root first, then one table a level.
      const at = (table.levels - 1 - level) * 1024;
      return [0, 2].map(
        (index) =>
          [place.memory.words[at + index + 1] as number, (place.memory.words[at + index] as number) >>> 0] as const,
      );
    };
    const empty = [0, 0] as const;
    // VT-d 9.8: R and W, PS in a large page.
    expect(words(vtd, 12, 0)).toEqual([[1, 0x4000_0003], empty]);
    expect(words(vtd, 21, 1)).toEqual([[1, 0x4000_0083], empty]);
    expect(words(vtd, 12, 3)).toEqual([[0, 0x4000_1003], empty]);
    // 48882 2.2.3: Next Level 7 with the size in the address, copies; links name the next level.
    expect(words(amd, 13, 0)).toEqual([
      [0x7000_0001, 0x4000_0e01],
      [0x7000_0001, 0x4000_0e01],
    ]);
    expect(words(amd, 15, 0)[0]).toEqual([0x7000_0001, 0x4000_3e01]);
    expect(words(amd, 12, 3)).toEqual([[0x6000_0000, 0x4000_1601], empty]);
    // DDI 0487: block and page descriptors, the contiguous hint in each entry of a run.
    expect(words(arm4k, 12, 0)).toEqual([[1, 0x4000_0f43], empty]);
    expect(words(arm4k, 21, 1)).toEqual([[1, 0x4000_0f41], empty]);
    expect(words(arm4k, 16, 0)).toEqual([
      [0x10_0001, 0x4000_0f43],
      [0x10_0001, 0x4000_1f43],
    ]);
    // RISC-V: PPN from bit 10.
    expect(words(underTest(riscv(4).name), 12, 0)).toEqual([[0, 0x5000_00d7], empty]);
  });

  it('refuses a mapped page, and maps nothing of the run that holds it', () => {
    const table = makeTable(vtd, makeMemory());
    const gather = new IotlbGather();
    table.mapPages(0, 0x20_5000, 0, 0, 12, 1, 3, gather);
    expect(table.mapPages(0, 0x20_5000, 0, 0x7000, 12, 1, 3, gather)).toBe(Errno.EEXIST);
    expect(table.mappedPages).toBe(0);
    // Two tables: the first run is mapped, the second holds the page.
    expect(table.mapPages(0, 0x1f_e000, 0, 0x10_0000, 12, 8, 3, gather)).toBe(Errno.EEXIST);
    expect(table.mappedPages).toBe(2);
    expect(table.iovaToPhys(0, 0x20_0000)).toBe(false);
    expect(table.mapPages(0, 0x20_0000, 0, 0, 21, 1, 3, gather)).toBe(0);
    expect(table.mapPages(0, 0x20_4000, 0, 0, 12, 1, 3, gather)).toBe(Errno.EEXIST);
  });

  it('frees the table that a large page replaces into the gather', () => {
    const place = makeMemory();
    const table = makeTable(vtd, place);
    const gather = new IotlbGather();
    table.mapPages(0, 0x20_0000, 0, 0x1000, 12, 3, 3, gather);
    const before = place.frames.framesInUse;
    expect(table.mapPages(0, 0x20_0000, 0, 0x4000_0000, 21, 1, 3, gather)).toBe(0);
    expect(table.replaced).toBe(true);
    expect(gather.freelist).toHaveLength(1);
    expect(place.frames.framesInUse).toBe(before);
    table.releaseGathered(gather);
    expect(place.frames.framesInUse).toBe(before - 1);
    table.iovaToPhys(0, 0x20_1234);
    expect(table.foundPaLo).toBe(0x4000_1234);
  });

  it('replaces pages where the driver does', () => {
    const table = makeTable(amd, makeMemory(), { overwrite: 'replace', levels: 4, inputBits: 48 });
    const gather = new IotlbGather();
    table.mapPages(0, 0, 0, 0x10_0000, 16, 1, 3, gather);
    expect(table.replaced).toBe(false);
    // A table takes the place of a 4 MiB page: its copies go with it.
    table.mapPages(0, 0x4000_0000, 0, 0x40_0000, 22, 1, 3, gather);
    expect(table.mapPages(0, 0x4020_0000, 0, 0x7000, 12, 1, 3, gather)).toBe(0);
    expect(table.replaced).toBe(true);
    expect(table.iovaToPhys(0, 0x4000_0000)).toBe(false);
    expect(table.iovaToPhys(0, 0x4020_0000)).toBe(true);
    expect(table.mapPages(0, 0, 0, 0x9000, 12, 1, 1, gather)).toBe(0);
    table.iovaToPhys(0, 0);
    expect([table.foundPaLo, table.foundShift]).toEqual([0x9000, 12]);
  });

  it('grows the root as far as an address or a page needs, and says so', () => {
    const place = makeMemory();
    const roots: number[] = [];
    const table = makeTable(amd, place, {
      levels: 3,
      inputBits: 39,
      growingRoot: true,
      observer: { written: () => {}, unlinked: () => {}, rootChanged: () => roots.push(table.rootLo) },
    });
    const gather = new IotlbGather();
    expect(table.mapPages(0, 0x1000, 0, 0x5000, 12, 1, 3, gather)).toBe(0);
    expect(table.mapPages(0x80, 0, 0, 0x6000, 12, 1, 3, gather)).toBe(0);
    expect(table.levels).toBe(4);
    expect(table.mapPages(-1, 0xffff_f000 | 0, 0, 0x7000, 12, 1, 3, gather)).toBe(0);
    expect(table.levels).toBe(6);
    expect(roots).toHaveLength(3);
    expect(roots.at(-1)).toBe(table.rootLo);
    for (const [hi, lo, pa] of [
      [0, 0x1000, 0x5000],
      [0x80, 0, 0x6000],
      [-1, 0xffff_f000 | 0, 0x7000],
    ] as const) {
      expect(table.iovaToPhys(hi, lo)).toBe(true);
      expect(table.foundPaLo).toBe(pa);
    }
    table.free();
    expect(place.frames.framesInUse).toBe(0);
  });

  it.each(everyFormat)('$format.name: makes the same tables of frames that held other things, full or not', (under) => {
    const sizes = pageShiftsOf(under.format).filter((shift) => shift <= 25);
    const granule = under.format.granuleShift;
    fc.assert(
      fc.property(
        fc.constantFrom(...sizes),
        fc.nat(3),
        fc.integer({ min: 1, max: 3 * 2 ** (granule - 3) }),
        fc.constantFrom(0n, 1n << 40n, (1n << 52n) - (1n << 26n), 1n << 60n),
        fc.constantFrom(400, 100),
        (shift, first, count, pa, frames) => {
          // One whose writes are observed is told of an empty table, which is then zeroed.
          const made = [null, { written() {}, unlinked() {}, rootChanged() {} }].map((observer) => {
            const place = makeMemory(4);
            const all = Array.from({ length: place.memory.arenaFrames }, () => place.frames.allocate(0));
            place.memory.words.fill(-1);
            for (const frame of all.slice(0, frames)) place.frames.free(frame, 0);
            const table = makeTable(under, place, { observer });
            return { place, table };
          });
          const outcomes = made.map(({ table }) => {
            const iova = first << shift;
            const errno = table.mapPages(0, iova, hi32(pa), lo32(pa), shift, count, 3, new IotlbGather());
            return [errno, table.mappedPages];
          });
          expect(outcomes[0]).toEqual(outcomes[1]);
          expect(Buffer.compare(made[0]!.place.memory.bytes, made[1]!.place.memory.bytes)).toBe(0);
        },
      ),
      { numRuns: 10, seed: 17 },
    );
  });

  it('answers EINVAL for what it cannot write', () => {
    const table = makeTable(vtd, makeMemory());
    const gather = new IotlbGather();
    const map = (iovaHi: number, paHi: number, shift: number, prot: number): number =>
      table.mapPages(iovaHi, 0, paHi, 0, shift, 1, prot, gather);
    expect(map(0, 0, 13, 3)).toBe(Errno.EINVAL);
    expect(map(0, 0, 12, 0)).toBe(Errno.EINVAL);
    expect(map(0, 0, 12, 64)).toBe(Errno.EINVAL);
    expect(map(0x1_0000, 0, 12, 3)).toBe(Errno.EINVAL);
    expect(map(0, 0x10_0000, 12, 3)).toBe(Errno.EINVAL);
    expect(map(0, 0x10_0000, 21, 3)).toBe(Errno.EINVAL);
    expect(map(0xffff, 0xf_ffff, 12, 3)).toBe(0);
  });

  it('tells exactly how much is mapped when frames run out, and leaks none', () => {
    for (let failing = 1; failing < 12; failing++) {
      const { memory } = makeMemory();
      let asked = 0;
      const failure: FailureSource = { fails: () => asked++ === failing };
      const frames = new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: 64 }, { failure });
      const table = makeTable(vtd, { memory, frames });
      const gather = new IotlbGather();
      const errno = table.mapPages(0, 0x1f_0000, 0, 0, 12, 0x800, 3, gather);
      expect(errno).toBe(asked > failing ? Errno.ENOMEM : 0);
      let mapped = 0;
      while (mapped < 0x800 && table.iovaToPhys(0, 0x1f_0000 + mapped * 4096)) mapped++;
      expect(table.mappedPages).toBe(mapped);
      table.free();
      expect(frames.framesInUse).toBe(0);
    }
  });

  it('fills a table before it is linked, and tells observers of every write in order', () => {
    const place = makeMemory();
    const log: string[] = [];
    const frameOf = (lo: number): number => (lo - Number(ARENA)) >>> 12;
    const table = makeTable(vtd, place, {
      observer: {
        written: (_hi, lo, bytes) => log.push(`written ${frameOf(lo)}+${lo & 0xfff} ${bytes}`),
        unlinked: (_hi, lo, shift) => log.push(`unlinked ${lo} ${shift}`),
        rootChanged: () => {},
      },
    });
    place.memory.addObserver({
      beforeWrite: (_hi, lo, bytes) => log.push(`before ${frameOf(lo)}+${lo & 0xfff} ${bytes}`),
    });
    const gather = new IotlbGather();
    table.mapPages(0, 0x2000, 0, 0, 12, 3, 3, gather);
    expect(log).toEqual([
      ...[1, 2, 3].flatMap((frame) => [
        `written ${frame}+0 4096`,
        `before ${frame - 1}+0 8`,
        `written ${frame - 1}+0 8`,
      ]),
      'before 3+16 24',
      'written 3+16 24',
    ]);
    log.length = 0;
    table.unmapPages(0, 0, 21, 1, gather);
    expect(log).toEqual(['before 2+0 8', 'written 2+0 8', 'unlinked 0 21']);
  });
});
