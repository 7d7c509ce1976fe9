import { describe, expect, it } from 'vitest';
import { Command, IODIR, IOFENCE, IOTINVAL } from '../src/layouts/commands.js';
import { IOSATP, TA, TC } from '../src/layouts/device-context.js';
import { FAULT } from '../src/layouts/fault-record.js';
import { PTE } from '../src/layouts/page-table-entry.js';
import { DDTP, QUEUE_BASE } from '../src/layouts/registers.js';
import { riscvConfiguration } from '../src/index.js';
import { capabilitiesOf } from '../src/unit/register-definitions.js';

/** Words put together by hand from the diagrams of the specifications, low word of a command first. */
const WORDS: readonly { name: string; word: bigint; golden: bigint }[] = [
  {
    name: 'capabilities: version 1.0, Sv39, Sv48, AMO_HWAD, wired interrupts, 56 physical bits',
    word: capabilitiesOf(riscvConfiguration()),
    golden: 0x38_1100_0610n,
  },
  {
    name: 'ddtp: three levels, root at 0x123456000',
    word: DDTP.encode({ MODE: 4, PPN: 0x12_3456 }),
    golden: 0x48d1_5804n,
  },
  {
    name: 'cqb: 256 entries at 0x80000000',
    word: QUEUE_BASE.encode({ LOG2SZ_1: 7, PPN: 0x8_0000 }),
    golden: 0x2000_0007n,
  },
  { name: 'DC.tc: valid, SADE', word: TC.encode({ V: 1, SADE: 1 }), golden: 0x101n },
  { name: 'DC.ta: PSCID 5', word: TA.encode({ PSCID: 5 }), golden: 0x5000n },
  {
    name: 'DC.fsc: Sv48, root at 0x100003000',
    word: IOSATP.encode({ MODE: 9, PPN: 0x10_0003 }),
    golden: 0x9000_0000_0010_0003n,
  },
  {
    name: 'PTE: V R W U A D, 0x80000000',
    word: PTE.encode({ V: 1, R: 1, W: 1, U: 1, A: 1, D: 1, PPN: 0x8_0000 }),
    golden: 0x2000_00d7n,
  },
  {
    name: 'IOTINVAL.VMA: address 0x40000000 of PSCID 5',
    word: IOTINVAL.encode({ ...Command.IOTINVAL_VMA, AV: 1, PSCV: 1, PSCID: 5, ADDR: 0x4_0000 }),
    golden: (0x1000_0000n << 64n) | 0x1_0000_5401n,
  },
  { name: 'IOFENCE.C: PR, PW', word: IOFENCE.encode({ ...Command.IOFENCE_C, PR: 1, PW: 1 }), golden: 0x3002n },
  {
    name: 'IOFENCE.C: store of 7 at 0x1000',
    word: IOFENCE.encode({ ...Command.IOFENCE_C, AV: 1, DATA: 7, ADDR: 0x400 }),
    golden: (0x400n << 64n) | 0x7_0000_0402n,
  },
  {
    name: 'IODIR.INVAL_DDT: device 8',
    word: IODIR.encode({ ...Command.IODIR_INVAL_DDT, DV: 1, DID: 8 }),
    golden: 0x802_0000_0003n,
  },
  {
    name: 'fault record: read page fault of an untranslated read of device 8',
    word: FAULT.encode({ CAUSE: 13, TTYP: 2, DID: 8 }),
    golden: 0x808_0000_000dn,
  },
];

describe('layouts', () => {
  it.each(WORDS)('$name', ({ word, golden }) => {
    expect(word).toBe(golden);
  });
});
