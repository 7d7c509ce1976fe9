import { Access } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS } from '../../src/index.js';
import { BLOCK, CD_FLAG, PAGE, S2_BLOCK, S2_PAGE, SmmuRig, STE_FLAG, type SteFields } from './rig.js';

const { server } = SMMU_V3_PRESETS;
const PA = 0x1_0000_0000n;
const IOVA = 0x4000_0000n;
const { READ, WRITE, EXECUTE } = Access;
const DBM = 1n << 51n;

describe('granules and start levels of stage 2', () => {
  const shapes: [
    name: string,
    ste: SteFields,
    shape: { top: number; granule: number },
    level: number,
    iova: bigint,
    size: bigint,
  ][] = [
    ['4K from level 0', {}, { top: 0, granule: 12 }, 3, IOVA, 1n << 12n],
    ['4K, 1 GiB block', {}, { top: 0, granule: 12 }, 1, IOVA, 1n << 30n],
    ['4K from level 1', { s2t0sz: 25n, s2sl0: 1n }, { top: 1, granule: 12 }, 3, IOVA, 1n << 12n],
    ['4K from level 1, 16 tables', { s2t0sz: 21n, s2sl0: 1n }, { top: 1, granule: 12 }, 3, 0x7ff_f000_0000n, 1n << 12n],
    ['4K from level 1, 2 tables', { s2t0sz: 24n, s2sl0: 1n }, { top: 1, granule: 12 }, 2, 0xff_c000_0000n, 1n << 21n],
    ['4K from level 2, 16 tables', { s2t0sz: 30n, s2sl0: 0n }, { top: 2, granule: 12 }, 3, 0x3_fff0_0000n, 1n << 12n],
    ['16K from level 1', { s2tg: 2n, s2t0sz: 17n, s2sl0: 2n }, { top: 1, granule: 14 }, 3, IOVA, 1n << 14n],
    ['16K from level 1, 2 tables', { s2tg: 2n, s2sl0: 2n }, { top: 1, granule: 14 }, 2, 0xff00_0000_0000n, 1n << 25n],
    ['16K from level 2', { s2tg: 2n, s2t0sz: 28n, s2sl0: 1n }, { top: 2, granule: 14 }, 3, IOVA, 1n << 14n],
    ['64K from level 1', { s2tg: 1n, s2sl0: 2n }, { top: 1, granule: 16 }, 3, IOVA, 1n << 16n],
    ['64K from level 2', { s2tg: 1n, s2t0sz: 22n, s2sl0: 1n }, { top: 2, granule: 16 }, 2, 1n << 40n, 1n << 29n],
    [
      '64K from level 2, 4 tables',
      { s2tg: 1n, s2t0sz: 20n, s2sl0: 1n },
      { top: 2, granule: 16 },
      3,
      3n << 42n,
      1n << 16n,
    ],
    ['64K from level 3', { s2tg: 1n, s2t0sz: 35n, s2sl0: 0n }, { top: 3, granule: 16 }, 3, 0x1_0000n, 1n << 16n],
  ];
  it.each(shapes)('%s', (_, ste, shape, level, iova, size) => {
    const rig = new SmmuRig();
    const root = rig.page(18);
    rig.stage2(0x10, { ...ste, s2ttb: root });
    rig.map(root, iova, PA | (level === 3 ? S2_PAGE : S2_BLOCK), level, shape);
    rig.enable();
    expect(rig.ask(0x10, iova)).toBe('0x100000000');
    expect(rig.unit.translation.pageShift).toBe(size.toString(2).length - 1);
    expect(rig.ask(0x10, iova + size - 1n)).toBe(`0x${(PA + size - 1n).toString(16)}`);
    const bits = 64n - (ste.s2t0sz ?? 16n);
    expect(rig.ask(0x10, 1n << bits)).toBe(bits === 48n ? 'F_ADDR_SIZE' : 'F_TRANSLATION');
    expect(rig.unit.explain(0x10, -1, iova, READ)).toMatchObject({ pa: PA, pageBytes: size });
  });

  it('refuses more than 16 concatenated tables', () => {
    const rig = new SmmuRig();
    rig.stage2(0x10, { s2t0sz: 20n, s2sl0: 1n });
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('C_BAD_STE');
  });

  it('takes a root of several tables as aligned to their size', () => {
    const rig = new SmmuRig();
    const root = rig.page(16);
    rig.stage2(0x10, { s2t0sz: 21n, s2sl0: 1n, s2ttb: root | 0x1000n });
    rig.map(root, IOVA, PA | S2_PAGE, 3, { top: 1 });
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
  });
});

describe('rights and flags of stage 2', () => {
  const rightsOf = (leaf: bigint): string => {
    const rig = new SmmuRig();
    rig.map(rig.stage2(0x10), IOVA, PA | leaf);
    rig.enable();
    const ask = (access: number): boolean => rig.ask(0x10, IOVA, access) === '0x100000000';
    const letters = (): string => `${ask(READ) ? 'r' : '-'}${ask(WRITE) ? 'w' : '-'}${ask(READ | EXECUTE) ? 'x' : '-'}`;
    const walked = letters();
    expect(letters(), 'the same from the TLB').toBe(walked);
    return walked;
  };
  it.each([
    ['S2AP 11', S2_PAGE, 'rwx'],
    ['S2AP 01', S2_PAGE & ~0x80n, 'r-x'],
    ['S2AP 10', S2_PAGE & ~0x40n, '-wx'],
    ['S2AP 00: instructions only', S2_PAGE & ~0xc0n, '--x'],
    ['XN[1]', S2_PAGE | (1n << 54n), 'rw-'],
    ['XN[0] alone, without FEAT_XNX', S2_PAGE | (1n << 53n), 'rwx'],
  ])('%s', (_, leaf, rights) => {
    expect(rightsOf(leaf)).toBe(rights);
  });

  it('sets flags as S2HA, S2HD and S2AFFD say', () => {
    const at = (leaf: bigint, q2: bigint, access: number): [string, bigint] => {
      const rig = new SmmuRig();
      const slot = rig.map(rig.stage2(0x10, { q2 }), IOVA, PA | leaf);
      rig.enable();
      return [rig.ask(0x10, IOVA, access), rig.load(slot) - PA];
    };
    const { S2AFFD, S2HA, S2HD } = STE_FLAG;
    const old = S2_PAGE & ~0x400n;
    expect(at(old, 0n, READ)).toEqual(['F_ACCESS', old]);
    expect(at(old, S2AFFD, READ)).toEqual(['0x100000000', old]);
    expect(at(old, S2HA, READ)).toEqual(['0x100000000', S2_PAGE]);
    const clean = (S2_PAGE & ~0x80n) | DBM;
    expect(at(clean, S2HA, WRITE)).toEqual(['F_PERMISSION', clean]);
    expect(at(clean, S2HA | S2HD, WRITE)).toEqual(['0x100000000', S2_PAGE | DBM]);
    expect(at(clean, S2HA | S2HD, READ)).toEqual(['0x100000000', clean]);
    expect(at(clean, S2HD, WRITE)).toEqual(['F_PERMISSION', clean]);
  });
});

describe('nested translation', () => {
  const IPA = 0x7000_0000n;
  const LOW = 0x400_0000n;

  function nested({ leaf = IPA | PAGE, page = PA | S2_PAGE, tables = S2_BLOCK, cd = {}, q2 = STE_FLAG.S2R } = {}) {
    const rig = new SmmuRig();
    const host = rig.page();
    const root = rig.stream(0x10, cd, { config: 7n, s2ttb: host, vmid: 3n, q2 });
    const slot = rig.map(root, IOVA, leaf);
    for (let block = 0n; block < LOW; block += 0x20_0000n) rig.map(host, block, block | tables, 2);
    const at = rig.map(host, IPA, page);
    return { rig: rig.enable(), host, root, slot, at };
  }

  it('passes both stages; the page is the smaller one; rights are those of both', () => {
    const { rig, root, host } = nested();
    expect(rig.ask(0x10, IOVA + 0x123n)).toBe('0x100000123');
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('0x100000000');
    rig.map(root, IOVA + 0x20_0000n, 0x7020_0000n | BLOCK, 2);
    rig.map(host, 0x7020_1000n, (PA + 0x9000n) | S2_PAGE);
    expect(rig.ask(0x10, IOVA + 0x20_1004n)).toBe('0x100009004');
    expect(rig.unit.translation.pageShift).toBe(12);
    expect(rig.ask(0x10, IOVA + 0x20_2000n)).toBe('F_TRANSLATION');
    const readOnly = nested({ page: PA | (S2_PAGE & ~0x80n) }).rig;
    expect(readOnly.ask(0x10, IOVA)).toBe('0x100000000');
    expect(readOnly.ask(0x10, IOVA, WRITE)).toBe('F_PERMISSION');
    expect(readOnly.unit.translation.fault?.details).toMatchObject({ stage: 2, class: 2, second: IPA });
    const first = nested({ leaf: IPA | PAGE | 0x80n }).rig;
    expect(first.ask(0x10, IOVA)).toBe('0x100000000');
    expect(first.ask(0x10, IOVA, WRITE)).toBe('F_PERMISSION');
    expect(first.unit.translation.fault?.details).toMatchObject({ stage: 1, class: 2 });
  });

  it('explains which entries were read, those of stage 2 for each of stage 1', () => {
    const { rig } = nested();
    const walk = rig.unit.explain(0x10, -1, IOVA, READ);
    expect(walk.pa).toBe(PA);
    const steps = walk.steps.map(({ what }) => what.replace(/ level \d/, ''));
    // STE; stage 2 of the CD (3 levels, a block); CD; for each of four tables three of stage 2; four for the page.
    const table = ['stage 2', 'stage 2', 'stage 2', 'stage 1'];
    const page = ['stage 2', 'stage 2', 'stage 2', 'stage 2'];
    expect(steps).toEqual([
      'STE',
      'stage 2',
      'stage 2',
      'stage 2',
      'CD',
      ...table,
      ...table,
      ...table,
      ...table,
      ...page,
    ]);
  });

  it('updates a stage 1 descriptor only where stage 2 lets it write, CLASS TTD', () => {
    const cd = { flags: CD_FLAG.R | CD_FLAG.A | CD_FLAG.HA };
    const leaf = IPA | (PAGE & ~0x400n);
    const allowed = nested({ leaf, cd });
    expect(allowed.rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(allowed.rig.load(allowed.slot)).toBe(IPA | PAGE);
    const denied = nested({ leaf, cd, tables: S2_BLOCK & ~0x80n });
    expect(denied.rig.ask(0x10, IOVA)).toBe('F_PERMISSION');
    expect(denied.rig.unit.translation.fault?.details).toMatchObject({
      stage: 2,
      class: 1,
      second: denied.slot & ~0xfffn,
    });
    expect(denied.rig.load(denied.slot)).toBe(leaf);
  });

  it('makes pages dirty in both stages', () => {
    const { rig, slot, at } = nested({
      leaf: IPA | PAGE | 0x80n | DBM,
      page: PA | (S2_PAGE & ~0x80n) | DBM,
      cd: { flags: CD_FLAG.R | CD_FLAG.A | CD_FLAG.HA | CD_FLAG.HD },
      q2: STE_FLAG.S2R | STE_FLAG.S2HA | STE_FLAG.S2HD,
    });
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(rig.ask(0x10, IOVA, WRITE)).toBe('0x100000000');
    expect(rig.load(slot)).toBe(IPA | PAGE | DBM);
    expect(rig.load(at)).toBe(PA | S2_PAGE | DBM);
  });

  it('bypasses stage 1 alone with S1DSS 1, and asks stage 2 about substreams of it', () => {
    const rig = new SmmuRig();
    const host = rig.page();
    rig.ste(0x10, { config: 7n, cd: rig.page(), cdMax: 2n, dss: 1n, s2ttb: host });
    rig.map(host, IOVA, PA | S2_PAGE);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(rig.unit.passage).toBe('bypass');
    expect(rig.ask(0x10, IOVA, READ, 1)).toBe('F_TRANSLATION');
    expect(rig.unit.translation.fault?.details).toMatchObject({ stage: 2, class: 0 });
  });

  it('keeps two levels of context tables in intermediate addresses', () => {
    const rig = new SmmuRig();
    const [host, top, leaf, root] = [rig.page(), rig.page(), rig.page(16), rig.page()];
    const moved = 0x40_0000_0000n;
    for (let block = 0n; block < LOW; block += 0x20_0000n) rig.map(host, moved + block, block | S2_BLOCK, 2);
    rig.store(top + 8n, (moved + leaf) | 1n);
    rig.cd(leaf + 3n * 64n, { ttb0: moved + root });
    // The guest's tables name intermediate addresses.
    const tables = [root, rig.page(), rig.page(), rig.page()];
    [39n, 30n, 21n].forEach((shift, at) => {
      rig.store(tables[at]! + ((IOVA >> shift) & 511n) * 8n, (moved + tables[at + 1]!) | 3n);
    });
    rig.store(tables[3]! + ((IOVA >> 12n) & 511n) * 8n, IPA | PAGE);
    rig.map(host, IPA, PA | S2_PAGE);
    rig.ste(0x10, { config: 7n, cd: moved + top, fmt: 1n, cdMax: 8n, dss: 2n, s2ttb: host });
    rig.enable();
    expect(rig.ask(0x10, IOVA, READ, 0x43)).toBe('0x100000000');
    expect(rig.ask(0x10, IOVA, READ, 0x83)).toBe('C_BAD_SUBSTREAMID');
  });
});

describe('ATS', () => {
  const REQUEST = Access.TRANSLATION_REQUEST;
  const { TRANSLATED } = Access;
  const permissions = (rig: SmmuRig): number => rig.unit.translation.permissions;

  it('tells a device which rights there are, and records nothing where there are none', () => {
    for (const caches of [true, false]) {
      const rig = new SmmuRig({ caches });
      const root = rig.stream(0x10, {}, { ats: 1n });
      rig.map(root, 0x1000n, PA | PAGE);
      rig.map(root, 0x2000n, PA | PAGE | 0x80n);
      rig.map(root, 0x3000n, PA | (PAGE & ~0x40n));
      rig.enable();
      for (let round = 0; round < 2; round++) {
        expect(rig.ask(0x10, 0x1000n, READ | WRITE | REQUEST)).toBe('0x100000000');
        expect(permissions(rig) & 3).toBe(3);
        expect(rig.ask(0x10, 0x2000n, READ | WRITE | REQUEST)).toBe('0x100000000');
        expect(permissions(rig) & 3).toBe(1);
        expect(rig.ask(0x10, 0x3000n, READ | WRITE | REQUEST)).toBe('F_PERMISSION');
        expect(rig.ask(0x10, 0x4000n, READ | REQUEST)).toBe('F_TRANSLATION');
      }
      expect(rig.unit.translation.fault?.recorded).toBe('suppressed');
      expect(rig.events()).toEqual([]);
    }
  });

  it('makes a page dirty when a device asks to write', () => {
    const rig = new SmmuRig();
    const clean = PAGE | 0x80n | DBM;
    const slot = rig.map(rig.stream(0x10, { flags: 0x6c00_0000_0000n }, { ats: 1n }), 0x1000n, PA | clean);
    rig.enable();
    rig.ask(0x10, 0x1000n, READ | REQUEST);
    expect(rig.load(slot)).toBe(PA | clean);
    rig.ask(0x10, 0x1000n, READ | WRITE | REQUEST);
    expect(rig.load(slot)).toBe(PA | PAGE | DBM);
    expect(permissions(rig) & 3).toBe(3);
  });

  it('records no configuration error of a translation request or a translated one', () => {
    const rig = new SmmuRig();
    rig.stream(0x10, {}, { valid: 0n });
    rig.stream(0x11, { valid: 0n }, { ats: 1n });
    rig.stream(0x12, {}, { ats: 1n });
    rig.store(rig.stream(0x13, {}, { ats: 1n }), 0x8000_0003n);
    rig.enable(0x10);
    expect(rig.ask(0x10, IOVA, READ | TRANSLATED)).toBe('C_BAD_STE');
    expect(rig.ask(0x10, IOVA, READ | REQUEST)).toBe('C_BAD_STE');
    expect(rig.ask(0x11, IOVA, READ | REQUEST)).toBe('C_BAD_CD');
    expect(rig.ask(0x12, IOVA, READ | REQUEST, 1)).toBe('C_BAD_SUBSTREAMID');
    expect(rig.ask(0x13, 0n, READ | REQUEST)).toBe('F_WALK_EABT');
    expect(rig.ask(0x200, IOVA, READ | REQUEST)).toBe('C_BAD_STREAMID');
    expect(rig.unit.translation.fault?.recorded).toBe('suppressed');
    expect(rig.events()).toEqual([]);
  });

  it('lets translated requests by, checked by the STE only with ATSCHK', () => {
    const rig = new SmmuRig();
    rig.stream(0x10, {}, { ats: 1n });
    rig.stream(0x11);
    rig.enable(0x10);
    expect(rig.ask(0x10, 0x9999n, READ | TRANSLATED)).toBe('0x9999');
    expect(rig.ask(0x11, 0x9999n, READ | TRANSLATED)).toBe('F_TRANSL_FORBIDDEN');
    rig.unit.write32(0x20, 0xd);
    expect(rig.ask(0x11, 0x9999n, READ | TRANSLATED)).toBe('0x9999');
  });

  it('is refused by bypass, by an STE that says so, and by units without', () => {
    const rig = new SmmuRig();
    rig.ste(0x10, { config: 4n, ats: 1n });
    rig.stream(0x12, {}, { ats: 3n });
    rig.enable(0x10);
    for (const stream of [0x10, 0x12]) expect(rig.ask(stream, IOVA, READ | REQUEST)).toBe('F_BAD_ATS_TREQ');
    const without = new SmmuRig({ idr0: server.idr0 & ~0x400 });
    without.stream(0x10, {}, { ats: 1n });
    without.enable();
    expect(without.ask(0x10, IOVA, READ | REQUEST)).toBe('F_BAD_ATS_TREQ');
    expect(without.ask(0x10, IOVA, READ | TRANSLATED)).toBe('F_TRANSL_FORBIDDEN');
  });

  it.each([
    ['split stage without stage 2', { ats: 2n }, {}],
    ['split stage without stage 1', { config: 6n, ats: 2n }, {}],
    ['split stage of a stream whose stage 2 stalls', { config: 7n, ats: 2n, q2: STE_FLAG.S2S }, {}],
    ['split stage on a unit without', { config: 7n, ats: 2n }, { idr0: server.idr0 | 0x800 }],
    ['full ATS of a stream whose stage 2 stalls', { config: 6n, ats: 1n, q2: STE_FLAG.S2S }, {}],
  ])('makes an STE illegal: %s', (_, ste, options) => {
    const rig = new SmmuRig(options);
    rig.stream(0x10, {}, ste);
    rig.enable(0x10);
    expect(rig.ask(0x10, IOVA)).toBe('C_BAD_STE');
    const without = new SmmuRig({ idr0: server.idr0 & ~0x400 });
    without.stream(0x10, {}, ste);
    without.enable();
    expect(without.ask(0x10, IOVA)).not.toBe('C_BAD_STE');
  });

  it('has no split stage while ATSCHK is 0', () => {
    const rig = new SmmuRig();
    rig.stream(0x10, {}, { config: 7n, s2ttb: rig.page(), ats: 2n });
    rig.enable();
    expect(rig.ask(0x10, IOVA, READ | REQUEST)).toBe('F_BAD_ATS_TREQ');
    rig.unit.write32(0x20, 0x1d);
    expect(rig.ask(0x10, IOVA, READ | REQUEST)).toBe('F_TRANSLATION');
  });

  it('answers with the address itself in split stage where S1DSS bypasses stage 1, and with the rights of stage 2', () => {
    const rig = new SmmuRig();
    const host = rig.page();
    rig.ste(0x10, { config: 7n, cd: rig.page(), cdMax: 2n, dss: 1n, s2ttb: host, ats: 2n });
    rig.map(host, IOVA, PA | (S2_PAGE & ~0x80n));
    rig.enable(0x10);
    for (let round = 0; round < 2; round++) {
      expect(rig.ask(0x10, IOVA, READ | WRITE | REQUEST)).toBe('0x40000000');
      expect(permissions(rig) & 3).toBe(1);
      expect(rig.ask(0x10, IOVA, READ | TRANSLATED)).toBe('0x100000000');
    }
    expect(rig.ask(0x10, IOVA + 0x1000n, READ | REQUEST)).toBe('F_TRANSLATION');
    expect(rig.events()).toEqual([]);
  });

  it('answers with intermediate addresses in split stage, which stage 2 translates later', () => {
    const rig = new SmmuRig();
    const host = rig.page();
    const root = rig.stream(0x10, {}, { config: 7n, s2ttb: host, ats: 2n });
    rig.map(root, IOVA, 0x7000_0000n | PAGE);
    for (let block = 0n; block < 0x400_0000n; block += 0x20_0000n) rig.map(host, block, block | S2_BLOCK, 2);
    const page = rig.map(host, 0x7000_0000n, PA | (S2_PAGE & ~0x80n));
    rig.enable(0x10);
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    expect(rig.ask(0x10, IOVA, READ | WRITE | REQUEST)).toBe('0x70000000');
    expect(permissions(rig) & 3, 'stage 2 lets it read only').toBe(1);
    expect(rig.ask(0x10, 0x7000_0008n, READ | TRANSLATED)).toBe('0x100000008');
    expect(rig.ask(0x10, 0x7000_0008n, WRITE | TRANSLATED)).toBe('F_PERMISSION');
    // A unit whose ATS is of one stage only, and full ATS: the end of both stages.
    rig.ste(0x11, { config: 7n, s2ttb: host, cd: rig.load(rig.steAt(0x10)) & 0xffff_ffff_ffc0n, ats: 1n });
    expect(rig.ask(0x11, IOVA, READ | WRITE | REQUEST)).toBe('0x100000000');
    expect(permissions(rig) & 3).toBe(1);
    rig.store(page, 0n);
    rig.submit([0x30n]);
    expect(rig.ask(0x11, IOVA, READ | REQUEST)).toBe('F_TRANSLATION');
    expect(rig.events()).toHaveLength(1);
  });
});
