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
const wide = (...words: bigint[]): bigint => words.reduceRight((above, word) => (above << 64n) | word, 0n);

const {
  CAP_REG,
  CCMD_REG,
  CONTEXT_CACHE_DESCRIPTOR,
  CONTEXT_ENTRY,
  DEVICE_TLB_DESCRIPTOR,
  ECAP_REG,
  FRCD_REG,
  FS_ENTRY,
  FSTS_REG,
  GSTS_REG,
  IOTLB_DESCRIPTOR,
  IOTLB_REG,
  IQA_REG,
  PASID_CACHE_DESCRIPTOR,
  PASID_ENTRY,
  PASID_IOTLB_DESCRIPTOR,
  ROOT_ENTRY,
  RTADDR_REG,
  SM_CONTEXT_ENTRY,
  SS_LEAF_ENTRY,
  WAIT_DESCRIPTOR,
} = layouts;

describe('golden words', () => {
  it.each<[string, WordLayout<string>, bigint, Record<string, bigint>]>([
    [
      'CAP of QEMU, 39 bits',
      CAP_REG,
      0xd2_008c_2226_0206n,
      { ND: 6n, SAGAW: 2n, MGAW: 38n, FRO: 0x22n, SSLPS: 3n, PSI: 1n, MAMV: 18n, DWD: 1n, DRD: 1n },
    ],
    ['ECAP of QEMU', ECAP_REG, 0xf42n, { QI: 1n, PT: 1n, IRO: 0xfn }],
    ['ECAP of QEMU, scalable', ECAP_REG, 0x4800_8000_0f42n, { QI: 1n, PT: 1n, IRO: 0xfn, SRS: 1n, SMTS: 1n, SSTS: 1n }],
    ['GSTS of a running Linux', GSTS_REG, 0xc700_0000n, { TES: 1n, RTPS: 1n, QIES: 1n, IRES: 1n, IRTPS: 1n }],
    ['RTADDR, scalable', RTADDR_REG, 0x12_3456_7400n, { RTA: 0x12_3456_7n, TTM: 1n }],
    ['IQA with 256-bit descriptors', IQA_REG, 0x10_0801n, { IQA: 0x100n, DW: 1n, QS: 1n }],
    ['root entry', ROOT_ENTRY, wide(0x10_5001n, 0n), { P: 1n, CTP: 0x105n }],
    [
      'context entry, 39 bits',
      CONTEXT_ENTRY,
      wide(0x10_1001n, 0x1_9d01n),
      { P: 1n, SSPTPTR: 0x101n, AW: 1n, DID: 0x19dn },
    ],
    [
      'context entry of Linux, scalable: PDTS 2',
      SM_CONTEXT_ENTRY,
      wide(0x10_0000_0401n, 0n, 0n, 0n),
      { P: 1n, PASIDDIRPTR: 0x10_0000_0n, PDTS: 2n },
    ],
    ['PASID entry of Linux', PASID_ENTRY, wide(0x20_0089n, 7n), { P: 1n, AW: 2n, PGTT: 2n, SSPTPTR: 0x200n, DID: 7n }],
    ['PASID entry of Linux, pass-through', PASID_ENTRY, wide(0x109n, 1n), { P: 1n, AW: 2n, PGTT: 4n, DID: 1n }],
    ['leaf of Linux, 2 MiB read-only', SS_LEAF_ENTRY, 0x4020_0081n, { R: 1n, PS: 1n, ADDR: 0x40200n }],
    [
      'first-stage leaf: P, RW, US, A, D, XD',
      FS_ENTRY,
      0x8000_0000_1234_5067n,
      { P: 1n, RW: 1n, US: 1n, A: 1n, D: 1n, ADDR: 0x12345n, XD: 1n },
    ],
    ['CCMD, global', CCMD_REG, 0xa000_0000_0000_0000n, { ICC: 1n, CIRG: 1n }],
    ['CCMD, answered', CCMD_REG, 0x2800_0000_0000_0000n, { CIRG: 1n, CAIG: 1n }],
    ['IOTLB, global, answered', IOTLB_REG, 0x1200_0000_0000_0000n, { IIRG: 1n, IAIG: 1n }],
    ['IOTLB, page of domain 0x62', IOTLB_REG, 0xb000_0062_0000_0000n, { IVT: 1n, IIRG: 3n, DID: 0x62n }],
    [
      'context-cache descriptor, device',
      CONTEXT_CACHE_DESCRIPTOR,
      0x18_0005_0031n,
      { TYPE: 1n, G: 3n, DID: 5n, SID: 0x18n },
    ],
    [
      'IOTLB descriptor of Linux',
      IOTLB_DESCRIPTOR,
      wide(0x5_00f2n, 0x1234_5045n),
      { TYPE: 2n, G: 3n, DR: 1n, DW: 1n, DID: 5n, ADDR: 0x12345n, IH: 1n, AM: 5n },
    ],
    [
      'wait descriptor of Linux',
      WAIT_DESCRIPTOR,
      wide(0x2_0000_0025n, 0x1000n),
      { TYPE: 5n, SW: 1n, STDATA: 2n, STADDR: 0x400n },
    ],
    ['PASID-cache descriptor, global', PASID_CACHE_DESCRIPTOR, 0x37n, { TYPE: 7n, G: 3n }],
    ['PASID-cache descriptor, PASID of DID 1', PASID_CACHE_DESCRIPTOR, 0x1_0017n, { TYPE: 7n, G: 1n, DID: 1n }],
    ['PASID-IOTLB descriptor, PASID of DID 1', PASID_IOTLB_DESCRIPTOR, 0x1_0026n, { TYPE: 6n, G: 2n, DID: 1n }],
    [
      'device-TLB descriptor for everything',
      DEVICE_TLB_DESCRIPTOR,
      wide(0x18_0000_0003n, 0x7fff_ffff_ffff_f001n),
      { TYPE: 3n, SID: 0x18n, ADDR: 0x7_ffff_ffff_ffffn, S: 1n },
    ],
    [
      'fault record of QEMU: read, reason 6',
      FRCD_REG,
      wide(0x1_1000n, 0xc000_0006_0000_0018n),
      { F: 1n, T1: 1n, FR: 6n, SID: 0x18n, FI: 0x11n },
    ],
    ['FSTS with an overflow', FSTS_REG, 0x3n, { PPF: 1n, PFO: 1n }],
  ])('%s', (_, layout, word, fields) => {
    expect(decode(layout, word)).toEqual(fields);
  });

  it.each<[string, WordLayout<string>, bigint]>([
    // Reserved bits as other units check them (fact sheet 3.1); bits 11:9 are the type's high part.
    ['context-cache descriptor', CONTEXT_CACHE_DESCRIPTOR, wide(0xfffc_0000_0000_f1c0n, (1n << 64n) - 1n)],
    ['IOTLB descriptor', IOTLB_DESCRIPTOR, wide(0xffff_ffff_0000_f100n, 0xf80n)],
    ['PASID-IOTLB descriptor', PASID_IOTLB_DESCRIPTOR, wide(0xfff0_0000_0000_f1c0n, 0xf80n)],
    ['PASID-cache descriptor', PASID_CACHE_DESCRIPTOR, wide(0xfff0_0000_0000_f1c0n, (1n << 64n) - 1n)],
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
    ['context entry', CONTEXT_ENTRY, wide(0xff0n, 0xffff_ffff_ff00_0080n)],
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
      const fields = CONTEXT_ENTRY.decode(wide(...entry.map(BigInt)));
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
      1: CONTEXT_CACHE_DESCRIPTOR,
      2: IOTLB_DESCRIPTOR,
      4: layouts.INTERRUPT_ENTRY_CACHE_DESCRIPTOR,
      5: WAIT_DESCRIPTOR,
    };
    expect(capture.commands.length).toBeGreaterThan(100);
    for (const [low, high] of capture.commands) {
      const word = wide(BigInt(low!), BigInt(high!));
      const layout = byType[String(word & 0xfn)]!;
      expect(word & layout.reserved).toBe(0n);
    }
  });
});
