import { readFileSync } from 'node:fs';
import { write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { decodeEvent, eventLine, parseEventLine } from '../../src/index.js';
import { EventCode, type EventName } from '../../src/layouts/events.js';
import {
  COMMANDS,
  DTE_RW,
  EXECUTE,
  HOLE,
  invalidateIotlb,
  PTE_RO,
  PTE_RW,
  READ,
  Rig,
  TRANSLATED,
  TRANSLATION_REQUEST,
  WRITE,
} from './rig.js';

/** Device 00:01.0, in domain 5. */
const DEV = 8;
const IOVA = 0x12_3456_7abcn;
const ANY = 0x1_2345_6000n;

/** One way to an event. The words are spelled out from the fact sheet: code, flags, DomainID or PASID, DeviceID; address. */
interface Case {
  readonly name: EventName;
  readonly when: string;
  readonly cause: (rig: Rig) => void;
  readonly words: readonly [bigint, bigint];
}

const entry =
  (low: bigint, upper = 5n): ((rig: Rig) => void) =>
  (rig) =>
    rig.dte(DEV, low, upper);
const ask =
  (iova: bigint, access: number, pasid?: number): ((rig: Rig) => void) =>
  (rig) =>
    void rig.ask(DEV, iova, access, pasid);
const both =
  (...steps: ((rig: Rig) => void)[]): ((rig: Rig) => void) =>
  (rig) =>
    steps.forEach((step) => step(rig));
const mapped =
  (leaf: bigint): ((rig: Rig) => void) =>
  (rig) =>
    void rig.mapHost(rig.hostDevice(DEV, 5, 4), 4, IOVA, leaf);
/** A device on guest tables: GCR3 table of one level at `at`. */
const guest = (at: bigint): ((rig: Rig) => void) =>
  entry(
    DTE_RW | (1n << 55n) | (((at >> 12n) & 7n) << 58n),
    5n | (((at >> 15n) & 0xffffn) << 16n) | ((at >> 31n) << 43n),
  );

const CASES: readonly Case[] = [
  {
    name: 'ILLEGAL_DEV_TABLE_ENTRY',
    when: 'DeviceID beyond the table, write',
    cause: (rig) => void rig.ask(0x200, IOVA, WRITE),
    words: [0x1020_0000_0000_0200n, IOVA],
  },
  {
    name: 'ILLEGAL_DEV_TABLE_ENTRY',
    when: 'reserved bit, read',
    cause: both(entry(DTE_RW | 4n), ask(IOVA, READ)),
    words: [0x1080_0000_0000_0008n, IOVA],
  },
  {
    name: 'ILLEGAL_DEV_TABLE_ENTRY',
    when: 'Mode 7, request with PASID 0x12345',
    cause: both(entry(DTE_RW | 0xe00n), ask(IOVA, READ, 0x1_2345)),
    words: [0x1081_2345_0001_0008n, IOVA],
  },
  {
    name: 'ILLEGAL_DEV_TABLE_ENTRY',
    when: 'GV = 1 while GTEn = 0',
    cause: both((rig) => rig.control({ GT_EN: 0 }), guest(0x60_0000n), ask(IOVA, READ)),
    words: [0x1080_0000_0000_0008n, IOVA],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'TV = 0',
    cause: both(entry(1n), ask(IOVA, WRITE)),
    words: [0x2000_0005_0000_0008n, IOVA],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'PR = 0, write',
    cause: both(mapped(0n), ask(IOVA, WRITE)),
    words: [0x2000_0005_0000_0008n, IOVA],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'beyond Mode',
    cause: both(mapped(0n), ask(1n << 60n, READ)),
    words: [0x2000_0005_0000_0008n, 1n << 60n],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'IW = 0 in the leaf, write',
    cause: both(mapped(ANY | PTE_RO), ask(IOVA, WRITE)),
    words: [0x2070_0005_0000_0008n, IOVA],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'IR = 0 in the DTE, read',
    cause: both(entry(0x4000_0000_0000_0003n), ask(IOVA, READ)),
    words: [0x2050_0005_0000_0008n, IOVA],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'reserved bit in the leaf, read',
    cause: both(mapped(ANY | PTE_RW | (1n << 52n)), ask(IOVA, READ)),
    words: [0x2090_0005_0000_0008n, IOVA],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'interrupts blocked: IV = 1, IntCtl = 0',
    cause: both((rig) => rig.dte(DEV, DTE_RW, 5n, 1n), ask(0xfee0_1000n, WRITE)),
    words: [0x2008_0005_0000_0008n, 0xfee0_1000n],
  },
  {
    name: 'IO_PAGE_FAULT',
    when: 'PASID 0x56 without a GCR3 entry, instruction fetch by a user',
    cause: both(guest(0x60_0000n), ask(IOVA, READ | EXECUTE, 0x56)),
    words: [0x2007_0056_0000_0008n, IOVA],
  },
  {
    name: 'DEV_TAB_HARDWARE_ERROR',
    when: 'no memory at the entry',
    cause: both((rig) => write64(rig.unit, 0, HOLE | 3n), ask(IOVA, WRITE)),
    words: [0x3220_0000_0000_0008n, HOLE + 0x100n],
  },
  {
    name: 'PAGE_TAB_HARDWARE_ERROR',
    when: 'no memory at a host table',
    cause: both(entry(HOLE | DTE_RW | 0x800n), ask(IOVA, READ)),
    words: [0x4200_0005_0000_0008n, HOLE],
  },
  {
    name: 'PAGE_TAB_HARDWARE_ERROR',
    when: 'no memory at the GCR3 table, PASID 0x56',
    cause: both(guest(HOLE), ask(IOVA, READ, 0x56)),
    words: [0x4201_0056_0000_0008n, HOLE + 8n * 0x56n],
  },
  {
    name: 'ILLEGAL_COMMAND_ERROR',
    when: 'reserved opcode',
    cause: (rig) => rig.command(0xf000_0000_0000_0000n),
    words: [0x5000_0000_0000_0000n, COMMANDS],
  },
  {
    name: 'COMMAND_HARDWARE_ERROR',
    when: 'no memory at the command',
    cause: (rig) => {
      rig.control({ CMD_BUF_EN: 0 });
      write64(rig.unit, 8, HOLE | (8n << 56n));
      rig.control({ CMD_BUF_EN: 1 });
      write64(rig.unit, 0x2008, 0x10n);
    },
    words: [0x6200_0000_0000_0000n, HOLE],
  },
  {
    name: 'IOTLB_INV_TIMEOUT',
    when: 'the device does not answer',
    cause: (rig) => rig.command(...invalidateIotlb(DEV, 0x1000n)),
    words: [0x7000_0000_0000_0008n, COMMANDS],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'read in the interrupt range',
    cause: both(entry(DTE_RW), ask(0xfee0_0000n, READ)),
    words: [0x8000_0000_0000_0008n, 0xfee0_0000n],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'translated request, I = 0',
    cause: both(entry(DTE_RW), ask(IOVA, READ | TRANSLATED)),
    words: [0x8200_0000_0000_0008n, IOVA],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'translation request, I = 0, PASID 0x12345',
    cause: both(entry(DTE_RW), ask(IOVA, READ | TRANSLATION_REQUEST, 0x1_2345)),
    words: [0x8301_2345_0001_0008n, IOVA],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'port I/O space, IoCtl = 0',
    cause: both(entry(DTE_RW), ask(0xfd_fc00_0000n, WRITE)),
    words: [0x8400_0000_0000_0008n, 0xfd_fc00_0000n],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'system management range, SysMgt = 0',
    cause: both(entry(DTE_RW), ask(0xfd_f910_0000n, WRITE)),
    words: [0x8600_0000_0000_0008n, 0xfd_f910_0000n],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'HyperTransport interrupt range, IntCtl = 0',
    cause: both((rig) => rig.dte(DEV, DTE_RW, 5n, 1n), ask(0xfd_f800_0000n, WRITE)),
    words: [0x8800_0000_0000_0008n, 0xfd_f800_0000n],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'reserved HyperTransport range',
    cause: both(entry(DTE_RW), ask(0xfd_0000_0000n, WRITE)),
    words: [0x8a00_0000_0000_0008n, 0xfd_0000_0000n],
  },
  {
    name: 'INVALID_DEVICE_REQUEST',
    when: 'system management range, SysMgt = 2',
    cause: both(entry(DTE_RW, 5n | (2n << 40n)), ask(0xfd_f910_0000n, WRITE)),
    words: [0x8c00_0000_0000_0008n, 0xfd_f910_0000n],
  },
  {
    name: 'INVALID_PPR_REQUEST',
    when: 'page request, DTE.PPR = 0',
    cause: both(entry(DTE_RW), (rig) => {
      rig.unit.requestPage({
        requesterId: DEV,
        pasid: 0x1_2345,
        groupIndex: 0x155,
        lastInGroup: false,
        address: IOVA,
        read: true,
        write: false,
      });
    }),
    words: [0x9000_0555_2345_0008n, IOVA],
  },
];

/** Codes that nothing here can cause. */
const UNREACHED: readonly EventName[] = ['EVENT_COUNTER_ZERO', 'RMP_PAGE_FAULT', 'RMP_HW_ERROR'];

describe('events', () => {
  it.each(CASES.map((event) => [event.name, event.when, event] as const))('%s: %s', (name, _, { cause, words }) => {
    const rig = new Rig();
    cause(rig);
    expect(rig.events()).toEqual([words]);
    expect(Number(words[0] >> 60n)).toBe(EventCode[name]);
    expect(rig.interrupts).toContain('event-log');
  });

  it.each(CASES.map((event) => [event.name, event.when, event] as const))(
    "decodes from Linux's line: %s: %s",
    (name, _, { words }) => {
      const decoded = decodeEvent(words);
      expect(decoded.name).toBe(name);
      expect(parseEventLine(eventLine(decoded))).toEqual(decoded);
    },
  );

  it('are reached, all that can be', () => {
    const reached = new Set<string>([...CASES.map(({ name }) => name), ...UNREACHED]);
    expect([...reached].toSorted()).toEqual(Object.keys(EventCode).toSorted());
  });

  it('are in the document, with words and line', () => {
    const document = readFileSync(new URL('../../../../docs/amdvi-events.md', import.meta.url)).toString();
    const hex = (word: bigint): string => `0x${word.toString(16).padStart(16, '0')}`;
    const rows = CASES.map(({ name, when, words }) => {
      const line = eventLine(decodeEvent(words)).replace('AMD-Vi: Event logged ', '');
      return `| ${EventCode[name]} | ${name} | ${when} | ${words.map(hex).join(' ')} | \`${line}\` |`;
    });
    expect(document).toContain(rows.join('\n'));
    for (const name of UNREACHED) expect(document).toContain(`| ${EventCode[name]} | ${name} |`);
  });
});
