import { Access } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import type { VtdOptions } from '../../src/index.js';
import { VtdRig } from './rig.js';

const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;
const SUPERVISOR = Access.PRIVILEGED;
const A = 0x20n;
const D = 0x40n;
const EA = 0x400n;

interface Built {
  readonly rig: VtdRig;
  readonly root: bigint;
  readonly at: bigint;
}

/** PASID 1 on a first-stage table; q2 bits as the fact sheet numbers them (SRE 0, ERE 1, FSPM 3:2, WPE 4, NXE 5, SMEP 6). */
function build(entry: bigint, { q2 = 0n, level = 1, levels = 4, options = {} as VtdOptions, iova = IOVA } = {}): Built {
  const rig = new VtdRig({ preset: 'full', ...options });
  const directory = rig.scalableContext(DEVICE, { low: 0x408n });
  const root = rig.page();
  const at = rig.mapFirst(root, iova, entry, { level, levels });
  rig.pasid(directory, 1, { q0: 0x41n, q1: 5n, q2: root | q2 });
  return { rig: rig.enable('scalable'), root, at };
}
const ask = ({ rig }: Built, access: number = Access.READ, iova = IOVA): string => rig.ask(DEVICE, iova, access, 1);

describe('first-stage pages', () => {
  it.each([
    ['4 KiB', 1, PA | 7n, 0xabcn],
    ['2 MiB', 2, PA | 0x87n, 0x12_3abcn],
    ['2 MiB with its PAT bit', 2, PA | 0x1087n, 0x12_3abcn],
    ['1 GiB', 3, PA | 0x87n, 0x1234_5abcn],
  ])('%s', (_, level, entry, offset) => {
    expect(ask(build(entry, { level }), Access.READ, IOVA + offset)).toBe(`0x${(PA + offset).toString(16)}`);
  });

  it('five levels take canonical addresses of 57 bits', () => {
    const iova = 0xff12_3456_7890_0000n;
    const built = build(PA | 7n, { q2: 4n, levels: 5, iova });
    expect(ask(built, Access.READ, iova)).toBe('0x100000000');
    expect(ask(built, Access.READ, 0x0112_3456_7890_0000n)).toBe('NOT_CANONICAL');
  });

  it('the upper half of 48 bits is canonical', () => {
    const iova = 0xffff_8000_0000_0000n;
    expect(ask(build(PA | 7n, { iova }), Access.READ, iova)).toBe('0x100000000');
  });

  it.each([
    ['2 MiB bits 20:13', 2, PA | 0x87n | (1n << 13n)],
    ['1 GiB bits 29:13', 3, PA | 0x87n | (1n << 29n)],
    ['PS at level 4', 4, PA | 0x87n],
  ])('reserved: %s', (_, level, entry) => {
    expect(ask(build(entry, { level }))).toBe('FS_ENTRY_RESERVED');
  });
});

describe('first-stage rights', () => {
  it.each([
    ['user reads a user page', 5n, Access.READ, 0n, '0x100000000'],
    ['user writes a read-only page', 5n, Access.WRITE, 0n, 'SM_WRITE_DENIED'],
    ['user reads a supervisor page', 3n, Access.READ, 0n, 'USER_DENIED'],
    ['supervisor reads a supervisor page', 3n, Access.READ | SUPERVISOR, 1n, '0x100000000'],
    ['supervisor writes a read-only page, WPE = 0', 5n, Access.WRITE | SUPERVISOR, 1n, '0x100000000'],
    ['supervisor writes a read-only page, WPE = 1', 5n, Access.WRITE | SUPERVISOR, 0x11n, 'SM_WRITE_DENIED'],
    ['supervisor fetches from a user page', 5n, Access.EXECUTE | SUPERVISOR, 3n, '0x100000000'],
    ['supervisor fetches from a user page, SMEP', 5n, Access.EXECUTE | SUPERVISOR, 0x43n, 'EXECUTE_DENIED'],
    ['supervisor fetches from a supervisor page, SMEP', 1n, Access.EXECUTE | SUPERVISOR, 0x43n, '0x100000000'],
    ['user fetches', 5n, Access.EXECUTE, 2n, '0x100000000'],
    ['user fetches from a page with XD', 5n | (1n << 63n), Access.EXECUTE, 0x22n, 'EXECUTE_DENIED'],
  ])('%s', (_, bits, access, q2, answer) => {
    const built = build(PA | bits, { q2 });
    expect(ask(built, access)).toBe(answer);
    expect(ask(built, access), 'the same from the caches').toBe(answer);
  });

  it('a table takes rights away from all pages below', () => {
    const built = build(PA | 7n);
    const link = built.rig.entryAt(built.root, 4, IOVA, 3);
    built.rig.store(link, built.rig.load(link) & ~2n);
    expect(ask(built, Access.WRITE)).toBe('SM_WRITE_DENIED');
    expect(ask(built)).toBe('0x100000000');
  });
});

describe('first-stage accessed and dirty bits', () => {
  it('a read sets A on every level, a write D on the page', () => {
    const built = build(PA | 7n);
    const { rig, root, at } = built;
    ask(built);
    for (const level of [4, 3, 2]) expect(rig.load(rig.entryAt(root, 4, IOVA, level)) & A).toBe(A);
    expect(rig.load(at) & (A | D)).toBe(A);
    ask(built, Access.WRITE);
    expect(rig.load(at) & (A | D)).toBe(A | D);
  });

  it('with EAFE a device sets EA beside A, in every entry, also where A is set already', () => {
    const built = build(PA | 7n | A, { q2: 0x80n });
    ask(built);
    const { rig, root, at } = built;
    expect(rig.load(at) & (A | D | EA)).toBe(A | EA);
    for (const level of [4, 3, 2]) expect(rig.load(rig.entryAt(root, 4, IOVA, level)) & (A | EA)).toBe(A | EA);
    const plain = build(PA | 7n);
    ask(plain);
    expect(plain.rig.load(plain.at) & (A | EA)).toBe(A);
  });

  it('a write that WPE = 0 allows makes the page dirty as well', () => {
    const built = build(PA | 5n, { q2: 1n });
    ask(built, Access.WRITE | SUPERVISOR);
    expect(built.rig.load(built.at) & (A | D)).toBe(A | D);
  });

  it('a clean page in the IOTLB does not hide a write', () => {
    const built = build(PA | 7n);
    ask(built);
    built.rig.store(built.at, PA | 7n | A);
    ask(built, Access.WRITE);
    expect(built.rig.load(built.at) & D).toBe(D);
  });

  it('without snooping a clean page refuses a write and sets nothing', () => {
    const built = build(PA | 7n | A, { options: { coherent: false } });
    const { rig, root } = built;
    for (const level of [4, 3, 2]) {
      const link = rig.entryAt(root, 4, IOVA, level);
      rig.store(link, rig.load(link) | A);
    }
    expect(ask(built)).toBe('0x100000000');
    expect(ask(built, Access.WRITE)).toBe('FS_UPDATE_NOT_SNOOPED');
    expect(rig.load(built.at) & D).toBe(0n);
  });

  it('looking at a translation sets nothing', () => {
    const built = build(PA | 7n);
    built.rig.unit.explain(DEVICE, 1, IOVA, Access.WRITE);
    expect(built.rig.load(built.at)).toBe(PA | 7n);
  });
});
