import type { GranuleShift } from '../format/granule.js';
import { CD } from '../layouts/context-descriptor.js';
import { OUTPUT_SIZE_BITS } from '../layouts/registers.js';
import { S1Dss, STE, SteConfig } from '../layouts/stream-table.js';
import type { SmmuDomain } from './domain.js';
import { wordsOf, type EntryWords } from './entry-writer.js';

/**
 * Linux writes memory attributes for indexes 0 to 3: non-cacheable, write-back, device, write-back non-transient. It makes them as a
 * signed 32-bit value, so that the unused indexes are all ones.
 */
const MAIR = 0xffff_ffff_f404_ff44n;
/** Inner shareable, write-back cacheable, and "as the request came", as CD and STE code them. */
const INNER_SHAREABLE = 3;
const WRITE_BACK = 1;
const INCOMING = 1;
/** TG0 and S2TG. */
const TG0: Readonly<Record<GranuleShift, number>> = { 12: 0, 14: 2, 16: 1 };

/** How walks reach tables: through the caches, or past them where the unit does not snoop. */
const SNOOPED = { shareability: INNER_SHAREABLE, cacheability: WRITE_BACK };
const NOT_SNOOPED = { shareability: 2, cacheability: 0 };

/** What of the unit the entries depend on. */
export interface EntryTraits {
  /** IDR0.STALL_MODEL is 0: stalls can be switched off, and are, because nobody would resume a transaction. */
  readonly stallsByChoice: boolean;
  /** IDR1.ATTR_TYPES_OVR: SHCFG counts. */
  readonly overridesTypes: boolean;
  /** IDR0.COHACC: walks snoop the CPU's caches. */
  readonly isCoherent: boolean;
}

/** The context descriptor of a stage 1 domain. */
export function contextWords(domain: SmmuDomain, { isCoherent }: EntryTraits): EntryWords {
  const { shareability, cacheability } = isCoherent ? SNOOPED : NOT_SNOOPED;
  const { granule, inputBits, outputBits } = domain.shape;
  const isTracked = domain.dirty !== undefined;
  return wordsOf(
    CD.encode({
      T0SZ: 64 - inputBits,
      TG0: TG0[granule],
      IR0: cacheability,
      OR0: cacheability,
      SH0: shareability,
      EPD1: 1,
      V: 1,
      IPS: OUTPUT_SIZE_BITS.indexOf(outputBits),
      AA64: 1,
      R: 1,
      A: 1,
      ASET: 1,
      HA: isTracked,
      HD: isTracked,
      ASID: domain.id,
      TTB0: domain.root >> 4n,
      MAIR,
    }),
  );
}

/** The stream table entry that leads to a context descriptor. @param context its address */
export function stage1Words(context: bigint, traits: EntryTraits): EntryWords {
  return wordsOf(
    STE.encode({
      V: 1,
      CONFIG: SteConfig.S1,
      S1CONTEXTPTR: context >> 6n,
      S1DSS: S1Dss.SUBSTREAM_0,
      S1CIR: WRITE_BACK,
      S1COR: WRITE_BACK,
      S1CSH: INNER_SHAREABLE,
      S1STALLD: traits.stallsByChoice,
    }),
  );
}

/** The stream table entry of a stage 2 domain. */
export function stage2Words(domain: SmmuDomain, traits: EntryTraits): EntryWords {
  const { granule, inputBits, outputBits, levels } = domain.shape;
  const { shareability, cacheability } = traits.isCoherent ? SNOOPED : NOT_SNOOPED;
  // S2SL0 counts down from level 2 with 4K tables, from level 3 with the others (DDI 0487 D8.2).
  const startLevel = 4 - levels;
  return wordsOf(
    STE.encode({
      V: 1,
      CONFIG: SteConfig.S2,
      SHCFG: traits.overridesTypes ? INCOMING : 0,
      S2VMID: domain.id,
      S2T0SZ: 64 - inputBits,
      S2SL0: (granule === 12 ? 2 : 3) - startLevel,
      S2IR0: cacheability,
      S2OR0: cacheability,
      S2SH0: shareability,
      S2TG: TG0[granule],
      S2PS: OUTPUT_SIZE_BITS.indexOf(outputBits),
      S2AA64: 1,
      S2PTW: 1,
      S2R: 1,
      S2TTB: domain.root >> 4n,
    }),
  );
}
