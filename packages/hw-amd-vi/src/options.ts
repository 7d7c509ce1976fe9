import {
  flagOption,
  integerOption,
  oneOfOption,
  optionRecord,
  powerOfTwoOption,
  requireOptions,
  word64Option,
} from '@ioasis/core';
import * as t from 'io-ts';
import type { PageTables } from './driver/table-traits.js';
import { AMD_VI_PRESETS, type AmdViPresetName } from './presets.js';
import { Capabilities } from './unit/capabilities.js';
import type { DteFetchBits } from './unit/device-table.js';

/** Caches of the unit: how many entries, a power of two, 0 = off. */
export interface AmdViCacheOptions {
  /** Device table entries. Default: what the preset's unit has. */
  readonly deviceEntries?: number;
  /** Pages. Default 1024. */
  readonly iotlbEntries?: number;
  /** Page directories of the last level above 4 KiB pages. Default: what the preset's unit has. */
  readonly directoryEntries?: number;
  /** With NpCache: keep that a page is not present. Default: what the preset's unit does. */
  readonly negative?: boolean;
  /** Entries of a set. Default 4. */
  readonly ways?: number;
  /** Replacement is pseudo-random from this seed; without it round robin. */
  readonly seed?: number;
  /** Keep when and from which table words each entry was filled. Default false. */
  readonly provenance?: boolean;
}

/** What an AMD IOMMU is. A preset gives all of it; the other options replace parts. */
export interface AmdViOptions {
  /** Default `qemu-q35-7.2`. */
  readonly preset?: AmdViPresetName;
  /** Extended Feature Register, whole. */
  readonly efr?: bigint;
  /** Extended Feature 2 Register, whole. */
  readonly efr2?: bigint;
  /** The PCI capability's NpCache bit: what is not present may be cached, and the driver invalidates after a map. Default: the preset's. */
  readonly npCache?: boolean;
  /**
   * Which tables the driver gives to domains: host tables, or guest tables under a GCR3 table of each device (Linux:
   * `amd_iommu=pgtbl_v2`), where the unit has EFR.GTSup and GIoSup. Default `v1`.
   */
  readonly pageTables?: PageTables;
  /** Bits of a device table entry that are read at once: 256 never sees a torn entry, 64 sees every order of stores. Default 256. */
  readonly dteFetchBits?: DteFetchBits;
  /** Caches, or false: every request walks. Default: on. */
  readonly caches?: boolean | AmdViCacheOptions;
  /** `immediate` (default): commands run when the tail is written; `stepped`: when `step()` is called. */
  readonly completion?: 'immediate' | 'stepped';
}

/** Sizes of all caches. */
export interface AmdViCacheConfiguration {
  readonly deviceEntries: number;
  readonly iotlbEntries: number;
  readonly directoryEntries: number;
  /** Pages that are not present are kept. */
  readonly negative: boolean;
  readonly ways: number;
  readonly seed: number | undefined;
  readonly provenance: boolean;
}

/** Options, decoded: every default filled in. */
export interface AmdViConfiguration {
  readonly capabilities: Capabilities;
  readonly npCache: boolean;
  readonly pageTables: PageTables;
  readonly dteFetchBits: DteFetchBits;
  readonly caches: AmdViCacheConfiguration;
  readonly completion: 'immediate' | 'stepped';
}

const entries = t.union([powerOfTwoOption(1, 65_536), oneOfOption(0)], 'a power of two up to 65536, or 0');

const cacheCodec = optionRecord<AmdViCacheOptions>({
  deviceEntries: entries,
  iotlbEntries: entries,
  directoryEntries: entries,
  negative: flagOption,
  ways: powerOfTwoOption(1, 64),
  seed: integerOption(0, 0xffff_ffff),
  provenance: flagOption,
});

const codec = optionRecord<AmdViOptions>({
  preset: oneOfOption(...(Object.keys(AMD_VI_PRESETS) as AmdViPresetName[])),
  efr: word64Option,
  efr2: word64Option,
  npCache: flagOption,
  pageTables: oneOfOption<PageTables>('v1', 'v2'),
  dteFetchBits: oneOfOption<DteFetchBits>(64, 128, 256),
  caches: t.union([flagOption, cacheCodec], 'true, false or an object of cache sizes'),
  completion: oneOfOption('immediate', 'stepped'),
});

/**
 * Decodes options; unknown keys are refused.
 * @throws RangeError with one message that names the path, the value and what is allowed
 */
export function amdViConfiguration(input: AmdViOptions = {}): AmdViConfiguration {
  const options = requireOptions('amdVi', codec, input);
  const preset = AMD_VI_PRESETS[options.preset ?? 'qemu-q35-7.2'];
  const caches = typeof options.caches === 'object' ? options.caches : {};
  const size = (asked: number | undefined, usual: number): number => (options.caches === false ? 0 : (asked ?? usual));
  const npCache = options.npCache ?? preset.npCache;
  return {
    capabilities: new Capabilities(options.efr ?? preset.efr, options.efr2 ?? preset.efr2),
    npCache,
    pageTables: options.pageTables ?? 'v1',
    dteFetchBits: options.dteFetchBits ?? 256,
    caches: {
      deviceEntries: size(caches.deviceEntries, preset.deviceEntries),
      iotlbEntries: size(caches.iotlbEntries, 1024),
      directoryEntries: size(caches.directoryEntries, preset.directoryEntries),
      negative: npCache && (caches.negative ?? preset.negative),
      ways: caches.ways ?? 4,
      seed: caches.seed,
      provenance: caches.provenance ?? false,
    },
    completion: options.completion ?? 'immediate',
  };
}
