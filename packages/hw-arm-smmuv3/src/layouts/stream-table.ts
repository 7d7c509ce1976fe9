import { wordLayout, type WordLayout } from '@ioasis/core';

/** Level 1 Stream Table Descriptor, 64 bits (IHI 0070 5.1). Span 0: invalid; n: 2^(n - 1) STEs. */
export const L1STD: WordLayout<'L2PTR' | 'SPAN'> = wordLayout('L1STD', 64, { L2PTR: [51, 6], SPAN: [4, 0] });

/** Fields of {@link STE}. */
export type SteField =
  | 'V'
  | 'CONFIG'
  | 'S1FMT'
  | 'S1CONTEXTPTR'
  | 'S1CDMAX'
  | 'S1DSS'
  | 'S1CIR'
  | 'S1COR'
  | 'S1CSH'
  | 'S2HWU'
  | 'DRE'
  | 'CONT'
  | 'DCP'
  | 'PPAR'
  | 'MEV'
  | 'S1STALLD'
  | 'EATS'
  | 'STRW'
  | 'MEMATTR'
  | 'MTCFG'
  | 'ALLOCCFG'
  | 'SHCFG'
  | 'NSCFG'
  | 'PRIVCFG'
  | 'INSTCFG'
  | 'S2VMID'
  | 'S2T0SZ'
  | 'S2SL0'
  | 'S2IR0'
  | 'S2OR0'
  | 'S2SH0'
  | 'S2TG'
  | 'S2PS'
  | 'S2AA64'
  | 'S2ENDI'
  | 'S2AFFD'
  | 'S2PTW'
  | 'S2HD'
  | 'S2HA'
  | 'S2S'
  | 'S2R'
  | 'S2TTB';
/** Stream Table Entry, 512 bits (IHI 0070 5.2). */
export const STE: WordLayout<SteField> = wordLayout('STE', 512, {
  S2TTB: [243, 196],
  S2R: [186, 186],
  S2S: [185, 185],
  S2HA: [184, 184],
  S2HD: [183, 183],
  S2PTW: [182, 182],
  S2AFFD: [181, 181],
  S2ENDI: [180, 180],
  S2AA64: [179, 179],
  S2PS: [178, 176],
  S2TG: [175, 174],
  S2SH0: [173, 172],
  S2OR0: [171, 170],
  S2IR0: [169, 168],
  S2SL0: [167, 166],
  S2T0SZ: [165, 160],
  S2VMID: [143, 128],
  INSTCFG: [115, 114],
  PRIVCFG: [113, 112],
  NSCFG: [111, 110],
  SHCFG: [109, 108],
  ALLOCCFG: [104, 101],
  MTCFG: [100, 100],
  MEMATTR: [99, 96],
  STRW: [95, 94],
  EATS: [93, 92],
  S1STALLD: [91, 91],
  MEV: [83, 83],
  PPAR: [82, 82],
  DCP: [81, 81],
  CONT: [80, 77],
  DRE: [76, 76],
  S2HWU: [75, 72],
  S1CSH: [71, 70],
  S1COR: [69, 68],
  S1CIR: [67, 66],
  S1DSS: [65, 64],
  S1CDMAX: [63, 59],
  S1CONTEXTPTR: [51, 6],
  S1FMT: [5, 4],
  CONFIG: [3, 1],
  V: [0, 0],
});

/** Bytes of an STE, and of a level 1 descriptor. */
export const STE_BYTES = 64;
/** Bytes of a level 1 descriptor. */
export const L1STD_BYTES = 8;

/** Values of STE.Config. 0b0xx: abort. */
export const SteConfig = { ABORT: 0, BYPASS: 4, S1: 5, S2: 6, NESTED: 7 } as const;

/** Values of STE.S1DSS: requests without substream on a stream that has substreams. */
export const S1Dss = { TERMINATE: 0, BYPASS: 1, SUBSTREAM_0: 2 } as const;

/** Values of STE.S1Fmt. */
export const S1Fmt = { LINEAR: 0, TWO_LEVEL_4K: 1, TWO_LEVEL_64K: 2 } as const;

/** Values of STE.EATS. */
export const Eats = { NONE: 0, FULL: 1, SPLIT_STAGE: 2 } as const;

/** Values of STE.STRW for a non-secure stream. */
export const StreamWorld = { EL1: 0, EL2: 2 } as const;
