import { TableRoot, wordField, type WordField } from '@ioasis/core';
import { bitsPerLevel } from '../format/granule.js';
import { TG0_SHIFT } from '../layouts/context-descriptor.js';
import { Eats, S1Fmt, STE, SteConfig, StreamWorld, type SteField } from '../layouts/stream-table.js';
import { MOST_SIZE, type Capabilities } from './capabilities.js';
import { Stage2 } from './stage2.js';
import type { StageWalkers } from './stage-walkers.js';

/** What a stream table entry says is to happen with a stream's requests: a closed set. */
export const StreamAction = { ABORT: 0, BYPASS: 1, STAGE1: 2, STAGE2: 3, NESTED: 4, ILLEGAL: 5 } as const;
/** One of {@link StreamAction}. */
export type StreamActionCode = (typeof StreamAction)[keyof typeof StreamAction];

const field = (name: SteField): WordField => wordField(STE, name);
const F = {
  V: field('V'),
  CONFIG: field('CONFIG'),
  S1FMT: field('S1FMT'),
  S1CDMAX: field('S1CDMAX'),
  S1DSS: field('S1DSS'),
  S1STALLD: field('S1STALLD'),
  EATS: field('EATS'),
  STRW: field('STRW'),
  S2VMID: field('S2VMID'),
  S2T0SZ: field('S2T0SZ'),
  S2SL0: field('S2SL0'),
  S2TG: field('S2TG'),
  S2PS: field('S2PS'),
  S2AA64: field('S2AA64'),
  S2ENDI: field('S2ENDI'),
  S2AFFD: field('S2AFFD'),
  S2HD: field('S2HD'),
  S2HA: field('S2HA'),
  S2S: field('S2S'),
  S2R: field('S2R'),
};

/** A decoded stream table entry. One class for all actions, because the hit path reads it. */
export class StreamEntry {
  action: StreamActionCode = StreamAction.ILLEGAL;
  /** Tag of everything cached on behalf of this stream: VMID [15:0], world [16]. */
  vmidTag = 0;
  /** The stream's world has no unprivileged accesses. */
  singlePrivilege = false;
  /** Context descriptors: pointer (an IPA when nested), log2 of their number, format. */
  contextHi = 0;
  contextLo = 0;
  contextsLog2 = 0;
  contextFormat = 0;
  /** S1DSS. */
  defaultSubstream = 0;
  /** S1STALLD: stage 1 faults do not stall. */
  stallDisabled = false;
  /** EATS. */
  ats = 0;
  stage2: Stage2 | null = null;
}

/** The reserved value of S1Fmt and S1DSS. */
const RESERVED = 3;
/** World bit of {@link StreamEntry.vmidTag}. */
const WORLD_EL2 = 1 << 16;

/** Whether an address with this upper word has more than so many bits, 32 or more. */
export const isBeyond = (hi: number, bits: number): boolean => bits < 64 && hi >>> (bits - 32) !== 0;

/** Decodes stream table entries (IHI 0070 5.2); every illegal combination is `ILLEGAL`, C_BAD_STE. */
export class StreamEntryDecoder {
  readonly #capabilities: Capabilities;
  readonly #walkers: StageWalkers;
  /** CR2.E2H: STRW 2 is the world of a host at EL2, with two regions, ASIDs and unprivileged accesses. */
  readonly #isHosted: () => boolean;

  constructor(capabilities: Capabilities, walkers: StageWalkers, isHosted: () => boolean) {
    this.#capabilities = capabilities;
    this.#walkers = walkers;
    this.#isHosted = isHosted;
  }

  /** @param words 512 bits as 32-bit words */
  decode(words: Int32Array): StreamEntry {
    const entry = new StreamEntry();
    if (F.V.of(words, 0) === 0) return entry;
    const config = F.CONFIG.of(words, 0);
    // Config[2] = 0: abort, whatever the rest says.
    if (config < SteConfig.BYPASS) {
      entry.action = StreamAction.ABORT;
      return entry;
    }
    if (config === SteConfig.BYPASS) {
      entry.action = StreamAction.BYPASS;
      return entry;
    }
    const hasStage1 = (config & 1) !== 0;
    const hasStage2 = (config & 2) !== 0;
    const capabilities = this.#capabilities;
    if ((hasStage1 && !capabilities.stage1) || (hasStage2 && !capabilities.stage2)) return entry;
    if (capabilities.ats && !this.#decodeAts(words, entry, config)) return entry;
    entry.vmidTag = capabilities.stage2 ? F.S2VMID.of(words, 0) : 0;
    const world = capabilities.hyp && config === SteConfig.S1 ? F.STRW.of(words, 0) : StreamWorld.EL1;
    if (world !== StreamWorld.EL1 && world !== StreamWorld.EL2) return entry;
    if (world === StreamWorld.EL2) {
      entry.vmidTag = WORLD_EL2;
      entry.singlePrivilege = !this.#isHosted();
    }
    if ((entry.vmidTag & ~WORLD_EL2) >>> capabilities.vmidBits !== 0) return entry;
    if (hasStage1 && !this.#decodeStage1(words, entry, hasStage2)) return entry;
    if (hasStage2) {
      entry.stage2 = this.#decodeStage2(words);
      if (entry.stage2 === null) return entry;
    }
    entry.action = hasStage1 ? (hasStage2 ? StreamAction.NESTED : StreamAction.STAGE1) : StreamAction.STAGE2;
    return entry;
  }

  /** EATS 3 is for units with a device permission table. */
  #decodeAts(words: Int32Array, entry: StreamEntry, config: number): boolean {
    const eats = F.EATS.of(words, 0);
    const stalls = (config & 2) !== 0 && F.S2S.of(words, 0) !== 0;
    if (eats === Eats.FULL || eats === Eats.SPLIT_STAGE) entry.ats = eats;
    if (eats === Eats.SPLIT_STAGE) return config === SteConfig.NESTED && !stalls && this.#capabilities.splitAts;
    return eats !== Eats.FULL || !stalls;
  }

  #decodeStage1(words: Int32Array, entry: StreamEntry, hasStage2: boolean): boolean {
    const capabilities = this.#capabilities;
    entry.contextHi = words[1]! & 0xf_ffff;
    entry.contextLo = words[0]! & ~0x3f;
    entry.contextsLog2 = capabilities.substreamBits === 0 ? 0 : F.S1CDMAX.of(words, 0);
    // The reserved values count as 0.
    entry.contextFormat = F.S1FMT.of(words, 0) % RESERVED;
    entry.defaultSubstream = F.S1DSS.of(words, 0) % RESERVED;
    entry.stallDisabled = F.S1STALLD.of(words, 0) !== 0;
    if (entry.contextsLog2 > capabilities.substreamBits) return false;
    // As an IPA it is stage 2's to refuse.
    if (!hasStage2 && isBeyond(entry.contextHi, capabilities.outputBits)) return false;
    if (entry.contextsLog2 > 0) {
      if (entry.contextFormat !== S1Fmt.LINEAR && !capabilities.cd2Level) return false;
    }
    return !(entry.stallDisabled && (!capabilities.canStall || capabilities.mustStall));
  }

  /** Null: illegal. */
  #decodeStage2(words: Int32Array): Stage2 | null {
    const capabilities = this.#capabilities;
    const granule = TG0_SHIFT[F.S2TG.of(words, 0)];
    const isBigEndian = F.S2ENDI.of(words, 0) !== 0;
    if (F.S2AA64.of(words, 0) === 0 || !capabilities.supportsGranule(granule)) return null;
    if (isBigEndian ? !capabilities.bigEndian : !capabilities.littleEndian) return null;
    if (isBigEndian) return null;
    const size = F.S2T0SZ.of(words, 0);
    if (size < Math.max(granule === 16 ? 12 : 16, 64 - capabilities.outputBits) || size > MOST_SIZE) return null;
    const hasAccessed = F.S2HA.of(words, 0) !== 0;
    const hasDirty = F.S2HD.of(words, 0) !== 0;
    if ((hasAccessed && !capabilities.accessedFlag) || (hasDirty && !capabilities.dirtyState)) return null;
    const stall = F.S2S.of(words, 0) !== 0;
    if (stall ? !capabilities.canStall : capabilities.mustStall) return null;

    // The start level must fit the input size: at most 16 concatenated tables (DDI 0487 D8.2).
    const inputBits = 64 - size;
    const startLevel = (granule === 12 ? 2 : 3) - F.S2SL0.of(words, 0);
    if (startLevel < 0) return null;
    const levels = 4 - startLevel;
    const topShift = granule + (levels - 1) * bitsPerLevel(granule);
    if (inputBits <= topShift || inputBits > topShift + bitsPerLevel(granule) + 4) return null;
    const outputBits = capabilities.outputBitsOf(F.S2PS.of(words, 0));
    const hi = words[7]! & 0xf_ffff;
    if (isBeyond(hi, granule === 16 ? outputBits : Math.min(outputBits, 48))) return null;
    const flags = {
      accessed: hasAccessed ? 'set' : F.S2AFFD.of(words, 0) !== 0 ? 'ignore' : 'fault',
      // Without S2HA it counts as 0.
      dirty: hasDirty && hasAccessed,
    } as const;
    const walker = this.#walkers.stage2(granule, flags);
    // A root, of concatenated tables too, is aligned to its own size, at least 16 bytes, 64 with 52 bits.
    const lo = words[6]! & -(2 ** Math.max(outputBits === 52 ? 6 : 4, inputBits - topShift + 3));
    const root = new TableRoot(walker.format, { hi, lo, levels, inputBits, outputBits });
    return new Stage2(root, walker, F.S2R.of(words, 0) !== 0, stall);
  }
}
