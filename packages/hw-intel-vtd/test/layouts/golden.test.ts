import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { WordLayout } from '@ioasis/core';
import * as layouts from '../../src/layouts/index.js';

/*
 * Words that somebody else wrote: QEMU's registers, tables and commands of a real Linux driver (fixtures/linux-tables), examples of
 * the fact sheet.
 */

const decode = (layout: WordLayout<string>, word: bigint): Record<string, bigint> =>
  Object.fromEntries(Object.entries(layout.decode(word)).filter(([, value]) => value !== 0n));
const M = (1n << 64n) - 1n;
const wide = (...words: bigint[]): bigint => words.reduceRight((above, word) => (above << 64n) | word, 0n);

type Golden = readonly [title: string, layout: WordLayout<string>, word: bigint, fields: Record<string, bigint>];

const GOLDEN: readonly Golden[] = [
  [
    'CAP of QEMU, 39 bits',
    layouts.CAP_REG,
    0xd2_008c_2226_0206n,
    { ND: 6n, SAGAW: 2n, MGAW: 38n, FRO: 0x22n, SSLPS: 3n, PSI: 1n, MAMV: 18n, DWD: 1n, DRD: 1n },
  ],
  ['ECAP of QEMU', layouts.ECAP_REG, 0xf42n, { QI: 1n, PT: 1n, IRO: 0xfn }],
  [
    'ECAP of QEMU, scalable',
    layouts.ECAP_REG,
    0x4800_8000_0f42n,
    { QI: 1n, PT: 1n, IRO: 0xfn, SRS: 1n, SMTS: 1n, SSTS: 1n },
  ],
  ['GSTS of a running Linux', layouts.GSTS_REG, 0xc700_0000n, { TES: 1n, RTPS: 1n, QIES: 1n, IRES: 1n, IRTPS: 1n }],
  ['RTADDR, scalable', layouts.RTADDR_REG, 0x12_3456_7400n, { RTA: 0x12_3456_7n, TTM: 1n }],
  ['IQA with 256-bit descriptors', layouts.IQA_REG, 0x10_0801n, { IQA: 0x100n, DW: 1n, QS: 1n }],
  ['root entry', layouts.ROOT_ENTRY, wide(0x10_5001n, 0n), { P: 1n, CTP: 0x105n }],
  [
    'context entry, 39 bits',
    layouts.CONTEXT_ENTRY,
    wide(0x10_1001n, 0x1_9d01n),
    { P: 1n, SSPTPTR: 0x101n, AW: 1n, DID: 0x19dn },
  ],
  [
    'context entry of Linux, scalable: PDTS 2',
    layouts.SM_CONTEXT_ENTRY,
    wide(0x10_0000_0401n, 0n, 0n, 0n),
    { P: 1n, PASIDDIRPTR: 0x10_0000_0n, PDTS: 2n },
  ],
  [
    'PASID entry of Linux',
    layouts.PASID_ENTRY,
    wide(0x20_0089n, 7n),
    { P: 1n, AW: 2n, PGTT: 2n, SSPTPTR: 0x200n, DID: 7n },
  ],
  ['PASID entry of Linux, pass-through', layouts.PASID_ENTRY, wide(0x109n, 1n), { P: 1n, AW: 2n, PGTT: 4n, DID: 1n }],
  ['leaf of Linux, 2 MiB read-only', layouts.SS_LEAF_ENTRY, 0x4020_0081n, { R: 1n, PS: 1n, ADDR: 0x40200n }],
  [
    'first-stage leaf: P, RW, US, A, D, XD',
    layouts.FS_ENTRY,
    0x8000_0000_1234_5067n,
    { P: 1n, RW: 1n, US: 1n, A: 1n, D: 1n, ADDR: 0x12345n, XD: 1n },
  ],
  ['CCMD, global', layouts.CCMD_REG, 0xa000_0000_0000_0000n, { ICC: 1n, CIRG: 1n }],
  ['CCMD, answered', layouts.CCMD_REG, 0x2800_0000_0000_0000n, { CIRG: 1n, CAIG: 1n }],
  ['IOTLB, global, answered', layouts.IOTLB_REG, 0x1200_0000_0000_0000n, { IIRG: 1n, IAIG: 1n }],
  ['IOTLB, page of domain 0x62', layouts.IOTLB_REG, 0xb000_0062_0000_0000n, { IVT: 1n, IIRG: 3n, DID: 0x62n }],
  [
    'context-cache descriptor, device',
    layouts.CONTEXT_CACHE_DESCRIPTOR,
    0x18_0005_0031n,
    { TYPE: 1n, G: 3n, DID: 5n, SID: 0x18n },
  ],
  [
    'IOTLB descriptor of Linux',
    layouts.IOTLB_DESCRIPTOR,
    wide(0x5_00f2n, 0x1234_5045n),
    { TYPE: 2n, G: 3n, DR: 1n, DW: 1n, DID: 5n, ADDR: 0x12345n, IH: 1n, AM: 5n },
  ],
  [
    'wait descriptor of Linux',
    layouts.WAIT_DESCRIPTOR,
    wide(0x2_0000_0025n, 0x1000n),
    { TYPE: 5n, SW: 1n, STDATA: 2n, STADDR: 0x400n },
  ],
  ['PASID-cache descriptor, global', layouts.PASID_CACHE_DESCRIPTOR, 0x37n, { TYPE: 7n, G: 3n }],
  ['PASID-cache descriptor, PASID of DID 1', layouts.PASID_CACHE_DESCRIPTOR, 0x1_0017n, { TYPE: 7n, G: 1n, DID: 1n }],
  ['PASID-IOTLB descriptor, PASID of DID 1', layouts.PASID_IOTLB_DESCRIPTOR, 0x1_0026n, { TYPE: 6n, G: 2n, DID: 1n }],
  [
    'device-TLB descriptor for everything',
    layouts.DEVICE_TLB_DESCRIPTOR,
    wide(0x18_0000_0003n, 0x7fff_ffff_ffff_f001n),
    { TYPE: 3n, SID: 0x18n, ADDR: 0x7_ffff_ffff_ffffn, S: 1n },
  ],
  [
    'fault record of QEMU: read, reason 6',
    layouts.FRCD_REG,
    wide(0x1_1000n, 0xc000_0006_0000_0018n),
    { F: 1n, T1: 1n, FR: 6n, SID: 0x18n, FI: 0x11n },
  ],
  ['FSTS with an overflow', layouts.FSTS_REG, 0x3n, { PPF: 1n, PFO: 1n }],
  ['version 6.0', layouts.VER_REG, 0x60n, { MAJOR: 6n }],
  ['GCMD, switching on', layouts.GCMD_REG, 0xc400_0000n, { TE: 1n, SRTP: 1n, QIE: 1n }],
  [
    'scalable-mode root entry',
    layouts.SM_ROOT_ENTRY,
    wide(0x10_5001n, 0x10_6001n),
    { LP: 1n, LCTP: 0x105n, UP: 1n, UCTP: 0x106n },
  ],
  [
    'scalable-mode context entry, everything on',
    layouts.SM_CONTEXT_ENTRY,
    wide(0x10_0e1fn, 0x10_0042n, 0n, 0n),
    { P: 1n, FPD: 1n, DTE: 1n, PASIDE: 1n, PRE: 1n, PDTS: 7n, PASIDDIRPTR: 0x100n, RID_PASID: 0x42n, RID_PRIV: 1n },
  ],
  ['PASID directory entry', layouts.PASID_DIRECTORY_ENTRY, 0x20_0003n, { P: 1n, FPD: 1n, SMPTBLPTR: 0x200n }],
  [
    'PASID entry, nested, everything on',
    layouts.PASID_ENTRY,
    wide(0x20_02ebn, 0x7_0406_f780_0007n, 0x30_00f7n),
    {
      P: 1n,
      FPD: 1n,
      AW: 2n,
      SSEE: 1n,
      PGTT: 3n,
      SSADE: 1n,
      SSPTPTR: 0x200n,
      DID: 7n,
      PWSNP: 1n,
      PGSNP: 1n,
      CD: 1n,
      EMTE: 1n,
      EMT: 6n,
      PWT: 1n,
      PCD: 1n,
      PAT: 0x7_0406n,
      SRE: 1n,
      ERE: 1n,
      FSPM: 1n,
      WPE: 1n,
      NXE: 1n,
      SMEP: 1n,
      EAFE: 1n,
      FSPTPTR: 0x300n,
    },
  ],
  [
    'second-stage table of Linux, accessed',
    layouts.SS_TABLE_ENTRY,
    0x1234_5103n,
    { R: 1n, W: 1n, A: 1n, ADDR: 0x12345n },
  ],
  [
    'second-stage page, everything on',
    layouts.SS_LEAF_ENTRY,
    0x4000_0000_4020_0bf7n,
    { R: 1n, W: 1n, X: 1n, EMT: 6n, IPAT: 1n, PS: 1n, A: 1n, D: 1n, SNP: 1n, ADDR: 0x40200n, TM: 1n },
  ],
  [
    'first-stage large page, global, extended accessed',
    layouts.FS_ENTRY,
    0x4020_059fn,
    { P: 1n, RW: 1n, US: 1n, PWT: 1n, PCD: 1n, PS: 1n, G: 1n, EA: 1n, ADDR: 0x40200n },
  ],
  [
    'context-cache descriptor, FM 1',
    layouts.CONTEXT_CACHE_DESCRIPTOR,
    0x1_001c_0005_0031n,
    { TYPE: 1n, G: 3n, DID: 5n, SID: 0x1cn, FM: 1n },
  ],
  [
    'PASID-IOTLB descriptor, pages',
    layouts.PASID_IOTLB_DESCRIPTOR,
    wide(0x3_0005_0036n, 0x1234_5045n),
    { TYPE: 6n, G: 3n, DID: 5n, PASID: 3n, ADDR: 0x12345n, IH: 1n, AM: 5n },
  ],
  [
    'device-TLB descriptor with throttling',
    layouts.DEVICE_TLB_DESCRIPTOR,
    0x120_0018_0005_3003n,
    { TYPE: 3n, PFSID_LO: 3n, MIP: 5n, SID: 0x18n, PFSID_HI: 0x12n },
  ],
  [
    'PASID device-TLB descriptor',
    layouts.PASID_DEVICE_TLB_DESCRIPTOR,
    wide(0x120_0042_0018_3058n, 0x1234_5801n),
    { TYPE: 8n, MIP: 5n, PFSID_LO: 3n, SID: 0x18n, PASID: 0x42n, PFSID_HI: 0x12n, G: 1n, S: 1n, ADDR: 0x12345n },
  ],
  [
    'interrupt-entry-cache descriptor, 8 entries',
    layouts.INTERRUPT_ENTRY_CACHE_DESCRIPTOR,
    0x55_1800_0014n,
    { TYPE: 4n, G: 1n, IM: 3n, IIDX: 0x55n },
  ],
  [
    'wait descriptor, all flags',
    layouts.WAIT_DESCRIPTOR,
    wide(0x2_0000_00f5n, 0x1000n),
    { TYPE: 5n, IF: 1n, SW: 1n, FN: 1n, PD: 1n, STDATA: 2n, STADDR: 0x400n },
  ],
  [
    'page-group response, invalid request',
    layouts.PAGE_GROUP_RESPONSE_DESCRIPTOR,
    wide(0x42_0018_1019n, 0xaacn),
    { TYPE: 9n, PP: 1n, RC: 1n, RID: 0x18n, PASID: 0x42n, LPIG: 1n, PRGI: 0x155n },
  ],
  [
    'page request',
    layouts.PAGE_REQUEST,
    wide(0x30_0042_0018_0101n, 0x7fff_1234_5aafn, 0n, 0n),
    {
      TYPE: 1n,
      PP: 1n,
      RID: 0x18n,
      PASID: 0x42n,
      EXR: 1n,
      PRIV: 1n,
      RD: 1n,
      WR: 1n,
      LPIG: 1n,
      PRGI: 0x155n,
      ADDR: 0x7_fff1_2345n,
    },
  ],
  [
    'fault record of an instruction fetch with PASID',
    layouts.FRCD_REG,
    wide(0x1_1000n, 0xd000_4259_f000_0018n),
    { F: 1n, T1: 1n, AT: 1n, PASID: 0x42n, FR: 0x59n, PP: 1n, EXE: 1n, PRIV: 1n, T2: 1n, SID: 0x18n, FI: 0x11n },
  ],
  ['FSTS, all queue errors, FRI 5', layouts.FSTS_REG, 0x572n, { PPF: 1n, IQE: 1n, ICE: 1n, ITE: 1n, FRI: 5n }],
  ['IVA, 2^18 pages with IH', layouts.IVA_REG, 0x4000_0052n, { ADDR: 0x40000n, IH: 1n, AM: 18n }],
  [
    'CCMD, device with FM 2',
    layouts.CCMD_REG,
    0xe000_0002_0018_0005n,
    { ICC: 1n, CIRG: 3n, FM: 2n, SID: 0x18n, DID: 5n },
  ],
  [
    'IOTLB, drained',
    layouts.IOTLB_REG,
    0xa403_0005_0000_0000n,
    { IVT: 1n, IIRG: 2n, IAIG: 2n, DR: 1n, DW: 1n, DID: 5n },
  ],
  ['IQT, fourth descriptor', layouts.IQ_INDEX_REG, 0x40n, { INDEX: 4n }],
  ['ICS', layouts.ICS_REG, 1n, { IWC: 1n }],
  ['IQERCD', layouts.IQERCD_REG, 0x19_0018_0000_0004n, { IQEI: 4n, ITESID: 0x18n, ICESID: 0x19n }],
  ['PQT, third request', layouts.PQ_INDEX_REG, 0x60n, { INDEX: 3n }],
  ['PQA', layouts.PQA_REG, 0x12_0001n, { PQA: 0x120n, PQS: 1n }],
  ['PRS', layouts.PRS_REG, 3n, { PPR: 1n, PRO: 1n }],
  ['PMEN', layouts.PMEN_REG, 0x8000_0001n, { EPM: 1n, PRS: 1n }],
  ['PLMBASE', layouts.PLM_REG, 0x40_0000n, { ADDR: 2n }],
  ['PHMLIMIT', layouts.PHM_REG, 0x1_0020_0000n, { ADDR: 0x801n }],
  ['FECTL, masked and pending', layouts.EVENT_CTL_REG, 0xc000_0000n, { IM: 1n, IP: 1n }],
  ['FEDATA', layouts.EVENT_DATA_REG, 0x32n, { IMD: 0x32n }],
  ['FEADDR', layouts.EVENT_ADDR_REG, 0xfee0_2000n, { MA: 0x3fb8_0800n }],
  ['FEUADDR', layouts.EVENT_UADDR_REG, 1n, { MUA: 1n }],
  ['IRTA', layouts.IRTA_REG, 0x10_080fn, { IRTA: 0x100n, EIME: 1n, S: 15n }],
];

describe('golden words', () => {
  it.each(GOLDEN)('%s', (_, layout, word, fields) => {
    expect(decode(layout, word)).toEqual(fields);
  });

  it('are there for every layout', () => {
    const all = Object.entries(layouts).filter(([, value]) => typeof value === 'object' && 'decode' in value);
    const covered = new Set(GOLDEN.map(([, layout]) => layout));
    expect(all.filter(([, layout]) => !covered.has(layout as WordLayout<string>)).map(([name]) => name)).toEqual([]);
    expect(all.length).toBeGreaterThan(35);
  });

  it.each<[string, WordLayout<string>, bigint]>([
    // Reserved bits as other units check them (fact sheet 3.1); bits 11:9 are the type's high part.
    ['context-cache descriptor', layouts.CONTEXT_CACHE_DESCRIPTOR, wide(0xfffc_0000_0000_f1c0n, (1n << 64n) - 1n)],
    ['IOTLB descriptor', layouts.IOTLB_DESCRIPTOR, wide(0xffff_ffff_0000_f100n, 0xf80n)],
    ['PASID-IOTLB descriptor', layouts.PASID_IOTLB_DESCRIPTOR, wide(0xfff0_0000_0000_f1c0n, 0xf80n)],
    ['PASID-cache descriptor', layouts.PASID_CACHE_DESCRIPTOR, wide(0xfff0_0000_0000_f1c0n, (1n << 64n) - 1n)],
    [
      'interrupt-entry-cache descriptor',
      layouts.INTERRUPT_ENTRY_CACHE_DESCRIPTOR,
      wide(0xffff_0000_07ff_f1e0n, (1n << 64n) - 1n),
    ],
    [
      'page-group response',
      layouts.PAGE_GROUP_RESPONSE_DESCRIPTOR,
      wide(0xfff0_0000_0000_01e0n, 0xffff_ffff_ffff_f003n),
    ],
    ['context entry', layouts.CONTEXT_ENTRY, wide(0xff0n, 0xffff_ffff_ff00_0080n)],
    ['scalable-mode context entry', layouts.SM_CONTEXT_ENTRY, wide(0x1e0n, 0xffff_ffff_ffe0_0000n, M, M)],
    ['PASID device-TLB descriptor', layouts.PASID_DEVICE_TLB_DESCRIPTOR, wide(0n, 0x7fen)],
    ['device-TLB descriptor', layouts.DEVICE_TLB_DESCRIPTOR, wide(0xf_0000_ffe0_01f0n, 0xffen)],
  ])('reserved bits of the %s', (_, layout, mask) => {
    expect(layout.reserved.toString(16)).toBe(mask.toString(16));
  });
});

describe('a capture of Linux', () => {
  interface Capture {
    readonly devices: readonly {
      readonly entry: readonly string[];
      readonly domain: number;
      readonly table_root: string;
      readonly levels: number;
    }[];
    readonly commands: readonly (readonly (string | number)[])[];
  }
  const file = new URL('../../../../fixtures/linux-tables/vtd-linux-6.12-aw39.json.gz', import.meta.url);
  const capture = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Capture;

  it('has context entries that decode to what the capture says of them', () => {
    expect(capture.devices.length).toBeGreaterThan(10);
    for (const { entry, domain, table_root: root, levels } of capture.devices) {
      const fields = layouts.CONTEXT_ENTRY.decode(wide(...entry.map(BigInt)));
      expect(fields).toMatchObject({
        P: 1n,
        TT: 0n,
        DID: BigInt(domain),
        SSPTPTR: BigInt(root) >> 12n,
        AW: BigInt(levels - 2),
      });
    }
  });

  it('has only commands without reserved bits', () => {
    const byType: Record<string, WordLayout<string>> = {
      1: layouts.CONTEXT_CACHE_DESCRIPTOR,
      2: layouts.IOTLB_DESCRIPTOR,
      4: layouts.INTERRUPT_ENTRY_CACHE_DESCRIPTOR,
      5: layouts.WAIT_DESCRIPTOR,
    };
    expect(capture.commands.length).toBeGreaterThan(100);
    for (const [low, high] of capture.commands) {
      const word = wide(BigInt(low!), BigInt(high!));
      const layout = byType[String(word & 0xfn)]!;
      expect(word & layout.reserved).toBe(0n);
    }
  });
});
