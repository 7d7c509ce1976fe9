import { describe, expect, it } from 'vitest';
import { FrameAllocator, IotlbGather, type FailureSource, type RadixTable } from '../../src/index.js';
import { makeMemory, makeTable } from './bench-memory.js';
import { amdV1, arm, everyFormat, vtdSecondStage, type FormatUnderTest } from './formats.js';

const underTest = (name: string): FormatUnderTest =>
  everyFormat.find(({ format }) => format.name === name) as FormatUnderTest;
const vtd = underTest(vtdSecondStage(4).name);
const amd = underTest(amdV1.name);
const arm4k = underTest(arm(1, 12).name);
const MB2 = 0x20_0000;

/** Physical addresses at some IOVAs below 4 GiB, undefined in holes. */
const at = (table: RadixTable, ...iovas: readonly number[]): (number | undefined)[] =>
  iovas.map((iova) => (table.iovaToPhys(0, iova) ? table.foundPaLo >>> 0 : undefined));

describe('RadixTable.unmapPages', () => {
  it('stops at a hole', () => {
    const table = makeTable(vtd, makeMemory());
    const gather = new IotlbGather();
    table.mapPages(0, 0x1000, 0, 0, 12, 2, 3, gather);
    expect(table.unmapPages(0, 0x1000, 12, 5, gather)).toBe(0x2000);
    expect(table.unmapPages(0, 0x1000, 12, 1, gather)).toBe(0);
    expect(table.unmapPages(1, 0x1000, 12, 1, gather)).toBe(0);
    expect(table.unmapPages(-1, 0x1000, 12, 1, gather)).toBe(0);
  });

  it('unlinks tables that the call covers and leaves what is in them', () => {
    const place = makeMemory();
    const table = makeTable(vtd, place);
    const gather = new IotlbGather();
    table.mapPages(0, MB2, 0, 0, 12, 1024, 3, gather);
    const [first] = gather.freelist;
    expect(first).toBeUndefined();
    expect(table.unmapPages(0, MB2, 12, 512 + 4, gather)).toBe(516 * 4096);
    expect(gather.freelist).toHaveLength(1);
    // A paging-structure cache that was not invalidated still finds the pages there.
    const freed = ((gather.freelist[0] as number) - place.memory.arenaFirstFrame) * 1024;
    expect(place.memory.words[freed + 2]).toBe(0x1003);
    expect(at(table, MB2, 2 * MB2, 2 * MB2 + 0x4000)).toEqual([undefined, undefined, 0x20_4000]);
    const inUse = place.frames.framesInUse;
    table.releaseGathered(gather);
    expect(place.frames.framesInUse).toBe(inUse - 1);
  });

  it('leaves the pages below a call that begins in the middle of a table', () => {
    const table = makeTable(vtd, makeMemory());
    const gather = new IotlbGather();
    table.mapPages(0, 0, 0, 0, 12, 1024, 3, gather);
    expect(table.unmapPages(0, 0x10_0000, 12, 768, gather)).toBe(768 * 4096);
    expect(gather.freelist).toHaveLength(1);
    expect(at(table, 0, 0xf_f000, 0x10_0000, 0x20_0000, 0x3f_f000)).toEqual([
      0,
      0xf_f000,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('unlinks only tables that one page covers where the driver does so', () => {
    const table = makeTable(arm4k, makeMemory(), { unlink: 'page' });
    const gather = new IotlbGather();
    table.mapPages(0, MB2, 0, 0, 12, 512, 3, gather);
    expect(table.unmapPages(0, MB2, 12, 512, gather)).toBe(MB2);
    expect(gather.freelist).toHaveLength(0);
    table.mapPages(0, MB2, 0, 0, 12, 512, 3, gather);
    expect(table.unmapPages(0, MB2, 21, 1, gather)).toBe(MB2);
    expect(gather.freelist).toHaveLength(1);
  });

  it('keeps empty tables linked where the driver does so', () => {
    const place = makeMemory();
    const table = makeTable(amd, place, { unlink: 'keep', levels: 4, inputBits: 48 });
    const gather = new IotlbGather();
    table.mapPages(0, 0, 0, 0, 12, 512, 3, gather);
    const inUse = place.frames.framesInUse;
    expect(table.unmapPages(0, 0, 21, 1, gather)).toBe(MB2);
    expect(gather.freelist).toHaveLength(0);
    expect(place.frames.framesInUse).toBe(inUse);
  });

  it('takes a larger page as a whole and reports more than was asked', () => {
    const vtdTable = makeTable(vtd, makeMemory());
    const amdTable = makeTable(amd, makeMemory(), { unlink: 'keep', levels: 4, inputBits: 48 });
    const gather = new IotlbGather();
    vtdTable.mapPages(0, MB2, 0, 0, 21, 2, 3, gather);
    expect(vtdTable.unmapPages(0, MB2 + 0x3000, 12, 1, gather)).toBe(MB2);
    expect(at(vtdTable, MB2, 2 * MB2)).toEqual([undefined, MB2]);
    amdTable.mapPages(0, 0x1_0000, 0, 0, 16, 2, 3, gather);
    expect(amdTable.unmapPages(0, 0x1_3000, 12, 1, gather)).toBe(0x1_0000);
    expect(at(amdTable, 0x1_0000, 0x1_f000, 0x2_0000)).toEqual([undefined, undefined, 0x1_0000]);
  });

  it('splits a larger page around the hole where the driver does so', () => {
    const table = makeTable(arm4k, makeMemory(), { unlink: 'page', partialUnmap: 'split' });
    const gather = new IotlbGather();
    table.mapPages(0, 0x4000_0000, 1, 0, 30, 1, 1, gather);
    expect(table.unmapPages(0, 0x4020_3000, 12, 2, gather)).toBe(0x2000);
    expect(at(table, 0x4000_0000, 0x4020_2fff, 0x4020_3000, 0x4020_4fff, 0x4020_5000, 0x7fff_ffff)).toEqual([
      0,
      0x20_2fff,
      undefined,
      undefined,
      0x20_5000,
      0x3fff_ffff,
    ]);
    table.iovaToPhys(0, 0x4020_2000);
    expect(table.foundShift).toBe(12);
    table.iovaToPhys(0, 0x4040_0000);
    expect(table.foundShift).toBe(21);
    expect(table.unmapPages(0, 0x4000_0000, 21, 1, gather)).toBe(MB2);
    expect(at(table, 0x4000_0000)).toEqual([undefined]);
  });

  it('splits runs and copies entry by entry', () => {
    const gather = new IotlbGather();
    for (const [under, options] of [
      [arm4k, {}],
      [amd, { levels: 4, inputBits: 48 }],
    ] as const) {
      const table = makeTable(under, makeMemory(), { partialUnmap: 'split', ...options });
      table.mapPages(0, 0x1_0000, 0, 0x40_0000, 16, 1, 3, gather);
      expect(table.unmapPages(0, 0x1_3000, 12, 1, gather)).toBe(0x1000);
      expect(at(table, 0x1_0000, 0x1_2abc, 0x1_3000, 0x1_f000)).toEqual([0x40_0000, 0x40_2abc, undefined, 0x40_f000]);
      expect(table.foundShift).toBe(12);
    }
  });

  it('unmaps nothing when there is no frame for a split', () => {
    const { memory } = makeMemory();
    let fails = false;
    const failure: FailureSource = { fails: () => fails };
    const frames = new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: 64 }, { failure });
    const table = makeTable(arm4k, { memory, frames }, { partialUnmap: 'split' });
    const gather = new IotlbGather();
    table.mapPages(0, MB2, 0, 0, 21, 1, 3, gather);
    fails = true;
    expect(table.unmapPages(0, MB2, 12, 1, gather)).toBe(0);
    expect(at(table, MB2)).toEqual([0]);
  });
});
