import { CD, type CdField } from '../layouts/context-descriptor.js';
import { S1Dss, STE, SteConfig, type SteField } from '../layouts/stream-table.js';
import { entryOf, wordsOf, type EntryWords } from './entry-writer.js';

const S1_FIELDS: readonly SteField[] = [
  'S1FMT',
  'S1CONTEXTPTR',
  'S1CDMAX',
  'S1DSS',
  'S1CIR',
  'S1COR',
  'S1CSH',
  'S1STALLD',
  'STRW',
  'EATS',
  'S2VMID',
];
const S2_FIELDS: readonly SteField[] = [
  'EATS',
  'SHCFG',
  'S2VMID',
  'S2T0SZ',
  'S2SL0',
  'S2IR0',
  'S2OR0',
  'S2SH0',
  'S2TG',
  'S2PS',
  'S2AA64',
  'S2ENDI',
  'S2AFFD',
  'S2PTW',
  'S2HD',
  'S2HA',
  'S2S',
  'S2R',
  'S2TTB',
];
const ALL = (1n << 64n) - 1n;

const steMask = (fields: readonly SteField[]): bigint => fields.reduce((mask, field) => mask | STE.mask(field), 0n);

/** Bits of an STE that hardware looks at (IHI 0070 5.2; 13.5 for SHCFG, which stage 1 needs only where it lets requests by). */
export function usedOfStreamEntry(words: EntryWords): EntryWords {
  const ste = entryOf(words);
  if (STE.get(ste, 'V') === 0n) return wordsOf(STE.mask('V'));
  const config = Number(STE.get(ste, 'CONFIG'));
  const hasStage1 = config === SteConfig.S1 || config === SteConfig.NESTED;
  const hasStage2 = config === SteConfig.S2 || config === SteConfig.NESTED;
  const takesAttributes = config === SteConfig.BYPASS || (hasStage1 && Number(STE.get(ste, 'S1DSS')) === S1Dss.BYPASS);
  return wordsOf(
    steMask(['V', 'CONFIG']) |
      (hasStage1 ? steMask(S1_FIELDS) : 0n) |
      (hasStage2 ? steMask(S2_FIELDS) : 0n) |
      (takesAttributes ? STE.mask('SHCFG') : 0n),
  );
}

const LOWER_REGION: readonly CdField[] = ['T0SZ', 'TG0', 'IR0', 'OR0', 'SH0', 'TTB0'];

/** Bits of a CD that hardware looks at: all, but those of a region that is switched off (IHI 0070 5.4). */
export function usedOfContext(words: EntryWords): EntryWords {
  const cd = entryOf(words);
  if (CD.get(cd, 'V') === 0n) return wordsOf(CD.mask('V'));
  if (CD.get(cd, 'EPD0') === 0n) return words.map(() => ALL);
  const unused = wordsOf(LOWER_REGION.reduce((mask, field) => mask | CD.mask(field), 0n));
  return unused.map((mask) => ALL & ~mask);
}
