import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VTD_PRESETS, type VtdOptions } from '../../src/index.js';
import { VtdRig } from './rig.js';

/*
 * Which bits of a present structure must be zero (VT-d 9): every bit of a good entry is set on its own, and the request says whether it
 * was a reserved one. The masks are those of the specification's tables, 64-bit words lowest first.
 */

const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;
const PA = 0x1000_0000n;
const ALL = (1n << 64n) - 1n;
const ADDRESS = ((1n << 46n) - 1n) & ~0xfffn;
/** Bits hi to lo, inclusive. */
const bits = (hi: number, lo: number): bigint => ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);

interface Built {
  readonly rig: VtdRig;
  /** Where the structure lies. */
  readonly at: bigint;
  readonly pasid: number;
}

function legacy(options: VtdOptions, pick: (rig: VtdRig, root: bigint) => bigint): Built {
  const rig = new VtdRig({ ...options, caches: false });
  const root = rig.context(DEVICE, 5);
  rig.map(root, IOVA, PA | 3n);
  return { rig: rig.enable(), at: pick(rig, root), pasid: NO_PASID };
}

/** PASID 1 with an entry of a kind; the function gives its words from the tables' roots. */
function scalable(
  options: VtdOptions,
  entry: (first: bigint, second: bigint) => readonly [bigint, bigint, bigint],
  pick: (rig: VtdRig, directory: bigint, pasid: number) => bigint,
  pasid = 1,
): Built {
  const rig = new VtdRig({ ...options, caches: false });
  const directory = rig.scalableContext(DEVICE, { low: pasid === NO_PASID ? 0n : 8n });
  const [first, second] = [rig.page(), rig.page()];
  rig.mapFirst(first, IOVA, PA | 7n);
  rig.map(second, IOVA, PA | 3n);
  const [q0, q1, q2] = entry(first, second);
  rig.pasid(directory, Math.max(pasid, 0), { q0, q1, q2 });
  return { rig: rig.enable('scalable'), at: pick(rig, directory, Math.max(pasid, 0)), pasid };
}

const QEMU: VtdOptions = { preset: 'qemu-q35-48bit' };
const SKYLAKE: VtdOptions = { preset: 'xeon-skylake-sp' };
const FULL: VtdOptions = { preset: 'full' };
/** Scalable mode with second-stage tables and nothing else. */
const PLAIN: VtdOptions = { preset: 'qemu-q35-48bit-scalable' };
const secondStage = (_: bigint, second: bigint): [bigint, bigint, bigint] => [second | 0x89n, 5n, 0n];
const firstStage = (first: bigint): [bigint, bigint, bigint] => [0x41n, 5n, first];

interface Case {
  readonly structure: string;
  readonly build: () => Built;
  readonly reserved: readonly bigint[];
}

const few = { ...QEMU, cap: VTD_PRESETS['qemu-q35-48bit'].cap & ~7n };
const pasidEntry = (rig: VtdRig, directory: bigint, pasid: number): bigint => rig.pasidAt(directory, pasid);
const cases: readonly Case[] = [
  {
    structure: 'root entry, host width 48',
    build: () => legacy(QEMU, (rig) => rig.root),
    reserved: [bits(63, 48) | bits(11, 1), ALL],
  },
  {
    structure: 'context entry, 16 bits of domain id',
    build: () => legacy(QEMU, (rig) => rig.contextAt(DEVICE)),
    reserved: [bits(63, 48) | bits(11, 4), bits(63, 24) | bits(7, 7)],
  },
  {
    structure: 'context entry, 4 bits of domain id',
    build: () => legacy(few, (rig) => rig.contextAt(DEVICE)),
    reserved: [bits(63, 48) | bits(11, 4), bits(63, 12) | bits(7, 7)],
  },
  {
    structure: 'second-stage table of level 4, host width 48',
    build: () => legacy(QEMU, (_, root) => root),
    reserved: [bits(62, 62) | bits(51, 48) | bits(11, 11) | bits(7, 7)],
  },
  {
    structure: 'second-stage page without snoop control and device TLBs',
    build: () => legacy(QEMU, (rig, root) => rig.entryAt(root, 4, IOVA, 1)),
    reserved: [bits(62, 62) | bits(51, 48) | bits(11, 11)],
  },
  {
    structure: 'second-stage page with snoop control and device TLBs, host width 46',
    build: () => legacy(SKYLAKE, (rig, root) => rig.entryAt(root, 4, IOVA, 1)),
    reserved: [bits(51, 46)],
  },
  {
    structure: 'scalable-mode root entry, lower half, host width 52',
    build: () => scalable(FULL, secondStage, (rig) => rig.root),
    reserved: [bits(63, 52) | bits(11, 1)],
  },
  {
    structure: 'scalable-mode context entry',
    build: () => scalable(FULL, secondStage, (rig) => rig.scalableContextAt(DEVICE)),
    reserved: [bits(63, 52) | bits(8, 5), bits(63, 21), ALL, ALL],
  },
  {
    structure: 'PASID directory entry',
    build: () => scalable(FULL, secondStage, (_, directory) => directory),
    reserved: [bits(63, 52) | bits(11, 2)],
  },
  {
    structure: 'PASID entry of a unit with everything',
    build: () => scalable(FULL, firstStage, pasidEntry),
    reserved: [bits(63, 52) | bits(11, 10), bits(22, 16), bits(63, 52) | bits(11, 8), ALL, ALL, ALL, ALL, ALL],
  },
  {
    structure: 'PASID entry with second-stage tables alone, host width 48',
    build: () => scalable(PLAIN, secondStage, pasidEntry, NO_PASID),
    // SSADE, SSEE; memory types, snooping; SRE is there, the first stage is not.
    reserved: [bits(63, 48) | bits(11, 9) | bits(5, 5), bits(63, 16), ALL & ~1n & ~bits(6, 5), ALL, ALL, ALL, ALL, ALL],
  },
  {
    structure: 'PASID entry, 4 bits of domain id',
    build: () => scalable({ ...PLAIN, cap: few.cap }, secondStage, pasidEntry, NO_PASID),
    reserved: [bits(63, 48) | bits(11, 9) | bits(5, 5), bits(63, 4)],
  },
  {
    structure: 'first-stage table of level 4',
    build: () => scalable(FULL, firstStage, (rig, directory) => firstEntry(rig, directory, 4)),
    reserved: [bits(63, 63) | bits(7, 7)],
  },
  {
    structure: 'first-stage page',
    build: () => scalable(FULL, firstStage, (rig, directory) => firstEntry(rig, directory, 1)),
    reserved: [bits(63, 63)],
  },
];

const firstEntry = (rig: VtdRig, directory: bigint, level: number): bigint =>
  rig.entryAt(rig.load(rig.pasidAt(directory, 1) + 16n) & ~0xfffn, 4, IOVA, level);

describe('reserved fields', () => {
  it.each(cases)('$structure', ({ build, reserved }) => {
    const { rig, at, pasid } = build();
    const ask = (): string => rig.ask(DEVICE, IOVA, Access.READ, pasid);
    expect(ask()).toBe('0x10000000');
    const found = reserved.map((_, word) => {
      const address = at + BigInt(word) * 8n;
      const good = rig.load(address);
      let mask = 0n;
      for (let bit = 0n; bit < 64n; bit++) {
        // Another address leads to other tables, which says nothing of this entry.
        if ((good & ADDRESS) !== 0n && ((1n << bit) & ADDRESS) !== 0n) continue;
        rig.store(address, good ^ (1n << bit));
        if (ask().endsWith('_RESERVED')) mask |= 1n << bit;
      }
      rig.store(address, good);
      return mask;
    });
    expect(found.map((mask) => mask.toString(16))).toEqual(reserved.map((mask) => mask.toString(16)));
  });
});
