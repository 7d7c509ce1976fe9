import { wordLayout, type WordLayout } from '@ioasis/core';

/* RISC-V IOMMU Architecture Specification 1.0, "Command-Queue": commands of 128 bits; the second word counts from bit 64. */

export const COMMAND_BYTES = 16;

/** Opcode and function of each command. */
export const Command = {
  IOTINVAL_VMA: { OPCODE: 1, FUNC3: 0 },
  IOTINVAL_GVMA: { OPCODE: 1, FUNC3: 1 },
  IOFENCE_C: { OPCODE: 2, FUNC3: 0 },
  IODIR_INVAL_DDT: { OPCODE: 3, FUNC3: 0 },
} as const;

/** What all commands have. */
export const COMMAND: WordLayout<'OPCODE' | 'FUNC3'> = wordLayout('command', 128, { OPCODE: [6, 0], FUNC3: [9, 7] });

/** IOTINVAL.VMA and .GVMA. */
export const IOTINVAL: WordLayout<'OPCODE' | 'FUNC3' | 'AV' | 'PSCID' | 'PSCV' | 'GV' | 'GSCID' | 'ADDR'> = wordLayout(
  'IOTINVAL',
  128,
  {
    OPCODE: [6, 0],
    FUNC3: [9, 7],
    AV: [10, 10],
    PSCID: [31, 12],
    PSCV: [32, 32],
    GV: [33, 33],
    GSCID: [59, 44],
    ADDR: [125, 74],
  },
);

/** IOFENCE.C. */
export const IOFENCE: WordLayout<'OPCODE' | 'FUNC3' | 'AV' | 'WSI' | 'PR' | 'PW' | 'DATA' | 'ADDR'> = wordLayout(
  'IOFENCE',
  128,
  {
    OPCODE: [6, 0],
    FUNC3: [9, 7],
    AV: [10, 10],
    WSI: [11, 11],
    PR: [12, 12],
    PW: [13, 13],
    DATA: [63, 32],
    ADDR: [125, 64],
  },
);

/** IODIR.INVAL_DDT. */
export const IODIR: WordLayout<'OPCODE' | 'FUNC3' | 'PID' | 'DV' | 'DID'> = wordLayout('IODIR', 128, {
  OPCODE: [6, 0],
  FUNC3: [9, 7],
  PID: [31, 12],
  DV: [33, 33],
  DID: [63, 40],
});
