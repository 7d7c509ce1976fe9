import { wordLayout, type WordLayout } from '@ioasis/core';

/** Fields of {@link IDR0}. */
export type Idr0Field =
  | 'S2P'
  | 'S1P'
  | 'TTF'
  | 'COHACC'
  | 'BTM'
  | 'HTTU'
  | 'DORMHINT'
  | 'HYP'
  | 'ATS'
  | 'NS1ATS'
  | 'ASID16'
  | 'MSI'
  | 'SEV'
  | 'ATOS'
  | 'PRI'
  | 'VMW'
  | 'VMID16'
  | 'CD2L'
  | 'VATOS'
  | 'TTENDIAN'
  | 'STALL_MODEL'
  | 'TERM_MODEL'
  | 'ST_LEVEL';
/** SMMU_IDR0 (IHI 0070 6.3.1). */
export const IDR0: WordLayout<Idr0Field> = wordLayout('SMMU_IDR0', 32, {
  ST_LEVEL: [28, 27],
  TERM_MODEL: [26, 26],
  STALL_MODEL: [25, 24],
  TTENDIAN: [22, 21],
  VATOS: [20, 20],
  CD2L: [19, 19],
  VMID16: [18, 18],
  VMW: [17, 17],
  PRI: [16, 16],
  ATOS: [15, 15],
  SEV: [14, 14],
  MSI: [13, 13],
  ASID16: [12, 12],
  NS1ATS: [11, 11],
  ATS: [10, 10],
  HYP: [9, 9],
  DORMHINT: [8, 8],
  HTTU: [7, 6],
  BTM: [5, 5],
  COHACC: [4, 4],
  TTF: [3, 2],
  S1P: [1, 1],
  S2P: [0, 0],
});

/** Fields of {@link IDR1}. */
export type Idr1Field =
  | 'SIDSIZE'
  | 'SSIDSIZE'
  | 'PRIQS'
  | 'EVENTQS'
  | 'CMDQS'
  | 'ATTR_PERMS_OVR'
  | 'ATTR_TYPES_OVR'
  | 'REL'
  | 'QUEUES_PRESET'
  | 'TABLES_PRESET';
/** SMMU_IDR1 (IHI 0070 6.3.2). */
export const IDR1: WordLayout<Idr1Field> = wordLayout('SMMU_IDR1', 32, {
  TABLES_PRESET: [30, 30],
  QUEUES_PRESET: [29, 29],
  REL: [28, 28],
  ATTR_TYPES_OVR: [27, 27],
  ATTR_PERMS_OVR: [26, 26],
  CMDQS: [25, 21],
  EVENTQS: [20, 16],
  PRIQS: [15, 11],
  SSIDSIZE: [10, 6],
  SIDSIZE: [5, 0],
});

/** SMMU_IDR3 (IHI 0070 6.3.4). */
export const IDR3: WordLayout<'HAD' | 'PPS' | 'RIL' | 'BBML'> = wordLayout('SMMU_IDR3', 32, {
  BBML: [12, 11],
  RIL: [10, 10],
  PPS: [5, 5],
  HAD: [2, 2],
});

/** SMMU_IDR5 (IHI 0070 6.3.6). */
export const IDR5: WordLayout<'OAS' | 'GRAN4K' | 'GRAN16K' | 'GRAN64K' | 'VAX' | 'STALL_MAX'> = wordLayout(
  'SMMU_IDR5',
  32,
  { STALL_MAX: [31, 16], VAX: [11, 10], GRAN64K: [6, 6], GRAN16K: [5, 5], GRAN4K: [4, 4], OAS: [2, 0] },
);

/** Address bits by the code of OAS, IPS and S2PS. */
export const OUTPUT_SIZE_BITS: readonly number[] = [32, 36, 40, 42, 44, 48, 52];

/** SMMU_CR0 and SMMU_CR0ACK (IHI 0070 6.3.9). */
export const CR0: WordLayout<'VMW' | 'ATSCHK' | 'CMDQEN' | 'EVENTQEN' | 'PRIQEN' | 'SMMUEN'> = wordLayout(
  'SMMU_CR0',
  32,
  {
    VMW: [8, 6],
    ATSCHK: [4, 4],
    CMDQEN: [3, 3],
    EVENTQEN: [2, 2],
    PRIQEN: [1, 1],
    SMMUEN: [0, 0],
  },
);

/** SMMU_CR1 (IHI 0070 6.3.11): attributes of accesses to tables and queues. */
export const CR1: WordLayout<'TABLE_SH' | 'TABLE_OC' | 'TABLE_IC' | 'QUEUE_SH' | 'QUEUE_OC' | 'QUEUE_IC'> = wordLayout(
  'SMMU_CR1',
  32,
  { TABLE_SH: [11, 10], TABLE_OC: [9, 8], TABLE_IC: [7, 6], QUEUE_SH: [5, 4], QUEUE_OC: [3, 2], QUEUE_IC: [1, 0] },
);

/** SMMU_CR2 (IHI 0070 6.3.12). */
export const CR2: WordLayout<'PTM' | 'RECINVSID' | 'E2H'> = wordLayout('SMMU_CR2', 32, {
  PTM: [2, 2],
  RECINVSID: [1, 1],
  E2H: [0, 0],
});

/** SMMU_GBPA (IHI 0070 6.3.14): what happens to requests while SMMUEN = 0. */
export const GBPA: WordLayout<'UPDATE' | 'ABORT' | 'INSTCFG' | 'PRIVCFG' | 'SHCFG' | 'ALLOCCFG' | 'MTCFG' | 'MEMATTR'> =
  wordLayout('SMMU_GBPA', 32, {
    UPDATE: [31, 31],
    ABORT: [20, 20],
    INSTCFG: [19, 18],
    PRIVCFG: [17, 16],
    SHCFG: [13, 12],
    ALLOCCFG: [11, 8],
    MTCFG: [4, 4],
    MEMATTR: [3, 0],
  });

/** SMMU_IRQ_CTRL (IHI 0070 6.3.15). */
export const IRQ_CTRL: WordLayout<'EVENTQ_IRQEN' | 'PRIQ_IRQEN' | 'GERROR_IRQEN'> = wordLayout('SMMU_IRQ_CTRL', 32, {
  EVENTQ_IRQEN: [2, 2],
  PRIQ_IRQEN: [1, 1],
  GERROR_IRQEN: [0, 0],
});

/** Fields of {@link GERROR}. */
export type GerrorField =
  | 'SFM_ERR'
  | 'MSI_GERROR_ABT_ERR'
  | 'MSI_PRIQ_ABT_ERR'
  | 'MSI_EVENTQ_ABT_ERR'
  | 'MSI_CMDQ_ABT_ERR'
  | 'PRIQ_ABT_ERR'
  | 'EVENTQ_ABT_ERR'
  | 'CMDQ_ERR';
/** SMMU_GERROR and SMMU_GERRORN (IHI 0070 6.3.17): an error is active while the two differ. */
export const GERROR: WordLayout<GerrorField> = wordLayout('SMMU_GERROR', 32, {
  SFM_ERR: [8, 8],
  MSI_GERROR_ABT_ERR: [7, 7],
  MSI_PRIQ_ABT_ERR: [6, 6],
  MSI_EVENTQ_ABT_ERR: [5, 5],
  MSI_CMDQ_ABT_ERR: [4, 4],
  PRIQ_ABT_ERR: [3, 3],
  EVENTQ_ABT_ERR: [2, 2],
  CMDQ_ERR: [0, 0],
});

/** SMMU_STRTAB_BASE (IHI 0070 6.3.23). */
export const STRTAB_BASE: WordLayout<'RA' | 'ADDR'> = wordLayout('SMMU_STRTAB_BASE', 64, {
  RA: [62, 62],
  ADDR: [51, 6],
});

/** SMMU_STRTAB_BASE_CFG (IHI 0070 6.3.24). */
export const STRTAB_BASE_CFG: WordLayout<'FMT' | 'SPLIT' | 'LOG2SIZE'> = wordLayout('SMMU_STRTAB_BASE_CFG', 32, {
  FMT: [17, 16],
  SPLIT: [10, 6],
  LOG2SIZE: [5, 0],
});

/** SMMU_CMDQ_BASE, EVENTQ_BASE and PRIQ_BASE (IHI 0070 6.3.25): 2^LOG2SIZE entries. HINT is RA or WA. */
export const QUEUE_BASE: WordLayout<'HINT' | 'ADDR' | 'LOG2SIZE'> = wordLayout('SMMU_xQ_BASE', 64, {
  HINT: [62, 62],
  ADDR: [51, 5],
  LOG2SIZE: [4, 0],
});

/** Producer and consumer registers (IHI 0070 6.3.26): index and wrap bit in the low LOG2SIZE + 1 bits. */
export const QUEUE_INDEX: WordLayout<'OVERFLOW' | 'ERR' | 'INDEX'> = wordLayout('SMMU_xQ_PROD/CONS', 32, {
  OVERFLOW: [31, 31],
  ERR: [30, 24],
  INDEX: [19, 0],
});

/** Values of CMDQ_CONS.ERR. */
export const CommandError = { NONE: 0, ILLEGAL: 1, ABORT: 2, ATC_INV_SYNC: 3 } as const;
