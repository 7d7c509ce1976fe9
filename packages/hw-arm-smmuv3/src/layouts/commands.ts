import { PrgResponseCode, wordLayout, type WordLayout } from '@ioasis/core';

/** Opcodes, bits [7:0] (IHI 0070 4.1.1). */
export const Opcode = {
  PREFETCH_CONFIG: 0x01,
  PREFETCH_ADDR: 0x02,
  CFGI_STE: 0x03,
  CFGI_STE_RANGE: 0x04,
  CFGI_CD: 0x05,
  CFGI_CD_ALL: 0x06,
  TLBI_NH_ALL: 0x10,
  TLBI_NH_ASID: 0x11,
  TLBI_NH_VA: 0x12,
  TLBI_NH_VAA: 0x13,
  TLBI_EL3_ALL: 0x18,
  TLBI_EL3_VA: 0x1a,
  TLBI_EL2_ALL: 0x20,
  TLBI_EL2_ASID: 0x21,
  TLBI_EL2_VA: 0x22,
  TLBI_EL2_VAA: 0x23,
  TLBI_S12_VMALL: 0x28,
  TLBI_S2_IPA: 0x2a,
  TLBI_NSNH_ALL: 0x30,
  ATC_INV: 0x40,
  PRI_RESP: 0x41,
  RESUME: 0x44,
  STALL_TERM: 0x45,
  SYNC: 0x46,
} as const;

/** Bytes of a command. */
export const COMMAND_BYTES = 16;

/** Configuration commands: PREFETCH_CONFIG, CFGI_* (IHI 0070 4.2, 4.3). RANGE and LEAF share a place. */
export const CFGI_COMMAND: WordLayout<'LEAF' | 'SID' | 'SSID' | 'SSV' | 'SSEC' | 'OPCODE'> = wordLayout(
  'CMD_CFGI',
  128,
  {
    LEAF: [64, 64],
    SID: [63, 32],
    SSID: [31, 12],
    SSV: [11, 11],
    SSEC: [10, 10],
    OPCODE: [7, 0],
  },
);

/** CMD_CFGI_STE_RANGE: 2^(RANGE + 1) streams; 31 is CMD_CFGI_ALL (IHI 0070 4.3.2). */
export const CFGI_STE_RANGE: WordLayout<'RANGE' | 'SID' | 'SSEC' | 'OPCODE'> = wordLayout('CMD_CFGI_STE_RANGE', 128, {
  RANGE: [68, 64],
  SID: [63, 32],
  SSEC: [10, 10],
  OPCODE: [7, 0],
});

/** CMD_TLBI_* (IHI 0070 4.4). */
export const TLBI_COMMAND: WordLayout<
  'ADDRESS' | 'TG' | 'TTL' | 'LEAF' | 'ASID' | 'VMID' | 'SCALE' | 'NUM' | 'OPCODE'
> = wordLayout('CMD_TLBI', 128, {
  ADDRESS: [127, 76],
  TG: [75, 74],
  TTL: [73, 72],
  LEAF: [64, 64],
  ASID: [63, 48],
  VMID: [47, 32],
  SCALE: [24, 20],
  NUM: [16, 12],
  OPCODE: [7, 0],
});

/** CMD_ATC_INV (IHI 0070 4.5.1). */
export const ATC_INV: WordLayout<'ADDRESS' | 'SIZE' | 'SID' | 'SSID' | 'SSV' | 'G' | 'OPCODE'> = wordLayout(
  'CMD_ATC_INV',
  128,
  {
    ADDRESS: [127, 76],
    SIZE: [69, 64],
    SID: [63, 32],
    SSID: [31, 12],
    SSV: [11, 11],
    G: [9, 9],
    OPCODE: [7, 0],
  },
);

/** CMD_PRI_RESP (IHI 0070 4.5.2). */
export const PRI_RESP: WordLayout<'RESP' | 'PRGINDEX' | 'SID' | 'SSID' | 'SSV' | 'OPCODE'> = wordLayout(
  'CMD_PRI_RESP',
  128,
  {
    RESP: [77, 76],
    PRGINDEX: [72, 64],
    SID: [63, 32],
    SSID: [31, 12],
    SSV: [11, 11],
    OPCODE: [7, 0],
  },
);

/** Response codes of PCIe by PRI_RESP.RESP: ResponseFailure, InvalidRequest, Success; 3 is reserved. */
export const PAGE_RESPONSE_CODES: readonly number[] = [
  PrgResponseCode.FAILURE,
  PrgResponseCode.INVALID_REQUEST,
  PrgResponseCode.SUCCESS,
];

/** CMD_RESUME (IHI 0070 4.6.1). */
export const RESUME: WordLayout<'STAG' | 'SID' | 'ACTION' | 'OPCODE'> = wordLayout('CMD_RESUME', 128, {
  STAG: [79, 64],
  SID: [63, 32],
  ACTION: [13, 12],
  OPCODE: [7, 0],
});

/** Values of RESUME.ACTION. */
export const ResumeAction = { TERMINATE: 0, RETRY: 1, ABORT: 2 } as const;

/** CMD_SYNC (IHI 0070 4.7). */
export const SYNC: WordLayout<'MSIADDRESS' | 'MSIDATA' | 'MSIATTR' | 'MSH' | 'CS' | 'OPCODE'> = wordLayout(
  'CMD_SYNC',
  128,
  {
    MSIADDRESS: [115, 66],
    MSIDATA: [63, 32],
    MSIATTR: [27, 24],
    MSH: [23, 22],
    CS: [13, 12],
    OPCODE: [7, 0],
  },
);

/** Values of SYNC.CS. */
export const CompletionSignal = { NONE: 0, IRQ: 1, SEV: 2 } as const;
