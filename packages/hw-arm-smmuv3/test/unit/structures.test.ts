import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../../src/index.js';
import { PAGE, S2_PAGE, SmmuRig, type CdFields, type SteFields } from './rig.js';

const { server } = SMMU_V3_PRESETS;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;
const OK = '0x100000000';

describe('a stream table of two levels', () => {
  /** STRTAB_BASE_CFG: 2^10 streams, two levels. */
  const twoLevel = (split: number): SmmuRig => {
    const rig = new SmmuRig().enable();
    rig.reprogram(0x88, 10 | (split << 6) | (1 << 16));
    return rig;
  };

  it.each([6, 8, 10])('finds entries with SPLIT %i', (split) => {
    const rig = twoLevel(split);
    const leaf = rig.page(16);
    const index = 3;
    const stream = split === 10 ? index : (1 << split) + index;
    rig.store(rig.streams + BigInt(stream >> split) * 8n, leaf | BigInt(split + 1));
    rig.ste(stream, { config: 4n }, leaf + BigInt(index) * 64n);
    expect(rig.ask(stream, IOVA)).toBe('0x40000000');
    expect(rig.unit.passage).toBe('bypass');
  });

  it('has arrays of entries that are aligned to their size', () => {
    const rig = twoLevel(8);
    const leaf = rig.page(16);
    rig.ste(0, { config: 4n }, leaf);
    // 2^8 entries of 64 bytes.
    rig.store(rig.streams, (leaf + 0x3fc0n) | 9n);
    expect(rig.ask(0, IOVA)).toBe('0x40000000');
  });

  it('takes a reserved SPLIT as 6', () => {
    const rig = twoLevel(7);
    const leaf = rig.page();
    rig.store(rig.streams + 16n, leaf | 7n);
    rig.ste(0x80 + 3, { config: 4n }, leaf + 3n * 64n);
    expect(rig.ask(0x80 + 3, IOVA)).toBe('0x40000000');
  });

  it('has as many entries as Span says, and none where it is 0 or too large', () => {
    const rig = twoLevel(8);
    const leaf = rig.page(16);
    for (let index = 0n; index < 256n; index++) rig.ste(0, { config: 4n }, leaf + index * 64n);
    const span = (bits: bigint): void => rig.store(rig.streams, leaf | bits);
    span(3n);
    expect([0, 3, 4, 255].map((stream) => rig.ask(stream, IOVA))).toEqual([
      '0x40000000',
      '0x40000000',
      'C_BAD_STREAMID',
      'C_BAD_STREAMID',
    ]);
    rig.submit([4n, 31n]);
    span(0n);
    expect(rig.ask(0, IOVA)).toBe('C_BAD_STREAMID');
    span(10n);
    expect(rig.ask(0, IOVA)).toBe('C_BAD_STREAMID');
    span(9n);
    expect(rig.ask(255, IOVA)).toBe('0x40000000');
    expect(rig.ask(0x400, IOVA)).toBe('C_BAD_STREAMID');
  });

  it('reports a fetch that aborts, of either level', () => {
    const rig = twoLevel(8);
    rig.store(rig.streams, 0x8000_0000n | 9n);
    expect(rig.ask(5, IOVA)).toBe('F_STE_FETCH');
    expect(rig.events()[0]![3]).toBe(0x8000_0000n + 5n * 64n);
    rig.reprogram(0x80, 0x8000_0000n);
    expect(rig.ask(0x100, IOVA)).toBe('F_STE_FETCH');
    expect(rig.events()[0]![3]).toBe(0x8000_0008n);
  });

  it('has no more streams than the unit, aligned to its whole size all the same', () => {
    const rig = new SmmuRig({ idr1: (server.idr1 & ~0x3f) | 8 }).enable();
    rig.reprogram(0x88, 9);
    rig.ste(0xff, { config: 4n });
    rig.ste(0x100, { config: 4n });
    expect(rig.ask(0xff, IOVA)).toBe('0x40000000');
    expect(rig.ask(0x100, IOVA)).toBe('C_BAD_STREAMID');
  });

  it('is linear on a unit without it', () => {
    const rig = new SmmuRig({ idr0: server.idr0 & ~(3 << 27) }).enable();
    rig.reprogram(0x88, 9 | (8 << 6) | (1 << 16));
    rig.ste(0x10, { config: 4n });
    expect(rig.ask(0x10, IOVA)).toBe('0x40000000');
  });
});

describe('a stream table entry', () => {
  const shapes: [name: string, expected: string, ste: SteFields, options?: SmmuV3Options][] = [
    ['Config 0 to 3 aborts', 'ABORT', { config: 3n }],
    ['Config 4 bypasses, whatever else it holds', '0x40000000', { config: 4n, cd: 0x8000_0000n, dss: 3n, cdMax: 31n }],
    ['stage 1 on a unit without', 'C_BAD_STE', {}, { idr0: server.idr0 & ~2 }],
    ['stage 2 on a unit without', 'C_BAD_STE', { config: 6n }, { idr0: server.idr0 & ~1 }],
    ['both on a unit with one', 'C_BAD_STE', { config: 7n }, { idr0: server.idr0 & ~1 }],
    ['more substreams than the unit has', 'C_BAD_STE', { cdMax: 21n, dss: 2n }],
    [
      'two levels of contexts on a unit without',
      'C_BAD_STE',
      { cdMax: 2n, fmt: 1n, dss: 2n },
      { idr0: server.idr0 & ~(1 << 19) },
    ],
    ['the reserved S1Fmt is linear', OK, { cdMax: 2n, fmt: 3n, dss: 2n }],
    [
      'the reserved S1Fmt, on a unit without two levels',
      OK,
      { cdMax: 2n, fmt: 3n, dss: 2n },
      { idr0: server.idr0 & ~(1 << 19) },
    ],
    ['the reserved S1DSS terminates', 'F_STREAM_DISABLED', { cdMax: 2n, dss: 3n }],
    ['the reserved STRW', 'C_BAD_STE', { world: 1n }],
    ['the other reserved STRW', 'C_BAD_STE', { world: 3n }],
    ['STRW means nothing without HYP', OK, { world: 3n }, { idr0: server.idr0 & ~0x200 }],
    ['S2VMID of 9 bits where there are 8', 'C_BAD_STE', { vmid: 0x100n }, { idr0: server.idr0 & ~(1 << 18) }],
    ['S2VMID means nothing at EL2', OK, { vmid: 0x100n, world: 2n }, { idr0: server.idr0 & ~(1 << 18) }],
    ['S2VMID means nothing without stage 2', OK, { vmid: 0x100n }, { idr0: server.idr0 & ~((1 << 18) | 1) }],
    ['contexts beyond the unit', 'C_BAD_STE', { cd: 1n << 48n }],
    ['contexts beyond the unit, as an IPA', 'F_TRANSLATION', { cd: 1n << 48n, config: 7n }],
    ['S1CDMax means nothing on a unit without substreams', OK, { cdMax: 2n }, { idr1: server.idr1 & ~0x7c0 }],
    ['S1Fmt and S1DSS mean nothing with one context', OK, { fmt: 3n, dss: 3n }],
    ['the largest number of contexts', OK, { cdMax: 20n, dss: 2n }],
  ];
  it.each(shapes)('%s: %s', (_, expected, ste, options) => {
    const rig = new SmmuRig(options);
    rig.map(rig.stream(0x10, {}, ste), IOVA, PA | PAGE);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe(expected);
  });

  const stage2: [name: string, expected: string, ste: SteFields, options?: SmmuV3Options][] = [
    ['48 bits from level 0', OK, {}],
    ['the reserved S2TG', 'C_BAD_STE', { s2tg: 3n }],
    ['64K tables that start at level 1', 'C_BAD_STE', { s2tg: 1n, s2sl0: 3n }],
    ['64K on a unit without', 'C_BAD_STE', { s2tg: 1n, s2sl0: 1n, s2t0sz: 24n }, { idr5: server.idr5 & ~0x40 }],
    ['T0SZ below 16', 'C_BAD_STE', { s2t0sz: 15n }],
    ['S2S 0 on a unit that must stall', 'C_BAD_STE', {}, { idr0: server.idr0 | (2 << 24) }],
    ['S2S 1 on a unit that must stall', OK, { q2: 1n << 57n }, { idr0: server.idr0 | (2 << 24) }],
    ['more input bits than the unit has of addresses', 'C_BAD_STE', {}, { idr5: (server.idr5 & ~7) | 4 }],
    ['as many', OK, { s2t0sz: 20n, s2ps: 4n }, { idr5: (server.idr5 & ~7) | 4 }],
    ['64K, 52 bits where VAX is 0', OK, { s2tg: 1n, s2t0sz: 12n, s2ps: 6n }, { idr5: (server.idr5 & ~7) | 6 }],
    ['T0SZ above 39', 'C_BAD_STE', { s2t0sz: 40n, s2sl0: 0n }],
    ['the reserved S2SL0', 'C_BAD_STE', { s2sl0: 3n }],
    ['a start level too low for the width', 'C_BAD_STE', { s2sl0: 0n }],
    ['a start level too high for the width', 'C_BAD_STE', { s2t0sz: 32n }],
    ['a root beyond S2PS', 'C_BAD_STE', { s2ttb: 1n << 40n, s2ps: 1n }],
    ['a 4K root beyond 48 bits', 'C_BAD_STE', { s2ttb: 1n << 50n, s2ps: 6n }, { idr5: (server.idr5 & ~7) | 6 }],
    ['S2ENDI', 'C_BAD_STE', { q2: 1n << 52n }],
    ['S2HA on a unit without', 'C_BAD_STE', { q2: 1n << 56n }, { idr0: server.idr0 & ~0xc0 }],
    ['S2HD on a unit with accessed flags only', 'C_BAD_STE', { q2: 3n << 55n }, { idr0: (server.idr0 & ~0xc0) | 0x40 }],
  ];
  it.each(stage2)('stage 2, %s: %s', (_, expected, ste, options) => {
    const rig = new SmmuRig(options);
    const root = rig.stage2(0x10, ste.s2tg === 1n ? { s2ttb: rig.page(16), ...ste } : ste);
    const shape = ste.s2tg === 1n ? { top: 1, granule: 16 } : {};
    if (expected === OK) rig.map(root, IOVA, PA | S2_PAGE, 3, shape);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe(expected);
  });

  it('needs S2AA64', () => {
    const rig = new SmmuRig();
    rig.stage2(0x10);
    rig.store(rig.steAt(0x10) + 16n, rig.load(rig.steAt(0x10) + 16n) & ~(1n << 51n));
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('C_BAD_STE');
  });

  it('is read before the abort that it asks for, and a substream does not matter then', () => {
    const rig = new SmmuRig();
    rig.ste(0x10, { config: 0n });
    rig.enable();
    expect(rig.ask(0x10, IOVA, Access.READ, 7)).toBe('ABORT');
    expect(rig.events()).toEqual([]);
  });
});

describe('context descriptors', () => {
  const shapes: [name: string, expected: string, cd: CdFields, options?: SmmuV3Options][] = [
    ['48 bits, 4K', OK, {}],
    ['T0SZ 15', 'C_BAD_CD', { t0sz: 15n }],
    ['T0SZ 40', 'C_BAD_CD', { t0sz: 40n }],
    ['T0SZ out of range of a region that is off', 'F_TRANSLATION', { t0sz: 0n, epd0: 1n }],
    ['the reserved TG0', 'C_BAD_CD', { tg0: 3n }],
    ['16K on a unit without', 'C_BAD_CD', { tg0: 2n }, { idr5: server.idr5 & ~0x20 }],
    ['the reserved TG1', 'C_BAD_CD', { tg1: 0n, epd1: 0n }],
    ['the reserved TG1 of a region that is off', OK, { tg1: 0n }],
    ['T1SZ 15', 'C_BAD_CD', { t1sz: 15n, epd1: 0n }],
    ['a root beyond IPS', 'C_BAD_CD', { ttb0: 1n << 40n, ips: 1n }],
    ['a 4K root beyond 48 bits', 'C_BAD_CD', { ttb0: 1n << 50n, ips: 6n }, { idr5: (server.idr5 & ~7) | 6 }],
    ['IPS beyond the unit counts as the unit', OK, { ips: 6n }],
    [
      'A = 0 where the unit terminates with aborts only',
      'C_BAD_CD',
      { flags: 1n << 45n },
      { idr0: server.idr0 | (1 << 26) },
    ],
    ['A = 0 where it may be', OK, { flags: 1n << 45n }],
    ['HA on a unit without', 'C_BAD_CD', { flags: 0x6800_0000_0000n }, { idr0: server.idr0 & ~0xc0 }],
    [
      'HD on a unit with accessed flags only',
      'C_BAD_CD',
      { flags: 0x6c00_0000_0000n },
      { idr0: (server.idr0 & ~0xc0) | 0x40 },
    ],
    ['an ASID of 9 bits where there are 8', 'C_BAD_CD', { asid: 0x105n }, { idr0: server.idr0 & ~0x1000 }],
    ['ENDI', 'C_BAD_CD', { flags: 0x6000_0000_8000n }],
    ['ENDI of regions that are off', 'F_TRANSLATION', { flags: 0x6000_0000_8000n, epd0: 1n }],
    ['ENDI 0 on a unit of big-endian tables', 'C_BAD_CD', {}, { idr0: server.idr0 | (3 << 21) }],
  ];
  it.each(shapes)('%s: %s', (_, expected, cd, options) => {
    const rig = new SmmuRig(options);
    const root = rig.stream(0x10, cd);
    if (cd.ttb0 === undefined) rig.map(root, IOVA, PA | PAGE);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe(expected);
  });

  it('needs AA64', () => {
    const rig = new SmmuRig();
    const at = rig.page();
    rig.cd(at, {});
    rig.store(at, rig.load(at) & ~(1n << 41n));
    rig.ste(0x10, { cd: at });
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('C_BAD_CD');
  });

  it('with S1DSS 0 serve substreams only; with 1 let others by; with 2 give them the first', () => {
    const rig = new SmmuRig();
    const cds = rig.page();
    for (const ssid of [0n, 1n, 2n]) {
      const root = rig.page();
      rig.cd(cds + ssid * 64n, { asid: ssid + 1n, ttb0: root });
      rig.map(root, IOVA, (PA + ssid * 0x1000n) | PAGE);
    }
    rig.ste(0x10, { cd: cds, cdMax: 2n, dss: 0n });
    rig.ste(0x11, { cd: cds, cdMax: 2n, dss: 1n });
    rig.ste(0x12, { cd: cds, cdMax: 2n, dss: 2n });
    rig.enable();
    const all = [NO_PASID, 0, 1, 2, 3];
    const ask = (stream: number): string[] => all.map((ssid) => rig.ask(stream, IOVA, Access.READ, ssid));
    const each = ['0x100000000', '0x100001000', '0x100002000', 'C_BAD_CD'];
    expect(ask(0x10)).toEqual(['F_STREAM_DISABLED', ...each]);
    expect(ask(0x11)).toEqual(['0x40000000', ...each]);
    expect(ask(0x12)).toEqual(['0x100000000', 'F_STREAM_DISABLED', ...each.slice(1)]);
    expect(rig.events().map(([word]) => Number(word! & 0xffn))).toEqual([6, 0xa, 0xa, 6, 0xa]);
  });

  it.each([
    [1n, 6],
    [2n, 10],
  ])('lie in leaf tables with S1Fmt %s: 2^%i each', (fmt, leafLog2) => {
    const rig = new SmmuRig();
    const [top, leaf, root] = [rig.page(), rig.page(16), rig.page()];
    const ssid = 3 * 2 ** leafLog2 + 5;
    rig.store(top + 24n, leaf | 1n);
    rig.cd(leaf + 5n * 64n, { ttb0: root });
    rig.map(root, IOVA, PA | PAGE);
    rig.ste(0x10, { cd: top, fmt, cdMax: 14n, dss: 2n });
    rig.enable();
    expect(rig.ask(0x10, IOVA, Access.READ, ssid)).toBe(OK);
    expect(rig.ask(0x10, IOVA, Access.READ, ssid - 5 - 1)).toBe('C_BAD_SUBSTREAMID');
    expect(rig.ask(0x10, IOVA, Access.READ, ssid + 1)).toBe('C_BAD_CD');
  });

  it('keep the upper half of an ASID', () => {
    const rig = new SmmuRig();
    const root = rig.stream(0x10, { asid: 0x105n });
    rig.map(root, IOVA, PA | PAGE);
    rig.enable();
    rig.ask(0x10, IOVA);
    rig.map(root, IOVA, 0n);
    rig.submit([0x5_0000_0000_0011n]);
    expect(rig.ask(0x10, IOVA)).toBe(OK);
  });
});

describe('addresses of 52 bits', () => {
  /** OAS 52. */
  const idr5 = (server.idr5 & ~7) | 6;
  const HIGH = 0xf_0000_0000_0000n;

  it('lead to stream tables, context descriptors and roots', () => {
    const rig = new SmmuRig({ idr5 });
    const [table, top, cd, root, root2] = [0n, 1n, 2n, 3n, 4n].map((index) => HIGH + index * 0x1_0000n);
    rig.enable();
    rig.store(rig.streams, table! | 9n);
    rig.reprogram(0x88, 9 | (8 << 6) | (1 << 16));
    rig.ste(0, { cd: top!, fmt: 1n, cdMax: 8n, dss: 2n }, table! + 0x10n * 64n);
    rig.store(top!, cd! | 1n);
    rig.cd(cd!, { ttb0: root!, tg0: 1n, ips: 6n });
    rig.map(root!, IOVA, PA | PAGE, 3, { top: 1, granule: 16 });
    rig.ste(0, { config: 6n, s2ttb: root2!, s2tg: 1n, s2ps: 6n, vmid: 3n }, table! + 0x11n * 64n);
    rig.map(root2!, IOVA, (PA + 0x7_0000n) | S2_PAGE, 3, { top: 1, granule: 16 });
    expect(rig.ask(0x10, IOVA)).toBe(OK);
    expect(rig.ask(0x11, IOVA)).toBe('0x100070000');
  });

  it('of a stream table itself, and of the message of a CMD_SYNC', () => {
    const rig = new SmmuRig({ idr5 });
    rig.enable();
    rig.ste(0, { config: 4n }, HIGH + 0x10n * 64n);
    rig.reprogram(0x80, HIGH);
    expect(rig.ask(0x10, IOVA)).toBe('0x40000000');
    rig.submit([0x46n | (1n << 12n) | (0x77n << 32n), HIGH + 0x8000n]);
    expect(rig.load(HIGH + 0x8000n)).toBe(0x77n);
  });
});
