import { Access } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../../src/index.js';
import { BLOCK, CD_FLAG, PAGE, SmmuRig, type CdFields } from './rig.js';

const { server } = SMMU_V3_PRESETS;
const PA = 0x1_0000_0000n;
const IOVA = 0x4000_0000n;
const { READ, WRITE, EXECUTE, PRIVILEGED } = Access;

/** OAS 52 and VAX 1. */
const WIDE: SmmuV3Options = { idr5: (server.idr5 & ~7) | 6 | (1 << 10) };
const R_A = CD_FLAG.R | CD_FLAG.A;

const rigOf = (cd: CdFields, build: (rig: SmmuRig, root: bigint) => void, options: SmmuV3Options = {}): SmmuRig => {
  const rig = new SmmuRig(options);
  const root = rig.page(16);
  rig.stream(0x10, { ...cd, ttb0: root });
  build(rig, root);
  return rig.enable();
};

describe('granules of stage 1', () => {
  const shapes: [name: string, cd: CdFields, shape: { top: number; granule: number }, level: number, size: bigint][] = [
    ['4K page', {}, { top: 0, granule: 12 }, 3, 1n << 12n],
    ['4K, 2 MiB block', {}, { top: 0, granule: 12 }, 2, 1n << 21n],
    ['4K, 1 GiB block', {}, { top: 0, granule: 12 }, 1, 1n << 30n],
    ['4K, 39 bits from level 1', { t0sz: 25n }, { top: 1, granule: 12 }, 3, 1n << 12n],
    ['4K, 30 bits from level 2', { t0sz: 34n }, { top: 2, granule: 12 }, 3, 1n << 12n],
    ['16K page', { tg0: 2n, t0sz: 17n }, { top: 1, granule: 14 }, 3, 1n << 14n],
    ['16K, 32 MiB block', { tg0: 2n, t0sz: 17n }, { top: 1, granule: 14 }, 2, 1n << 25n],
    ['16K, 48 bits from level 0', { tg0: 2n }, { top: 0, granule: 14 }, 3, 1n << 14n],
    ['16K, 36 bits from level 2', { tg0: 2n, t0sz: 28n }, { top: 2, granule: 14 }, 3, 1n << 14n],
    ['64K page', { tg0: 1n }, { top: 1, granule: 16 }, 3, 1n << 16n],
    ['64K, 512 MiB block', { tg0: 1n }, { top: 1, granule: 16 }, 2, 1n << 29n],
    ['64K, 42 bits from level 2', { tg0: 1n, t0sz: 22n }, { top: 2, granule: 16 }, 3, 1n << 16n],
  ];
  it.each(shapes)('%s', (_, cd, shape, level, size) => {
    const base = 0x2_4000_0000n & ~(size - 1n) & ((1n << (64n - (cd.t0sz ?? 16n))) - 1n);
    const rig = rigOf(cd, (at, root) => {
      at.map(root, base, PA | (level === 3 ? PAGE : BLOCK), level, shape);
    });
    expect(rig.ask(0x10, base)).toBe('0x100000000');
    expect(rig.unit.translation.pageShift).toBe(size.toString(2).length - 1);
    expect(rig.ask(0x10, base + size - 1n)).toBe(`0x${(PA + size - 1n).toString(16)}`);
    expect(rig.ask(0x10, base + size)).toBe('F_TRANSLATION');
    expect(rig.unit.explain(0x10, -1, base, READ)).toMatchObject({ pa: PA, pageBytes: size });
  });

  it.each([
    ['a 4K block at level 0', {}, { top: 0, granule: 12 }, 0],
    ['a 16K block at level 1', { tg0: 2n, t0sz: 17n }, { top: 1, granule: 14 }, 1],
    ['a 64K block at level 1 without 52 bits', { tg0: 1n }, { top: 1, granule: 16 }, 1],
  ] as const)('%s is a reserved encoding', (_, cd, shape, level) => {
    const rig = rigOf(cd, (at, root) => at.map(root, IOVA, BLOCK, level, shape));
    expect(rig.ask(0x10, IOVA)).toBe('F_TRANSLATION');
  });

  it('64K tables have 52 bits of both addresses where the unit has', () => {
    const high = 0xf_0000_0000_0000n;
    // PA[51:48] in bits [15:12].
    const leaf = 0x0000_0000_0001_0000n | 0xf000n | PAGE;
    const build = (at: SmmuRig, root: bigint): unknown =>
      at.map(root, 0x8_0000_0000_0000n | IOVA, leaf, 3, { top: 1, granule: 16 });
    const cd = { tg0: 1n, t0sz: 12n, ips: 6n };
    const rig = rigOf(cd, build, WIDE);
    expect(rig.ask(0x10, 0x8_0000_0000_0000n | IOVA)).toBe(`0x${(high | 0x1_0000n).toString(16)}`);
    expect(rigOf(cd, build).ask(0x10, 0x8_0000_0000_0000n | IOVA)).toBe('C_BAD_CD');
    expect(rigOf({ ...cd, ips: 5n }, build, WIDE).ask(0x10, 0x8_0000_0000_0000n | IOVA)).toBe('F_ADDR_SIZE');
    const block = (at: SmmuRig, root: bigint): unknown => at.map(root, IOVA, BLOCK, 1, { top: 1, granule: 16 });
    expect(rigOf(cd, block, WIDE).ask(0x10, IOVA)).toBe('0x40000000');
  });

  it.each([
    ['4K pages', {}, { top: 0, granule: 12 }, 3, 4],
    ['2 MiB blocks', {}, { top: 0, granule: 12 }, 2, 4],
    ['16K pages', { tg0: 2n, t0sz: 17n }, { top: 1, granule: 14 }, 3, 7],
    ['32 MiB blocks', { tg0: 2n, t0sz: 17n }, { top: 1, granule: 14 }, 2, 5],
    ['64K pages', { tg0: 1n }, { top: 1, granule: 16 }, 3, 5],
  ] as const)('a contiguous run of %s is one translation', (_, cd, shape, level, entriesLog2) => {
    const { granule } = shape;
    const log2 = granule + (3 - level) * (granule - 3);
    const size = 1n << BigInt(log2);
    const leaf = (level === 3 ? PAGE : BLOCK) | (1n << 52n);
    const base = 0x2_0000_0000n;
    const rig = rigOf(cd, (at, root) => {
      for (let entry = 0n; entry < 1n << BigInt(entriesLog2); entry++) {
        at.map(root, base + entry * size, (0x20_0000_0000n + entry * size) | leaf, level, shape);
      }
    });
    expect(rig.ask(0x10, base + size)).toBe(`0x${(0x20_0000_0000n + size).toString(16)}`);
    expect(rig.unit.translation.pageShift).toBe(log2 + entriesLog2);
    const { iotlbMisses } = rig.unit.counters;
    expect(rig.ask(0x10, base + 3n * size + 5n)).toBe(`0x${(0x20_0000_0000n + 3n * size + 5n).toString(16)}`);
    expect(rig.unit.counters.iotlbMisses).toBe(iotlbMisses);
    // Naming any of its pages takes all of it out.
    rig.submit([0x1_0000_0000_0012n, base | 1n]);
    rig.ask(0x10, base + 3n * size);
    expect(rig.unit.counters.iotlbMisses).toBe(iotlbMisses + 1);
  });
});

describe('the two regions', () => {
  const both = (cd: CdFields = {}): SmmuRig => {
    const rig = new SmmuRig();
    const [low, high] = [rig.page(), rig.page()];
    rig.stream(0x10, { epd1: 0n, ...cd, ttb0: low, ttb1: high });
    const shape = { top: cd.t1sz === 39n ? 2 : 0 };
    rig.map(low, 0x1000n, PA | PAGE);
    rig.map(high, cd.t1sz === 39n ? 0x1ff_f000n : 0xffff_ffff_f000n, (PA + 0x5000n) | PAGE, 3, shape);
    return rig.enable();
  };
  const TOP = 0xffff_ffff_ffff_f000n;

  it('are told apart by bit 63, and end where T0SZ and T1SZ say', () => {
    const rig = both();
    expect(rig.ask(0x10, 0x1000n)).toBe('0x100000000');
    expect(rig.ask(0x10, TOP)).toBe('0x100005000');
    expect(rig.ask(0x10, 0xfffe_ffff_ffff_f000n)).toBe('F_TRANSLATION');
    expect(rig.ask(0x10, 0x0001_0000_0000_1000n)).toBe('F_TRANSLATION');
  });

  it('may be off', () => {
    expect(both({ epd1: 1n }).ask(0x10, TOP)).toBe('F_TRANSLATION');
    expect(both({ epd0: 1n }).ask(0x10, 0x1000n)).toBe('F_TRANSLATION');
    expect(both({ epd0: 1n }).ask(0x10, TOP)).toBe('0x100005000');
  });

  it('may be as small as 25 bits, the upper one too', () => {
    const rig = both({ t1sz: 39n });
    expect(rig.ask(0x10, TOP)).toBe('0x100005000');
    expect(rig.ask(0x10, 0xffff_ffff_fdff_f000n)).toBe('F_TRANSLATION');
    expect(rig.ask(0x10, 0xffff_fffe_ffff_f000n)).toBe('F_TRANSLATION');
    expect(rig.ask(0x10, 0x1000n)).toBe('0x100000000');
  });

  it('have roots as small as their entries are few, aligned to 64 bytes only with 52-bit output', () => {
    for (const [options, ips, offset] of [
      [{}, 5n, 0x10n],
      [WIDE, 6n, 0n],
    ] as const) {
      const rig = new SmmuRig(options);
      const root = rig.page();
      // 40 bits from level 0: two entries.
      rig.stream(0x10, { t0sz: 24n, tg0: 0n, ips, ttb0: root | 0x10n });
      rig.map(root + offset, IOVA, PA | PAGE);
      rig.enable();
      expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    }
  });

  it('ignore the top byte where TBI says so, then by bit 55', () => {
    const tagged = 0x5500_0000_0000_1000n;
    expect(both().ask(0x10, tagged)).toBe('F_TRANSLATION');
    const rig = both({ flags: R_A | (3n << 38n) });
    expect(rig.ask(0x10, tagged)).toBe('0x100000000');
    expect(rig.ask(0x10, 0x00ff_ffff_ffff_f000n)).toBe('0x100005000');
  });

  it('of an EL2 stream: the lower one only', () => {
    const rig = new SmmuRig();
    rig.map(rig.stream(0x10, { epd0: 1n, epd1: 0n, tg1: 0n, t1sz: 0n }, { world: 2n }), 0x1000n, PA | PAGE);
    rig.enable();
    expect(rig.ask(0x10, 0x1000n), 'EPD0 means nothing').toBe('0x100000000');
    expect(rig.ask(0x10, TOP)).toBe('F_TRANSLATION');
  });

  it('of a host at EL2 (E2H): both, with privileges', () => {
    const rig = new SmmuRig();
    const [low, high] = [rig.page(), rig.page()];
    rig.stream(0x10, { epd1: 0n, ttb0: low, ttb1: high }, { world: 2n });
    rig.map(low, 0x1000n, PA | (PAGE & ~0x40n));
    rig.map(high, 0xffff_ffff_f000n, (PA + 0x5000n) | PAGE);
    rig.enable().reprogram(0x2c, 1);
    expect(rig.ask(0x10, 0x1000n)).toBe('F_PERMISSION');
    expect(rig.ask(0x10, 0x1000n, READ | PRIVILEGED)).toBe('0x100000000');
    expect(rig.ask(0x10, TOP)).toBe('0x100005000');
  });
});

describe('rights of stage 1', () => {
  const AP1 = 0x40n;
  const AP2 = 0x80n;
  const PXN = 1n << 53n;
  const UXN = 1n << 54n;
  const plain = PAGE & ~AP1;
  /** r w x for unprivileged and privileged requests, as a string: `rwx/rwx`. */
  const rightsOf = (leaf: bigint, { cd = {} as CdFields, table = 0n, world = 0n, options = {} } = {}): string => {
    const rig = new SmmuRig(options);
    const root = rig.stream(0x10, cd, { world });
    rig.map(root, IOVA, PA | leaf);
    const link = rig.entryAt(root, IOVA, 1);
    rig.store(link, rig.load(link) | table);
    rig.enable();
    const ask = (access: number): boolean => rig.ask(0x10, IOVA, access) === '0x100000000';
    const letters = (privilege: number): string =>
      (ask(READ | privilege) ? 'r' : '-') +
      (ask(WRITE | privilege) ? 'w' : '-') +
      (ask(READ | EXECUTE | privilege) ? 'x' : '-');
    const walked = `${letters(0)}/${letters(PRIVILEGED)}`;
    expect(`${letters(0)}/${letters(PRIVILEGED)}`, 'the same from the TLB').toBe(walked);
    return walked;
  };

  it.each([
    ['AP 01: all, but the privileged do not execute what others write', plain | AP1, 'rwx/rw-'],
    ['AP 11: read-only', plain | AP1 | AP2, 'r-x/r-x'],
    ['AP 00: privileged only', plain, '---/rwx'],
    ['AP 10: privileged, read-only', plain | AP2, '---/r-x'],
    ['UXN', plain | AP1 | UXN, 'rw-/rw-'],
    ['UXN of a read-only page', plain | AP1 | AP2 | UXN, 'r--/r-x'],
    ['PXN', plain | AP1 | AP2 | PXN, 'r-x/r--'],
    ['both', plain | AP1 | UXN | PXN, 'rw-/rw-'],
  ])('%s', (_, leaf, rights) => {
    expect(rightsOf(leaf)).toBe(rights);
  });

  it.each([
    ['APTable[1]: no writes', 1n << 62n, 'r-x/r-x'],
    ['APTable[0]: nothing unprivileged', 1n << 61n, '---/rwx'],
    ['XNTable', 1n << 60n, 'rw-/rw-'],
    ['PXNTable', 1n << 59n, 'rwx/rw-'],
    ['NSTable', 1n << 63n, 'rwx/rw-'],
  ])('%s; not with HAD0', (_, table, rights) => {
    expect(rightsOf(PAGE, { table })).toBe(rights);
    const rig = new SmmuRig();
    const root = rig.page();
    rig.stream(0x10, { ttb0: root });
    rig.map(root, IOVA, PA | PAGE);
    const link = rig.entryAt(root, IOVA, 1);
    rig.store(link, rig.load(link) | table);
    const cd = rig.load(rig.steAt(0x10)) & 0xffff_ffff_ffc0n;
    rig.store(cd + 8n, root | 2n);
    rig.enable();
    for (const access of [READ, WRITE, READ | EXECUTE, WRITE | PRIVILEGED]) {
      expect(rig.ask(0x10, IOVA, access)).toBe('0x100000000');
    }
  });

  it.each([
    ['WXN: what can be written cannot be executed', CD_FLAG.WXN, PAGE, 'rw-/rw-'],
    ['WXN spares read-only pages', CD_FLAG.WXN, PAGE | AP2, 'r-x/r-x'],
    ['PAN: data that the unprivileged can read is not for the privileged', CD_FLAG.PAN, PAGE | AP2, 'r-x/--x'],
    ['PAN spares privileged pages', CD_FLAG.PAN, plain, '---/rwx'],
    ['UWXN means nothing in VMSAv8-64', CD_FLAG.UWXN, plain, '---/rwx'],
  ])('%s', (_, flag, leaf, rights) => {
    expect(rightsOf(leaf, { cd: { flags: R_A | flag } })).toBe(rights);
  });

  it('of an EL2 stream know no privilege: AP[1] and PXN mean nothing', () => {
    expect(rightsOf(plain, { world: 2n })).toBe('rwx/rwx');
    expect(rightsOf(plain | PXN, { world: 2n })).toBe('rwx/rwx');
    expect(rightsOf(plain | UXN, { world: 2n })).toBe('rw-/rw-');
    expect(rightsOf(PAGE, { world: 2n, cd: { flags: R_A | CD_FLAG.PAN } })).toBe('rwx/rwx');
  });
});

describe('accessed flag and dirty state of stage 1', () => {
  const AF = 0x400n;
  const AP2 = 0x80n;
  const DBM = 1n << 51n;
  const at = (leaf: bigint, flags: bigint): { rig: SmmuRig; slot: bigint } => {
    const rig = new SmmuRig();
    const slot = rig.map(rig.stream(0x10, { flags: R_A | flags }), IOVA, PA | leaf);
    return { rig: rig.enable(), slot };
  };

  it('AF 0 faults, is ignored with AFFD, and is set with HA', () => {
    const leaf = PAGE & ~AF;
    expect(at(leaf, 0n).rig.ask(0x10, IOVA)).toBe('F_ACCESS');
    const ignored = at(leaf, CD_FLAG.AFFD);
    expect(ignored.rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(ignored.rig.load(ignored.slot)).toBe(PA | leaf);
    const set = at(leaf, CD_FLAG.HA | CD_FLAG.AFFD);
    expect(set.rig.unit.explain(0x10, -1, IOVA, READ).pa).toBe(PA);
    expect(set.rig.load(set.slot)).toBe(PA | leaf);
    expect(set.rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(set.rig.load(set.slot)).toBe(PA | PAGE);
  });

  it('the access flag outranks the permission', () => {
    expect(at((PAGE | AP2) & ~AF, 0n).rig.ask(0x10, IOVA, WRITE)).toBe('F_ACCESS');
  });

  it('a write makes a clean page dirty with HD, also through a translation that was cached clean', () => {
    const leaf = PAGE | AP2 | DBM;
    const { rig, slot } = at(leaf, CD_FLAG.HA | CD_FLAG.HD);
    // An explanation says what a write would come to, and writes nothing.
    expect(rig.unit.explain(0x10, -1, IOVA, WRITE)).toMatchObject({ pa: PA, writable: true });
    expect(rig.load(slot)).toBe(PA | leaf);
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(rig.load(slot)).toBe(PA | leaf);
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('0x100000000');
    expect(rig.load(slot)).toBe(PA | PAGE | DBM);
    const { iotlbMisses } = rig.unit.counters;
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('0x100000000');
    expect(rig.unit.counters.iotlbMisses).toBe(iotlbMisses);
  });

  it('a page that became dirty is in no conflict with what was cached of it', () => {
    const rig = new SmmuRig({ idr3: server.idr3 & ~0x1800 });
    rig.map(rig.stream(0x10, { flags: R_A | CD_FLAG.HA | CD_FLAG.HD }), IOVA, PA | PAGE | AP2 | DBM);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('0x100000000');
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('0x100000000');
  });

  it('without HD, or without DBM, it faults and changes nothing', () => {
    const without = at(PAGE | AP2 | DBM, CD_FLAG.HA);
    expect(without.rig.ask(0x10, IOVA, WRITE)).toBe('F_PERMISSION');
    const alone = at(PAGE | AP2 | DBM, CD_FLAG.HD);
    expect(alone.rig.ask(0x10, IOVA, WRITE)).toBe('F_PERMISSION');
    expect(alone.rig.load(alone.slot)).toBe(PA | PAGE | AP2 | DBM);
    const readOnly = at(PAGE | AP2, CD_FLAG.HA | CD_FLAG.HD);
    expect(readOnly.rig.ask(0x10, IOVA, WRITE)).toBe('F_PERMISSION');
    expect(readOnly.rig.load(readOnly.slot)).toBe(PA | PAGE | AP2);
  });

  it('a write that is refused for another reason leaves the flags alone', () => {
    const { rig, slot } = at((PAGE | AP2 | DBM) & ~AF & ~0x40n, CD_FLAG.HA | CD_FLAG.HD);
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('F_PERMISSION');
    expect(rig.load(slot) & (AF | AP2)).toBe(AP2);
  });
});
