import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { WordLayout } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import * as commands from '../../src/layouts/commands.js';
import * as context from '../../src/layouts/context-descriptor.js';
import * as descriptors from '../../src/layouts/descriptors.js';
import * as events from '../../src/layouts/events.js';
import * as registers from '../../src/layouts/registers.js';
import * as streams from '../../src/layouts/stream-table.js';

/*
 * Words that somebody else wrote: a real Linux driver's registers, structures, tables and commands (fixtures/linux-tables), and the
 * positions of the fact sheet, put together by hand.
 */

const { ATC_INV, CFGI_COMMAND, CFGI_STE_RANGE, PRI_RESP, RESUME, SYNC, TLBI_COMMAND } = commands;
const { CD, L1CD } = context;
const { STAGE1_LEAF, STAGE1_TABLE, STAGE2_LEAF } = descriptors;
const { EVENT, PRI_ENTRY } = events;
const {
  CR0,
  CR1,
  CR2,
  GBPA,
  GERROR,
  IDR0,
  IDR1,
  IDR3,
  IDR5,
  IRQ_CTRL,
  QUEUE_BASE,
  QUEUE_INDEX,
  STRTAB_BASE,
  STRTAB_BASE_CFG,
} = registers;
const { L1STD, STE } = streams;

const wide = (...words: bigint[]): bigint => words.reduceRight((above, word) => (above << 64n) | word, 0n);
const setFields = (layout: WordLayout<string>, word: bigint): Record<string, bigint> =>
  Object.fromEntries(Object.entries(layout.decode(word)).filter(([, value]) => value !== 0n));

const golden: readonly [name: string, layout: WordLayout<string>, word: bigint, fields: Record<string, bigint>][] = [
  ['CR0 of a running Linux', CR0, 0xdn, { SMMUEN: 1n, EVENTQEN: 1n, CMDQEN: 1n }],
  ['CR0 with PRI, ATS and VMW', CR0, 0x1d2n, { PRIQEN: 1n, ATSCHK: 1n, VMW: 7n }],
  ['CR1 of Linux', CR1, 0xd75n, { TABLE_SH: 3n, TABLE_OC: 1n, TABLE_IC: 1n, QUEUE_SH: 3n, QUEUE_OC: 1n, QUEUE_IC: 1n }],
  ['CR2 of Linux', CR2, 6n, { PTM: 1n, RECINVSID: 1n }],
  ['IRQ_CTRL of Linux', IRQ_CTRL, 5n, { EVENTQ_IRQEN: 1n, GERROR_IRQEN: 1n }],
  ['GBPA, abort asked for', GBPA, 0x8010_0000n, { UPDATE: 1n, ABORT: 1n }],
  ['GERROR, each kind', GERROR, 0x1fdn, Object.fromEntries(Object.keys(GERROR.fields).map((name) => [name, 1n]))],
  ['STRTAB_BASE of Linux', STRTAB_BASE, 0x4000_0001_03c1_d000n, { RA: 1n, ADDR: 0x1_03c1_d000n >> 6n }],
  ['STRTAB_BASE_CFG of Linux', STRTAB_BASE_CFG, 0x1_0210n, { FMT: 1n, SPLIT: 8n, LOG2SIZE: 16n }],
  ['CMDQ_BASE of Linux', QUEUE_BASE, 0x4000_0000_fc20_0010n, { HINT: 1n, ADDR: 0xfc20_0000n >> 5n, LOG2SIZE: 16n }],
  ['EVENTQ_PROD after an overflow', QUEUE_INDEX, 0x8000_0004n, { OVERFLOW: 1n, INDEX: 4n }],
  ['CMDQ_CONS at an illegal command', QUEUE_INDEX, 0x0100_0006n, { ERR: 1n, INDEX: 6n }],
  [
    "IDR0 of QEMU's unit",
    IDR0,
    0x0d40_101an,
    { ST_LEVEL: 1n, TERM_MODEL: 1n, STALL_MODEL: 1n, TTENDIAN: 2n, ASID16: 1n, COHACC: 1n, TTF: 2n, S1P: 1n },
  ],
  ["IDR1 of QEMU's unit", IDR1, 0x0273_0010n, { CMDQS: 19n, EVENTQS: 19n, SIDSIZE: 16n }],
  ["IDR3 of QEMU's unit", IDR3, 0x1404n, { HAD: 1n, RIL: 1n, BBML: 2n }],
  ['IDR3 with PPS', IDR3, 0x424n, { HAD: 1n, PPS: 1n, RIL: 1n }],
  ["IDR5 of QEMU's unit", IDR5, 0x74n, { OAS: 4n, GRAN4K: 1n, GRAN16K: 1n, GRAN64K: 1n }],
  ['IDR5 with 52 bits and 16 stalls', IDR5, 0x10_0416n, { OAS: 6n, GRAN4K: 1n, VAX: 1n, STALL_MAX: 16n }],
  ['L1STD of 256 entries', L1STD, 0xfc18_0009n, { SPAN: 9n, L2PTR: 0xfc18_0000n >> 6n }],
  [
    'STE of Linux, stage 1',
    STE,
    wide(0x1_03d8_700bn, 0xd6n, 0n, 0n, 0n, 0n, 0n, 0n),
    { V: 1n, CONFIG: 5n, S1CONTEXTPTR: 0x1_03d8_7000n >> 6n, S1DSS: 2n, S1CIR: 1n, S1COR: 1n, S1CSH: 3n },
  ],
  [
    'STE, both stages, word by word',
    STE,
    wide(0xa000_0000_0000_101fn, 0x0000_1000_5800_0000n, 0x0675_c03f_0010_0000n | 0x1234n, 0xf_ffff_ffff_fff0n),
    {
      V: 1n,
      CONFIG: 7n,
      S1FMT: 1n,
      S1CONTEXTPTR: 64n,
      S1CDMAX: 20n,

      S1STALLD: 1n,
      EATS: 1n,
      STRW: 1n,
      SHCFG: 1n,

      S2VMID: 4660n,
      S2T0SZ: 63n,
      S2TG: 3n,
      S2PS: 5n,
      S2ENDI: 1n,
      S2AFFD: 1n,
      S2PTW: 1n,
      S2S: 1n,
      S2R: 1n,
      S2TTB: 281474976710655n,
    },
  ],
  ['L1CD', L1CD, 0x1_2345_6001n, { V: 1n, L2PTR: 0x12_3456n }],
  [
    'CD of Linux',
    CD,
    wide(0x0002_e204_c000_3510n, 0x1_03d3_6000n, 0n, 0xffff_ffff_f404_ff44n),
    {
      T0SZ: 16n,
      IR0: 1n,
      OR0: 1n,
      SH0: 3n,
      EPD1: 1n,
      V: 1n,
      IPS: 4n,
      AA64: 1n,
      R: 1n,
      A: 1n,
      ASET: 1n,

      ASID: 2n,
      TTB0: 4359151616n >> 4n,
      MAIR: 18446744073508552516n,
    },
  ],
  [
    'CD, the other fields',
    CD,
    wide(0x0000_1dff_25bf_0055n | (1n << 14n), 3n, 2n << 60n, 0n, 7n),
    {
      T0SZ: 21n,
      TG0: 1n,
      EPD0: 1n,
      T1SZ: 63n,
      TG1: 2n,
      IR1: 1n,
      OR1: 1n,
      SH1: 2n,

      IPS: 7n,
      AFFD: 1n,
      WXN: 1n,
      UWXN: 1n,
      TBI0: 1n,
      TBI1: 1n,
      PAN: 1n,
      HD: 1n,
      HA: 1n,
      S: 1n,

      NSCFG0: 1n,
      HAD0: 1n,
      HWU1: 2n,
      AMAIR: 7n,
    },
  ],
  [
    'stage 1 page of Linux',
    STAGE1_LEAF,
    0x1_03dc_0f47n,
    { VALID: 1n, TYPE: 1n, ATTR: 1n, AP1: 1n, SH: 3n, AF: 1n, NG: 1n, OA: 0x1_03dcn },
  ],
  [
    'stage 1 doorbell of Linux',
    STAGE1_LEAF,
    0x0060_0000_0809_0e4bn,
    { VALID: 1n, TYPE: 1n, ATTR: 2n, AP1: 1n, SH: 2n, AF: 1n, NG: 1n, OA: 0x809n, UXN: 1n, PXN: 1n },
  ],
  [
    'stage 1, dirty state and run',
    STAGE1_LEAF,
    0x0018_0000_0000_0081n,
    { VALID: 1n, AP2: 1n, DBM: 1n, CONTIGUOUS: 1n },
  ],
  [
    'table with every restriction',
    STAGE1_TABLE,
    0xf800_0001_03d8_0003n,
    { VALID: 1n, TYPE: 1n, NSTABLE: 1n, APTABLE1: 1n, APTABLE0: 1n, XNTABLE: 1n, PXNTABLE: 1n },
  ],
  [
    'stage 2 page, write-back',
    STAGE2_LEAF,
    0x0040_0001_0000_07ffn,
    { VALID: 1n, TYPE: 1n, MEMATTR: 15n, S2AP0: 1n, S2AP1: 1n, SH: 3n, AF: 1n, OA: 0x1_0000n, XN: 2n },
  ],
  ['CFGI_ALL of Linux', CFGI_STE_RANGE, wide(4n, 0x1fn), { OPCODE: 4n, RANGE: 31n }],
  ['CFGI_CD of Linux', CFGI_COMMAND, wide(0xf8_0000_0005n, 1n), { OPCODE: 5n, SID: 0xf8n, LEAF: 1n }],
  [
    'CFGI_CD of a secure substream',
    CFGI_COMMAND,
    wide(0x10_1234_5c05n, 0n),
    { OPCODE: 5n, SSEC: 1n, SSV: 1n, SSID: 0x1_2345n, SID: 0x10n },
  ],
  ['TLBI_NH_ASID of Linux', TLBI_COMMAND, wide(0x0001_0000_0000_0011n, 0n), { OPCODE: 0x11n, ASID: 1n }],
  [
    'TLBI_NH_VA of Linux',
    TLBI_COMMAND,
    wide(0x0002_0000_0000_0012n, 0xffff_8701n),
    { OPCODE: 0x12n, ASID: 2n, LEAF: 1n, TTL: 3n, TG: 1n, ADDRESS: 0xf_fff8n },
  ],
  [
    'TLBI with a VMID and a range',
    TLBI_COMMAND,
    wide(0x0000_0007_01f1_f02an, 0n),
    { OPCODE: 0x2an, VMID: 7n, SCALE: 31n, NUM: 31n },
  ],
  [
    'ATC_INV of a global substream',
    ATC_INV,
    wide(0x10_0000_7a40n, 0x1234_5003n),
    { OPCODE: 0x40n, G: 1n, SSV: 1n, SSID: 7n, SID: 0x10n, SIZE: 3n, ADDRESS: 0x1_2345n },
  ],
  ['PRI_RESP', PRI_RESP, wide(0x10_0000_0041n, 0x21ffn), { OPCODE: 0x41n, SID: 0x10n, PRGINDEX: 0x1ffn, RESP: 2n }],
  [
    'RESUME with a retry',
    RESUME,
    wide(0x10_0000_1044n, 0xbeefn),
    { OPCODE: 0x44n, SID: 0x10n, ACTION: 1n, STAG: 0xbeefn },
  ],
  ['CMD_SYNC of Linux', SYNC, wide(0x0fc0_2046n, 0n), { OPCODE: 0x46n, CS: 2n, MSH: 3n, MSIATTR: 15n }],
  [
    'CMD_SYNC with a message',
    SYNC,
    wide(0x1234_5678_0000_1046n, 0x4100_0020n),
    { OPCODE: 0x46n, CS: 1n, MSIDATA: 0x1234_5678n, MSIADDRESS: 0x4100_0020n >> 2n },
  ],
  [
    'event of a write, privileged, stalled',
    EVENT,
    wide(0x10_0000_1810n, 0x0000_0286_8000_0005n, 0x1234n, 0x7000n),
    {
      ID: 0x10n,
      SSV: 1n,
      SSID: 1n,
      SID: 0x10n,
      STAG: 5n,
      STALL: 1n,
      PNU: 1n,
      IND: 1n,
      S2: 1n,
      CLASS: 2n,
      ADDRESS: 0x1234n,
      IPA: 0x7000n,
    },
  ],
  ['event that QEMU wrote for a read', EVENT, wide(0x8_0000_0010n, 0x8_0000_0000n), { ID: 0x10n, SID: 8n, RNW: 1n }],
  [
    'PRI entry',
    PRI_ENTRY,
    wide(0xf400_0003_0000_0010n, 0x1234_5005n),
    { SID: 0x10n, SSID: 3n, PRIV: 1n, READ: 1n, WRITE: 1n, LAST: 1n, SSV: 1n, PRGINDEX: 5n, ADDRESS: 0x1_2345n },
  ],
];

describe('golden words', () => {
  it.each(golden)('%s', (_, layout, word, fields) => {
    expect(setFields(layout, word)).toEqual(fields);
    // Leaves keep further address bits beside the fields; what has a name comes back as it was.
    const named = Object.keys(layout.fields).reduce((mask, field) => mask | layout.mask(field), 0n);
    expect(layout.encode(fields)).toBe(word & named);
  });

  it('cover every layout, and every field of it that software and unit exchange', () => {
    const modules: object[] = [commands, context, descriptors, events, registers, streams];
    const layouts = modules.flatMap((module) => Object.values(module)).filter((value) => isLayout(value));
    const covered = new Set(golden.map(([, layout]) => layout.name));
    expect(layouts.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });

  it('are those of the snapshot', () => {
    const file = new URL('../../../../fixtures/linux-tables/smmuv3-linux-6.12-4k.json.gz', import.meta.url);
    const {
      regs,
      streams: found,
      commands: queued,
    } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as {
      regs: Record<string, string>;
      streams: { ste: string[]; cd: string[] }[];
      commands: [string, string][];
    };
    const words = [
      ...Object.values(regs).map(BigInt),
      BigInt(regs['0x080']!) | (BigInt(regs['0x084']!) << 32n),
      BigInt(regs['0x090']!) | (BigInt(regs['0x094']!) << 32n),
      ...found.flatMap(({ ste, cd }) => [wide(...ste.map(BigInt)), wide(...cd.map(BigInt))]),
      ...queued.map(([low, high]) => wide(BigInt(low), BigInt(high))),
    ];
    const named = golden.filter(([name]) => name.endsWith('of Linux') && !name.startsWith('stage 1'));
    expect(named.filter(([, , word]) => !words.includes(word)).map(([name]) => name)).toEqual([]);
    expect(named.length).toBeGreaterThan(10);
  });
});

const isLayout = (value: unknown): value is WordLayout<string> =>
  typeof value === 'object' && value !== null && 'encode' in value && 'decode' in value;
