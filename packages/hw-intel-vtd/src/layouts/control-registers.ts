import { wordLayout, type WordLayout } from '@ioasis/core';

/** Fields of {@link GCMD_REG}. */
export type GcmdField = 'TE' | 'SRTP' | 'SFL' | 'EAFL' | 'WBF' | 'QIE' | 'IRE' | 'SIRTP' | 'CFI';
/** Global Command Register, offset 0x18 (VT-d 11.4.4.1). Write-only. */
export const GCMD_REG: WordLayout<GcmdField> = wordLayout('GCMD_REG', 32, {
  TE: [31, 31],
  SRTP: [30, 30],
  SFL: [29, 29],
  EAFL: [28, 28],
  WBF: [27, 27],
  QIE: [26, 26],
  IRE: [25, 25],
  SIRTP: [24, 24],
  CFI: [23, 23],
});

/** Fields of {@link GSTS_REG}. */
export type GstsField = 'TES' | 'RTPS' | 'FLS' | 'AFLS' | 'WBFS' | 'QIES' | 'IRES' | 'IRTPS' | 'CFIS';
/** Global Status Register, offset 0x1C (VT-d 11.4.4.2). */
export const GSTS_REG: WordLayout<GstsField> = wordLayout('GSTS_REG', 32, {
  TES: [31, 31],
  RTPS: [30, 30],
  FLS: [29, 29],
  AFLS: [28, 28],
  WBFS: [27, 27],
  QIES: [26, 26],
  IRES: [25, 25],
  IRTPS: [24, 24],
  CFIS: [23, 23],
});

/** Root Table Address Register, offset 0x20 (VT-d 11.4.5). */
export const RTADDR_REG: WordLayout<'RTA' | 'TTM'> = wordLayout('RTADDR_REG', 64, { RTA: [63, 12], TTM: [11, 10] });

/** Values of RTADDR.TTM. */
export const TranslationTableMode = { LEGACY: 0, SCALABLE: 1, RESERVED: 2, ABORT_DMA: 3 } as const;

/** Protected Memory Enable Register, offset 0x64 (VT-d 11.4.8.1). */
export const PMEN_REG: WordLayout<'EPM' | 'PRS'> = wordLayout('PMEN_REG', 32, { EPM: [31, 31], PRS: [0, 0] });
/** Protected Low-Memory Base and Limit, offsets 0x68 and 0x6C (VT-d 11.4.8.2); hardware keeps 2 MiB granularity. */
export const PLM_REG: WordLayout<'ADDR'> = wordLayout('PLMBASE/PLMLIMIT', 32, { ADDR: [31, 21] });
/** Protected High-Memory Base and Limit, offsets 0x70 and 0x78 (VT-d 11.4.8.4). */
export const PHM_REG: WordLayout<'ADDR'> = wordLayout('PHMBASE/PHMLIMIT', 64, { ADDR: [63, 21] });

/** Interrupt Remapping Table Address Register, offset 0xB8 (VT-d 11.4.10). */
export const IRTA_REG: WordLayout<'IRTA' | 'EIME' | 'S'> = wordLayout('IRTA_REG', 64, {
  IRTA: [63, 12],
  EIME: [11, 11],
  S: [3, 0],
});

/** Event control register: FECTL 0x38, IECTL 0xA0, PECTL 0xE0 (VT-d 11.4.7.4, 11.4.9.6, 11.4.11.5). */
export const EVENT_CTL_REG: WordLayout<'IM' | 'IP'> = wordLayout('xECTL_REG', 32, { IM: [31, 31], IP: [30, 30] });
/** Event data register: FEDATA, IEDATA, PEDATA: the data of the message. */
export const EVENT_DATA_REG: WordLayout<'EIMD' | 'IMD'> = wordLayout('xEDATA_REG', 32, {
  EIMD: [31, 16],
  IMD: [15, 0],
});
/** Event address register: FEADDR, IEADDR, PEADDR. */
export const EVENT_ADDR_REG: WordLayout<'MA'> = wordLayout('xEADDR_REG', 32, { MA: [31, 2] });
/** Event upper address register: FEUADDR, IEUADDR, PEUADDR. */
export const EVENT_UADDR_REG: WordLayout<'MUA'> = wordLayout('xEUADDR_REG', 32, { MUA: [31, 0] });
