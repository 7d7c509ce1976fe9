import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS } from '../../src/index.js';
import { BLOCK, PAGE, S2_BLOCK, S2_PAGE, SmmuRig } from './rig.js';

/*
 * Which command drops what (IHI 0070 4.3, 4.4). A test fills the caches, changes memory behind their back, and sees by the answers
 * whether the old entries are still there: F must be fresh, s may stay stale and does.
 */

const IOVA = 0x4000_0000n;
const OLD = 0x1_0000_0000n;
const NEW = 0x1_8000_0000n;
const FRESH = '0x180000000';

type Command = readonly [q0: bigint, q1?: bigint];
const at = (opcode: bigint, { vmid = 0n, asid = 0n, num = 0n, scale = 0n } = {}): bigint =>
  opcode | (num << 12n) | (scale << 20n) | (vmid << 32n) | (asid << 48n);
const cfgi = (opcode: bigint, sid: bigint, { ssid = 0n, q1 = 1n } = {}): Command => [
  opcode | (ssid << 12n) | (sid << 32n),
  q1,
];
const LEAF = 1n;
const ttl = (granule: bigint, level: bigint): bigint => (granule << 10n) | (level << 8n);

describe('configuration caches', () => {
  // Streams 0x10 (substreams none, 1, 2), 0x11 and 0x30, whose structures point to new tables afterwards.
  const places: readonly [stream: number, substream: number][] = [
    [0x10, NO_PASID],
    [0x10, 1],
    [0x10, 2],
    [0x11, NO_PASID],
    [0x30, NO_PASID],
  ];

  function filled() {
    const rig = new SmmuRig();
    const tables = [OLD, NEW].map((target) => {
      const root = rig.page();
      rig.map(root, IOVA, target | PAGE);
      return root;
    });
    const cds = new Map([0x10, 0x11, 0x30].map((stream) => [stream, rig.page()] as const));
    const write = (root: bigint): void => {
      for (const [stream, base] of cds) {
        // Substream 2's descriptor is the first one's neighbour; without a substream S1DSS leads to descriptor 0.
        for (let ssid = 0n; ssid < 3n; ssid++) rig.cd(base + ssid * 64n, { asid: BigInt(stream) + ssid, ttb0: root });
        rig.ste(stream, { cd: base, cdMax: stream === 0x10 ? 2n : 0n, dss: 2n });
      }
    };
    write(tables[0]!);
    rig.enable();
    for (const [stream, substream] of places) expect(rig.ask(stream, IOVA, Access.READ, substream)).toBe('0x100000000');
    return { rig, cds, tables, write };
  }

  const answers = (rig: SmmuRig): string =>
    places
      .map(([stream, substream]) => {
        // The TLB must not answer for the configuration caches.
        rig.submit([0x30n]);
        return rig.ask(stream, IOVA, Access.READ, substream) === FRESH ? 'F' : 's';
      })
      .join('');

  const contexts: [name: string, command: Command, verdicts: string][] = [
    ['TLBI_NSNH_ALL alone', [0x30n], 'sssss'],
    ['CFGI_CD of no substream', cfgi(5n, 0x10n), 'Fssss'],
    ['CFGI_CD of a substream', cfgi(5n, 0x10n, { ssid: 2n }), 'ssFss'],
    ['CFGI_CD of another stream', cfgi(5n, 0x11n), 'sssFs'],
    ['CFGI_CD_ALL', cfgi(6n, 0x10n), 'FFFss'],
    ['CFGI_STE', cfgi(3n, 0x10n), 'FFFss'],
    ['CFGI_STE with its descriptor of level 1', cfgi(3n, 0x10n, { q1: 0n }), 'FFFss'],
    ['CFGI_STE_RANGE of two', cfgi(4n, 0x11n, { q1: 0n }), 'FFFFs'],
    ['CFGI_STE_RANGE of sixteen', cfgi(4n, 0x3fn, { q1: 3n }), 'ssssF'],
    ['CFGI_STE_RANGE of 2^31', cfgi(4n, 0n, { q1: 30n }), 'FFFFF'],
    ['CFGI_ALL', cfgi(4n, 0n, { q1: 31n }), 'FFFFF'],
    ['PREFETCH_CONFIG', cfgi(1n, 0x10n), 'sssss'],
    ['ATC_INV', [0x10_0000_0040n, 52n], 'sssss'],
  ];
  it.each(contexts)('contexts: %s', (_, command, verdicts) => {
    const { rig, write, tables } = filled();
    write(tables[1]!);
    rig.submit(command);
    expect(answers(rig)).toBe(verdicts);
  });

  const streams: [name: string, command: Command, verdicts: string][] = [
    ['nothing', [0x46n], 'ss'],
    ['CFGI_CD does not reach the STE', cfgi(5n, 0x11n), 'ss'],
    ['CFGI_CD_ALL does not reach the STE', cfgi(6n, 0x11n), 'ss'],
    ['CFGI_STE', cfgi(3n, 0x11n), 'Fs'],
    ['CFGI_STE_RANGE', cfgi(4n, 0x30n, { q1: 3n }), 'sF'],
    ['CFGI_ALL', cfgi(4n, 0n, { q1: 31n }), 'FF'],
  ];
  it.each(streams)('streams: %s', (_, command, verdicts) => {
    const { rig, tables } = filled();
    // New descriptors elsewhere: only a new STE leads to them.
    for (const stream of [0x11, 0x30]) {
      const cd = rig.page();
      rig.cd(cd, { asid: 0x50n, ttb0: tables[1]! });
      rig.ste(stream, { cd, dss: 2n });
    }
    rig.submit(command);
    expect(answers(rig).slice(3)).toBe(verdicts);
  });
});

describe('TLB, stage 1', () => {
  const SECOND = IOVA + 0x5000n;
  const LARGE = 0x8000_0000n;
  /**
   * In VMID 3: ASID 5 with two pages, a 2 MiB block and a global page; ASID 6 with a page. In VMID 4: ASID 5. EL2: ASID 5. Stage 2 of
   * VMID 3 alone.
   */
  const GLOBAL = IOVA + 0x9000n;
  const places = [
    ['5 page', 0x10, IOVA],
    ['5 other page', 0x10, SECOND],
    ['5 block', 0x10, LARGE],
    ['5 global', 0x10, GLOBAL],
    ['6 page', 0x11, IOVA],
    ['VMID 4', 0x12, IOVA],
    ['EL2', 0x13, IOVA],
    ['stage 2', 0x14, IOVA],
  ] as const;
  const five = { vmid: 3n, asid: 5n };
  const cases: [name: string, command: Command, verdicts: string][] = [
    ['CMD_SYNC alone', [0x46n], 'ssssssss'],
    ['CFGI_ALL', [4n, 31n], 'ssssssss'],
    ['NSNH_ALL', [0x30n], 'FFFFFFsF'],
    ['NH_ALL', [at(0x10n, { vmid: 3n })], 'FFFFFsss'],
    ['NH_ALL of another VMID', [at(0x10n, { vmid: 4n })], 'sssssFss'],
    ['NH_ASID spares global pages', [at(0x11n, five)], 'FFFsssss'],
    ['NH_ASID of another VMID', [at(0x11n, { vmid: 4n, asid: 5n })], 'sssssFss'],
    ['NH_VA', [at(0x12n, five), IOVA | LEAF], 'Fsssssss'],
    ['NH_VA, not only leaves', [at(0x12n, five), IOVA], 'Fsssssss'],
    ['NH_VA of a global page, any ASID', [at(0x12n, { vmid: 3n, asid: 99n }), GLOBAL | LEAF], 'sssFssss'],
    ['NH_VA inside a block', [at(0x12n, five), (LARGE + 0x7_8000n) | LEAF], 'ssFsssss'],
    ['NH_VA of another ASID', [at(0x12n, { vmid: 3n, asid: 6n }), IOVA | LEAF], 'ssssFsss'],
    ['NH_VAA', [at(0x13n, { vmid: 3n }), IOVA | LEAF], 'FsssFsss'],
    ['NH_VA of 4 pages', [at(0x12n, { ...five, num: 3n }), IOVA | LEAF | ttl(1n, 0n)], 'Fsssssss'],
    ['NH_VA of 3 * 2 pages', [at(0x12n, { ...five, num: 2n, scale: 1n }), IOVA | LEAF | ttl(1n, 0n)], 'FFssssss'],
    ['NH_VA of 10 pages, TTL 3', [at(0x12n, { ...five, num: 4n, scale: 1n }), IOVA | LEAF | ttl(1n, 3n)], 'FFsFssss'],
    [
      'NH_VA of a block with TTL 3',
      [at(0x12n, { ...five, num: 0n, scale: 9n }), LARGE | LEAF | ttl(1n, 3n)],
      'ssssssss',
    ],
    [
      'NH_VA of a block with TTL 2',
      [at(0x12n, { ...five, num: 0n, scale: 9n }), LARGE | LEAF | ttl(1n, 2n)],
      'ssFsssss',
    ],
    ['NH_VA with the granule 64K and TTL 3', [at(0x12n, five), IOVA | LEAF | ttl(3n, 3n)], 'ssssssss'],
    ['NH_VA of everything', [at(0x12n, { ...five, num: 31n, scale: 31n }), LEAF | ttl(1n, 0n)], 'FFFFssss'],
    ['NH_VAA of everything', [at(0x13n, { vmid: 3n, num: 31n, scale: 31n }), LEAF | ttl(1n, 0n)], 'FFFFFsss'],
    ['NH_VA with 16K and its reserved TTL', [at(0x12n, { ...five, num: 1n }), IOVA | LEAF | ttl(2n, 1n)], 'FFssssss'],
    ['EL2_ALL', [0x20n], 'ssssssFs'],
    ['EL2_ASID, without ASIDs there', [at(0x21n, { asid: 5n })], 'ssssssss'],
    ['EL2_VA, whatever the ASID', [at(0x22n, { asid: 7n }), IOVA | LEAF], 'ssssssFs'],
    ['EL2_VA elsewhere', [at(0x22n, { asid: 5n }), SECOND | LEAF], 'ssssssss'],
    ['EL2_VAA', [0x23n, IOVA | LEAF], 'ssssssFs'],
    ['S12_VMALL', [at(0x28n, { vmid: 3n })], 'FFFFFssF'],
    ['S2_IPA', [at(0x2an, { vmid: 3n }), IOVA | LEAF], 'sssssssF'],
    ['S2_IPA elsewhere', [at(0x2an, { vmid: 3n }), SECOND | LEAF], 'ssssssss'],
    ['S2_IPA of another VMID', [at(0x2an, { vmid: 4n }), IOVA | LEAF], 'ssssssss'],
  ];
  it.each(cases)('%s', (_, command, verdicts) => {
    const rig = new SmmuRig({ caches: { walkEntries: 0 } });
    const roots = [
      rig.stream(0x10, { asid: 5n }, { vmid: 3n }),
      rig.stream(0x11, { asid: 6n }, { vmid: 3n }),
      rig.stream(0x12, { asid: 5n }, { vmid: 4n }),
      rig.stream(0x13, { asid: 5n }, { world: 2n }),
      rig.stage2(0x14, { vmid: 3n }),
    ];
    const leafOf = (name: string): bigint =>
      name.includes('block') ? BLOCK : name.includes('global') ? PAGE & ~0x800n : name === 'stage 2' ? S2_PAGE : PAGE;
    const write = (target: bigint): void => {
      for (const [name, stream, iova] of places) {
        rig.map(roots[stream - 0x10]!, iova, target | leafOf(name), name.includes('block') ? 2 : 3);
      }
    };
    write(OLD);
    rig.enable();
    for (const [, stream, iova] of places) expect(rig.ask(stream, iova)).toBe('0x100000000');
    write(NEW);
    rig.submit(command);
    const answers = places.map(([, stream, iova]) => (rig.ask(stream, iova) === FRESH ? 'F' : 's')).join('');
    expect(answers).toBe(verdicts);
    expect(rig.read(0x60)).toBe(0);
  });

  it.each([
    [0, [0x10n], 'ss'],
    [1, [at(0x10n, { vmid: 2n })], 'Fs'],
    [3, [at(0x10n, { vmid: 0n })], 'FF'],
    [3, [at(0x12n, { vmid: 7n, asid: 5n }), IOVA | LEAF], 'FF'],
    [3, [at(0x10n, { vmid: 8n })], 'ss'],
    [5, [at(0x10n, { vmid: 2n })], 'ss'],
  ] as const)('matches VMIDs without their lower bits with VMW %i', (vmw, command, verdict) => {
    const rig = new SmmuRig({ idr0: SMMU_V3_PRESETS.server.idr0 | (1 << 17), caches: { walkEntries: 0 } });
    const roots = [3n, 4n].map((vmid, index) => rig.stream(0x10 + index, { asid: 5n }, { vmid }));
    for (const root of roots) rig.map(root, IOVA, OLD | PAGE);
    rig.enable(vmw << 6);
    for (const stream of [0x10, 0x11]) rig.ask(stream, IOVA);
    for (const root of roots) rig.map(root, IOVA, NEW | PAGE);
    rig.submit(command);
    expect([0x10, 0x11].map((stream) => (rig.ask(stream, IOVA) === FRESH ? 'F' : 's')).join('')).toBe(verdict);
  });

  it.each([
    ['EL2_ALL', [0x20n], 'F'],
    ['EL2_ASID', [at(0x21n, { asid: 5n })], 'F'],
    ['EL2_ASID of another', [at(0x21n, { asid: 6n })], 's'],
    ['EL2_VA', [at(0x22n, { asid: 5n }), IOVA | LEAF], 'F'],
    ['EL2_VA of another ASID', [at(0x22n, { asid: 6n }), IOVA | LEAF], 's'],
    ['EL2_VAA', [0x23n, IOVA | LEAF], 'F'],
    ['NSNH_ALL', [0x30n], 's'],
  ] as const)('of a host at EL2 (E2H): %s', (_, command, verdict) => {
    const rig = new SmmuRig({ caches: { walkEntries: 0 } });
    const root = rig.stream(0x10, { asid: 5n }, { world: 2n });
    rig.map(root, IOVA, OLD | PAGE);
    rig.enable().reprogram(0x2c, 3);
    rig.ask(0x10, IOVA);
    rig.map(root, IOVA, NEW | PAGE);
    rig.submit(command);
    expect(rig.ask(0x10, IOVA) === FRESH ? 'F' : 's').toBe(verdict);
  });

  it('serves all streams of one ASID and VMID', () => {
    const rig = new SmmuRig();
    const root = rig.stream(0x10, { asid: 5n }, { vmid: 3n });
    rig.stream(0x11, { asid: 5n, ttb0: root }, { vmid: 3n });
    rig.map(root, IOVA, OLD | PAGE);
    rig.enable();
    rig.ask(0x10, IOVA);
    rig.map(root, IOVA, NEW | PAGE);
    expect(rig.ask(0x11, IOVA)).toBe('0x100000000');
  });
});

describe('walk caches', () => {
  // The table that held the page is replaced by another one, as when it was freed.
  const five = { vmid: 3n, asid: 5n };
  const cases: [name: string, command: Command, verdict: string][] = [
    ['CMD_SYNC alone', [0x46n], 's'],
    ['NH_VA, leaves only', [at(0x12n, five), IOVA | LEAF], 's'],
    ['NH_VA', [at(0x12n, five), IOVA], 'F'],
    ['NH_VA of a neighbour under the same table', [at(0x12n, five), IOVA + 0x3000n], 'F'],
    ['NH_VA under another table', [at(0x12n, five), IOVA + 0x20_0000n], 's'],
    ['NH_VA of another ASID', [at(0x12n, { vmid: 3n, asid: 6n }), IOVA], 's'],
    ['NH_VA of a range with a level', [at(0x12n, { ...five, scale: 9n }), IOVA | ttl(1n, 2n)], 'F'],
    ['NH_VAA', [at(0x13n, { vmid: 3n }), IOVA], 'F'],
    ['NH_ASID', [at(0x11n, five)], 'F'],
    ['NH_ALL', [at(0x10n, { vmid: 3n })], 'F'],
    ['NH_ALL of another VMID', [at(0x10n, { vmid: 4n })], 's'],
    ['S12_VMALL', [at(0x28n, { vmid: 3n })], 'F'],
    ['S2_IPA', [at(0x2an, { vmid: 3n }), IOVA], 's'],
    ['NSNH_ALL', [0x30n], 'F'],
    ['EL2_ALL', [0x20n], 's'],
    ['CFGI_ALL', [4n, 31n], 's'],
  ];
  it.each(cases)('%s', (_, command, verdict) => {
    const rig = new SmmuRig();
    const root = rig.stream(0x10, { asid: 5n }, { vmid: 3n });
    rig.map(root, IOVA, OLD | PAGE);
    rig.map(root, IOVA + 0x1000n, OLD | PAGE);
    rig.enable();
    rig.ask(0x10, IOVA);
    const replacement = rig.page();
    rig.store(replacement + 8n, NEW | PAGE);
    rig.store(rig.entryAt(root, IOVA, 2), replacement | 3n);
    rig.submit(command);
    // The neighbour was never in the TLB, so that only a cached link can lead to the old table.
    expect(rig.ask(0x10, IOVA + 0x1000n) === FRESH ? 'F' : 's').toBe(verdict);
  });
});

describe('nested translations', () => {
  const IPA = 0x7000_0000n;
  const cases: [name: string, commands: Command[], verdict: string][] = [
    ['S2_IPA alone: combined entries stay', [[at(0x2an, { vmid: 3n }), IPA]], 's'],
    ['S2_IPA, then NH_ALL', [[at(0x2an, { vmid: 3n }), IPA], [at(0x10n, { vmid: 3n })]], 'F'],
    ['NH_VA', [[at(0x12n, { vmid: 3n, asid: 5n }), IOVA | LEAF]], 'F'],
    ['NH_VA by the IPA', [[at(0x12n, { vmid: 3n, asid: 5n }), IPA | LEAF]], 's'],
    ['NH_ASID', [[at(0x11n, { vmid: 3n, asid: 5n })]], 'F'],
    ['S12_VMALL', [[at(0x28n, { vmid: 3n })]], 'F'],
    ['S12_VMALL of another VMID', [[at(0x28n, { vmid: 4n })]], 's'],
  ];
  it.each(cases)('%s', (_, commands, verdict) => {
    const rig = new SmmuRig();
    const host = rig.page();
    const root = rig.stream(0x10, { asid: 5n }, { config: 7n, s2ttb: host, vmid: 3n });
    rig.map(root, IOVA, IPA | PAGE);
    for (let block = 0n; block < 0x400_0000n; block += 0x20_0000n) rig.map(host, block, block | S2_BLOCK, 2);
    const leaf = rig.map(host, IPA, OLD | S2_PAGE);
    rig.enable();
    expect(rig.ask(0x10, IOVA)).toBe('0x100000000');
    rig.store(leaf, NEW | S2_PAGE);
    rig.submit(...commands);
    expect(rig.ask(0x10, IOVA) === FRESH ? 'F' : 's').toBe(verdict);
  });
});
