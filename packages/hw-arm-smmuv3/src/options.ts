import { flagOption, integerOption, oneOfOption, optionRecord, powerOfTwoOption, requireOptions } from '@ioasis/core';
import * as t from 'io-ts';
import { SMMU_V3_PRESETS, type SmmuV3PresetName } from './presets.js';
import { Capabilities, type IdRegisters } from './unit/capabilities.js';

/** Caches of the unit: how many entries, a power of two, 0 = off. */
export interface SmmuV3CacheOptions {
  /** Stream table entries. Default 64. */
  readonly streamEntries?: number;
  /** Context descriptors. Default 64. */
  readonly contextEntries?: number;
  /** Translations. Default 1024. */
  readonly tlbEntries?: number;
  /** Tables found by walks. Default: what the preset's unit has. */
  readonly walkEntries?: number;
  /** Entries of a set. Default 4. */
  readonly ways?: number;
  /** Replacement is pseudo-random from this seed; without it round robin. */
  readonly seed?: number;
  /** Keep when and from which descriptors each translation was filled. Default false. */
  readonly provenance?: boolean;
}

/** What an SMMUv3 is. A preset gives all of it; ID registers replace its own, whole. */
export interface SmmuV3Options extends Partial<IdRegisters> {
  /** Default `qemu-virt-7.2`. */
  readonly preset?: SmmuV3PresetName;
  /** Addresses of more bits do not reach the unit; 64: all do. */
  readonly busBits?: number;
  /** Caches, or false: every request walks. Default: on. */
  readonly caches?: boolean | SmmuV3CacheOptions;
  /** `immediate` (default): commands run when CMDQ_PROD is written; `stepped`: when `step()` is called. */
  readonly completion?: 'immediate' | 'stepped';
  /** Which stage the driver's domains use. Default 1 where the unit has it, as on Linux. */
  readonly domainStage?: 1 | 2;
}

/** Sizes of all caches. */
export interface SmmuV3CacheConfiguration {
  readonly streamEntries: number;
  readonly contextEntries: number;
  readonly tlbEntries: number;
  readonly walkEntries: number;
  readonly ways: number;
  readonly seed: number | undefined;
  readonly provenance: boolean;
}

/** Options, decoded: every default filled in. */
export interface SmmuV3Configuration {
  readonly capabilities: Capabilities;
  readonly busBits: number;
  readonly caches: SmmuV3CacheConfiguration;
  readonly completion: 'immediate' | 'stepped';
}

const entries = t.union([powerOfTwoOption(1, 65_536), oneOfOption(0)], 'a power of two up to 65536, or 0');
const word32 = integerOption(0, 0xffff_ffff);

const cacheCodec = optionRecord<SmmuV3CacheOptions>({
  streamEntries: entries,
  contextEntries: entries,
  tlbEntries: entries,
  walkEntries: entries,
  ways: powerOfTwoOption(1, 64),
  seed: word32,
  provenance: flagOption,
});

const codec = optionRecord<SmmuV3Options>({
  preset: oneOfOption(...(Object.keys(SMMU_V3_PRESETS) as SmmuV3PresetName[])),
  idr0: word32,
  idr1: word32,
  idr3: word32,
  idr5: word32,
  iidr: word32,
  aidr: word32,
  busBits: integerOption(32, 64),
  caches: t.union([flagOption, cacheCodec], 'true, false or an object of cache sizes'),
  completion: oneOfOption('immediate', 'stepped'),
  domainStage: oneOfOption(1, 2),
});

/**
 * Decodes options; unknown keys are refused.
 * @throws RangeError with one message that names the path, the value and what is allowed
 */
export function smmuV3Configuration(input: SmmuV3Options = {}): SmmuV3Configuration {
  const options = requireOptions('armSmmuv3', codec, input);
  const preset = SMMU_V3_PRESETS[options.preset ?? 'qemu-virt-7.2'];
  const caches = typeof options.caches === 'object' ? options.caches : {};
  const size = (asked: number | undefined, usual: number): number => (options.caches === false ? 0 : (asked ?? usual));
  return {
    capabilities: new Capabilities({
      idr0: options.idr0 ?? preset.idr0,
      idr1: options.idr1 ?? preset.idr1,
      idr3: options.idr3 ?? preset.idr3,
      idr5: options.idr5 ?? preset.idr5,
      iidr: options.iidr ?? preset.iidr,
      aidr: options.aidr ?? preset.aidr,
    }),
    busBits: options.busBits ?? preset.busBits,
    caches: {
      streamEntries: size(caches.streamEntries, 64),
      contextEntries: size(caches.contextEntries, 64),
      tlbEntries: size(caches.tlbEntries, 1024),
      walkEntries: size(caches.walkEntries, preset.walkEntries),
      ways: caches.ways ?? 4,
      seed: caches.seed,
      provenance: caches.provenance ?? false,
    },
    completion: options.completion ?? 'immediate',
  };
}
