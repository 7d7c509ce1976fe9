import { TableRoot, wordField, type RadixWalker, type WordField } from '@ioasis/core';
import { bitsPerLevel, type GranuleShift } from '../format/granule.js';
import { CD, TG0_SHIFT, TG1_SHIFT, type CdField } from '../layouts/context-descriptor.js';
import { MOST_SIZE, type Capabilities } from './capabilities.js';
import type { StageWalkers } from './stage-walkers.js';
import { isBeyond, type StreamEntry } from './stream-entry.js';

const field = (name: CdField): WordField => wordField(CD, name);
const F = {
  T0SZ: field('T0SZ'),
  TG0: field('TG0'),
  EPD0: field('EPD0'),
  ENDI: field('ENDI'),
  T1SZ: field('T1SZ'),
  TG1: field('TG1'),
  EPD1: field('EPD1'),
  V: field('V'),
  IPS: field('IPS'),
  AFFD: field('AFFD'),
  WXN: field('WXN'),
  PAN: field('PAN'),
  TBI0: field('TBI0'),
  TBI1: field('TBI1'),
  AA64: field('AA64'),
  HD: field('HD'),
  HA: field('HA'),
  S: field('S'),
  R: field('R'),
  A: field('A'),
  ASID: field('ASID'),
  HAD0: field('HAD0'),
  HAD1: field('HAD1'),
};

/** One of a context's two translation regions. */
export interface Region {
  readonly root: TableRoot;
  readonly walker: RadixWalker;
  /** Input bits of an upper region below 2^32, as a mask: the addresses above them are all ones. 0: the root tests them. */
  readonly narrow: number;
}

/** A decoded context descriptor. One class, because the hit path reads it. */
export class Context {
  asid = 0;
  /** Null: EPDx, every access faults without a walk. */
  low: Region | null = null;
  high: Region | null = null;
  /** TBIx: the top byte of addresses of the region is ignored. */
  lowTopByteIgnored = false;
  highTopByteIgnored = false;
  /** R: translation faults are recorded. S: they stall. */
  record = false;
  stall = false;
  /** WXN: what can be written cannot be executed. */
  writeExecuteNever = false;
  /** PAN: the privileged do not touch data of the unprivileged. */
  privilegedAccessNever = false;
  /** As in the stream's entry. */
  singlePrivilege = false;
}

/** Decodes context descriptors (IHI 0070 5.4). */
export class ContextDecoder {
  readonly #capabilities: Capabilities;
  readonly #walkers: StageWalkers;

  constructor(capabilities: Capabilities, walkers: StageWalkers) {
    this.#capabilities = capabilities;
    this.#walkers = walkers;
  }

  /**
   * @param words 512 bits as 32-bit words
   * @returns null: illegal, C_BAD_CD
   */
  decode(words: Int32Array, stream: StreamEntry): Context | null {
    const capabilities = this.#capabilities;
    const has = (of: WordField): boolean => of.of(words, 0) !== 0;
    if (!has(F.V) || !has(F.AA64)) return null;
    if (!has(F.A) && capabilities.abortOnly) return null;
    const stalls = has(F.S);
    if (stalls ? !capabilities.canStall || stream.stallDisabled : capabilities.mustStall) return null;
    if ((has(F.HA) && !capabilities.accessedFlag) || (has(F.HD) && !capabilities.dirtyState)) return null;

    const context = new Context();
    // The EL2 regime has one address space.
    context.asid = stream.singlePrivilege ? 0 : F.ASID.of(words, 0);
    if (context.asid >>> capabilities.asidBits !== 0) return null;
    context.record = has(F.R);
    context.stall = stalls;
    context.lowTopByteIgnored = has(F.TBI0);
    context.highTopByteIgnored = has(F.TBI1);
    context.writeExecuteNever = has(F.WXN);
    context.singlePrivilege = stream.singlePrivilege;
    context.privilegedAccessNever = has(F.PAN) && !stream.singlePrivilege;
    // EPD0 is for worlds with two regions.
    if (!has(F.EPD0) || stream.singlePrivilege) {
      const region = this.#region(
        words,
        stream,
        TG0_SHIFT[F.TG0.of(words, 0)],
        F.T0SZ.of(words, 0),
        has(F.HAD0),
        2,
        'low',
      );
      if (region === null) return null;
      context.low = region;
    }
    if (!has(F.EPD1) && !stream.singlePrivilege) {
      const region = this.#region(
        words,
        stream,
        TG1_SHIFT[F.TG1.of(words, 0)],
        F.T1SZ.of(words, 0),
        has(F.HAD1),
        4,
        'high',
      );
      if (region === null) return null;
      context.high = region;
    }
    // Big-endian tables are not modelled: a unit that has them would read them, this one calls the CD illegal.
    const hasTables = context.low !== null || context.high !== null;
    return hasTables && (has(F.ENDI) || !capabilities.littleEndian) ? null : context;
  }

  /** @param ttb index of the 32-bit word where the table's address starts */
  #region(
    words: Int32Array,
    stream: StreamEntry,
    granule: GranuleShift | number | undefined,
    size: number,
    hierarchyDisabled: boolean,
    ttb: number,
    half: 'low' | 'high',
  ): Region | null {
    const capabilities = this.#capabilities;
    if (!capabilities.supportsGranule(granule)) return null;
    if (size < capabilities.leastSize(granule) || size > MOST_SIZE) return null;
    const inputBits = 64 - size;
    const levels = Math.ceil((inputBits - granule) / bitsPerLevel(granule));
    const outputBits = capabilities.outputBitsOf(F.IPS.of(words, 0));
    const hi = words[ttb + 1]! & 0xf_ffff;
    if (isBeyond(hi, granule === 16 ? outputBits : Math.min(outputBits, 48))) return null;
    const flags = {
      accessed: F.HA.of(words, 0) !== 0 ? 'set' : F.AFFD.of(words, 0) !== 0 ? 'ignore' : 'fault',
      // Without HA it counts as 0.
      dirty: F.HD.of(words, 0) !== 0 && F.HA.of(words, 0) !== 0,
    } as const;
    const isDisabled = hierarchyDisabled && capabilities.hierarchyDisable;
    const walker = this.#walkers.stage1(granule, isDisabled, stream.singlePrivilege, flags);
    // A root of fewer entries than a table is aligned to its own size, at least 16 bytes, 64 with 52 bits.
    const rootBits = inputBits - granule - (levels - 1) * bitsPerLevel(granule) + 3;
    const lo = words[ttb]! & -(2 ** Math.max(outputBits === 52 ? 6 : 4, rootBits));
    const narrow = half === 'high' && inputBits < 32 ? 2 ** inputBits - 1 : 0;
    const root = new TableRoot(walker.format, {
      hi,
      lo,
      levels,
      inputBits,
      region: narrow === 0 ? half : 'low',
      outputBits,
      translator: stream.stage2,
    });
    return { root, walker, narrow };
  }
}
