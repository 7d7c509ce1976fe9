import { wordLayout, type WordLayout } from '@ioasis/core';

/* RISC-V IOMMU Architecture Specification 1.0, "Memory-mapped register interface". */

/** Bytes of the register window. */
export const MMIO_BYTES = 0x1000;

/** Byte offsets ("Register layout"). */
export const Register = {
  CAPABILITIES: 0x00,
  FCTL: 0x08,
  DDTP: 0x10,
  CQB: 0x18,
  CQH: 0x20,
  CQT: 0x24,
  FQB: 0x28,
  FQH: 0x30,
  FQT: 0x34,
  CQCSR: 0x48,
  FQCSR: 0x4c,
  IPSR: 0x54,
} as const;

/** IOMMU capabilities. */
export const CAPABILITIES: WordLayout<
  'VERSION' | 'SV39' | 'SV48' | 'SV57' | 'MSI_FLAT' | 'AMO_HWAD' | 'ATS' | 'IGS' | 'PAS' | 'PD8' | 'PD17' | 'PD20'
> = wordLayout('capabilities', 64, {
  VERSION: [7, 0],
  SV39: [9, 9],
  SV48: [10, 10],
  SV57: [11, 11],
  MSI_FLAT: [22, 22],
  AMO_HWAD: [24, 24],
  ATS: [25, 25],
  IGS: [29, 28],
  PAS: [37, 32],
  PD8: [38, 38],
  PD17: [39, 39],
  PD20: [40, 40],
});

/** Version 1.0. */
export const VERSION = 0x10;
/** IGS: interrupts by wire. */
export const WIRED = 1;

/** Features control. */
export const FCTL: WordLayout<'BE' | 'WSI' | 'GXL'> = wordLayout('fctl', 32, { BE: [0, 0], WSI: [1, 1], GXL: [2, 2] });

/** Device-directory-table pointer. */
export const DDTP: WordLayout<'MODE' | 'BUSY' | 'PPN'> = wordLayout('ddtp', 64, {
  MODE: [3, 0],
  BUSY: [4, 4],
  PPN: [53, 10],
});

/** ddtp.MODE. */
export const DirectoryMode = { OFF: 0, BARE: 1, LEVEL_1: 2, LEVEL_2: 3, LEVEL_3: 4 } as const;

/** Base of the command queue and of the fault queue. */
export const QUEUE_BASE: WordLayout<'LOG2SZ_1' | 'PPN'> = wordLayout('queue base', 64, {
  LOG2SZ_1: [4, 0],
  PPN: [53, 10],
});

/** Command-queue CSR. */
export const CQCSR: WordLayout<'CQEN' | 'CIE' | 'CQMF' | 'CMD_TO' | 'CMD_ILL' | 'FENCE_W_IP' | 'CQON' | 'BUSY'> =
  wordLayout('cqcsr', 32, {
    CQEN: [0, 0],
    CIE: [1, 1],
    CQMF: [8, 8],
    CMD_TO: [9, 9],
    CMD_ILL: [10, 10],
    FENCE_W_IP: [11, 11],
    CQON: [16, 16],
    BUSY: [17, 17],
  });

/** Fault-queue CSR. */
export const FQCSR: WordLayout<'FQEN' | 'FIE' | 'FQMF' | 'FQOF' | 'FQON' | 'BUSY'> = wordLayout('fqcsr', 32, {
  FQEN: [0, 0],
  FIE: [1, 1],
  FQMF: [8, 8],
  FQOF: [9, 9],
  FQON: [16, 16],
  BUSY: [17, 17],
});

/** Interrupt pending status. */
export const IPSR: WordLayout<'CIP' | 'FIP' | 'PMIP' | 'PIP'> = wordLayout('ipsr', 32, {
  CIP: [0, 0],
  FIP: [1, 1],
  PMIP: [2, 2],
  PIP: [3, 3],
});
