import {
  decodeOptions,
  flagOption,
  hex,
  integerOption,
  oneOfOption,
  optionRecord,
  powerOfTwoOption,
  refined,
  word64Option,
  type OptionFields,
  type Range64,
} from '@ioasis/core';
import { isLeft, left, right, type Either } from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { Capabilities } from './unit/capabilities.js';
import { CAP_REG, ECAP_REG } from './layouts/capability-registers.js';
import { VTD_PRESETS, type VtdPresetName } from './presets.js';

/** A page size of second-stage tables; 4K is always there. */
export type SecondStagePage = '2M' | '1G';

/** Caches of the unit: how many entries, 0 = off. Powers of two. */
export interface VtdCacheOptions {
  /** Default 64. */
  readonly contextEntries?: number;
  /** Default 64. */
  readonly pasidEntries?: number;
  /** Default 1024. */
  readonly iotlbEntries?: number;
  /** Paging-structure entries of each stage. Default 256. */
  readonly pagingEntries?: number;
  /** Entries of a set. Default 4. */
  readonly ways?: number;
  /** Replacement is pseudo-random from this seed; without it round robin. */
  readonly seed?: number;
  /** Under caching mode, also keep what is not present. Default true: hardware may. */
  readonly negative?: boolean;
  /** Keep when and from which table words each IOTLB entry was filled. Default false. */
  readonly provenance?: boolean;
}

/**
 * What a VT-d unit is. A preset gives all of it; `cap` and `ecap` replace its registers; the named knobs change fields of those.
 */
export interface VtdOptions {
  /** Default `qemu-q35-48bit`. */
  readonly preset?: VtdPresetName;
  /** Capability register, whole. */
  readonly cap?: bigint;
  /** Extended capability register, whole. */
  readonly ecap?: bigint;
  /** Bits of physical addresses, 36 to 52. */
  readonly hostAddressWidth?: number;
  /** Widest second-stage table: 39, 48 or 57 bits (SAGAW and MGAW); narrower ones stay as the preset has them. */
  readonly addressWidth?: 39 | 48 | 57;
  /** Large pages of second-stage tables (SSLPS). */
  readonly pageSizes?: readonly SecondStagePage[];
  /** CM: entries that are not present may be cached. */
  readonly cachingMode?: boolean;
  /** C and SMPWCS: walks are snooped; false: the driver must flush. */
  readonly coherent?: boolean;
  /** SC. */
  readonly snoopControl?: boolean;
  /** PT. */
  readonly passThrough?: boolean;
  /** SMTS, with SSTS. */
  readonly scalable?: boolean;
  /** RWBF: software must flush the write buffer. */
  readonly writeBufferFlush?: boolean;
  /** NFR + 1, 1 to 256. */
  readonly faultRecords?: number;
  /** Caches, or false: every request walks. Default: on. */
  readonly caches?: boolean | VtdCacheOptions;
  /** `immediate` (default): commands run when the tail is written; `stepped`: when `step()` is called. */
  readonly completion?: 'immediate' | 'stepped';
  /** Interrupt address range, inclusive, whole MiB. Default 0xFEE00000 to 0xFEEFFFFF, as on every PC. */
  readonly msiWindow?: Range64;
}

/** Options, decoded: every default filled in. */
export interface VtdConfiguration {
  readonly capabilities: Capabilities;
  readonly version: number;
  readonly caches: Required<Omit<VtdCacheOptions, 'seed'>> & { readonly seed: number | undefined };
  readonly completion: 'immediate' | 'stepped';
  readonly msiWindow: Range64;
}

const entries: t.Type<number> = refined(
  t.number,
  'a power of two up to 65536, or 0',
  (value) => value === 0 || (Number.isInteger(Math.log2(value)) && value >= 1 && value <= 65536),
);
const cacheFields: OptionFields<VtdCacheOptions> = {
  contextEntries: entries,
  pasidEntries: entries,
  iotlbEntries: entries,
  pagingEntries: entries,
  ways: powerOfTwoOption(1, 64),
  seed: integerOption(0, 0xffff_ffff),
  negative: flagOption,
  provenance: flagOption,
};
const msiWindow: t.Type<Range64> = refined(
  optionRecord<Range64>({ start: word64Option, last: word64Option }, ['start', 'last']),
  '{ start, last }, inclusive, whole MiB below 4 GiB',
  ({ start, last }) => start < last && start % 0x10_0000n === 0n && (last + 1n) % 0x10_0000n === 0n && last < 1n << 32n,
);
const codec: t.Type<VtdOptions> = optionRecord<VtdOptions>({
  preset: oneOfOption(...(Object.keys(VTD_PRESETS) as VtdPresetName[])),
  cap: word64Option,
  ecap: word64Option,
  hostAddressWidth: integerOption(36, 52),
  addressWidth: oneOfOption(39, 48, 57),
  pageSizes: refined(t.readonlyArray(oneOfOption<SecondStagePage>('2M', '1G')), 'a list of 2M, 1G', () => true),
  cachingMode: flagOption,
  coherent: flagOption,
  snoopControl: flagOption,
  passThrough: flagOption,
  scalable: flagOption,
  writeBufferFlush: flagOption,
  faultRecords: integerOption(1, 256),
  caches: t.union([flagOption, optionRecord<VtdCacheOptions>(cacheFields)], 'true, false or an object of cache sizes'),
  completion: oneOfOption('immediate', 'stepped'),
  msiWindow,
});

/**
 * Decodes options; unknown keys are refused.
 * @returns the configuration, or one message that names the path, the value and what is allowed
 */
export function decodeVtdOptions(input: unknown): Either<string, VtdConfiguration> {
  const decoded = decodeOptions('VT-d options', codec, input);
  if (isLeft(decoded)) return decoded;
  const options = decoded.right;
  const preset = VTD_PRESETS[options.preset ?? 'qemu-q35-48bit'];
  const width = options.hostAddressWidth ?? preset.hostAddressWidth;
  const capabilities = new Capabilities(capOf(options, preset.cap), ecapOf(options, preset.ecap), width);
  const overlap = registerOverlap(capabilities);
  if (overlap !== undefined) return left(`VT-d options: cap is ${hex(capabilities.cap)}, expected ${overlap}`);
  const caches = typeof options.caches === 'object' ? options.caches : {};
  const size = (asked: number | undefined, usual: number): number => (options.caches === false ? 0 : (asked ?? usual));
  return right({
    capabilities,
    version: preset.version,
    caches: {
      contextEntries: size(caches.contextEntries, 64),
      pasidEntries: size(caches.pasidEntries, 64),
      iotlbEntries: size(caches.iotlbEntries, 1024),
      pagingEntries: size(caches.pagingEntries, 256),
      ways: caches.ways ?? 4,
      seed: caches.seed,
      negative: capabilities.cachingMode && options.caches !== false && (caches.negative ?? true),
      provenance: caches.provenance ?? false,
    },
    completion: options.completion ?? 'immediate',
    msiWindow: options.msiWindow ?? { start: 0xfee0_0000n, last: 0xfeef_ffffn },
  });
}

function capOf(options: VtdOptions, preset: bigint): bigint {
  let cap = options.cap ?? preset;
  const set = (field: Parameters<typeof CAP_REG.mask>[0], value: bigint | number | boolean | undefined): void => {
    if (value !== undefined) cap = (cap & ~CAP_REG.mask(field)) | CAP_REG.encode({ [field]: value });
  };
  if (options.addressWidth !== undefined) {
    const bit = 1n << BigInt((options.addressWidth - 30) / 9);
    set('MGAW', options.addressWidth - 1);
    set('SAGAW', (CAP_REG.get(cap, 'SAGAW') & (bit - 1n)) | bit);
  }
  set('CM', options.cachingMode);
  set('RWBF', options.writeBufferFlush);
  if (options.faultRecords !== undefined) set('NFR', options.faultRecords - 1);
  if (options.pageSizes !== undefined) {
    set('SSLPS', (options.pageSizes.includes('2M') ? 1 : 0) + (options.pageSizes.includes('1G') ? 2 : 0));
  }
  return cap;
}

function ecapOf(options: VtdOptions, preset: bigint): bigint {
  let ecap = options.ecap ?? preset;
  const set = (field: Parameters<typeof ECAP_REG.mask>[0], value: boolean | undefined): void => {
    if (value !== undefined) ecap = (ecap & ~ECAP_REG.mask(field)) | ECAP_REG.encode({ [field]: value });
  };
  set('C', options.coherent);
  set('SMPWCS', options.coherent);
  set('SC', options.snoopControl);
  set('PT', options.passThrough);
  set('SMTS', options.scalable);
  set('SSTS', options.scalable);
  return ecap;
}

/** The relocated registers must lie inside the page, behind the fixed ones, and apart. */
function registerOverlap(capabilities: Capabilities): string | undefined {
  const first = capabilities.faultRecordOffset;
  const last = first + capabilities.faultRecords * 16 - 1;
  const iva = capabilities.iotlbOffset;
  if (first < 0xf0 || last > 0xfff) return 'FRO and NFR to keep all fault records inside 0xf0..0xfff';
  if (iva < 0xf0 || iva + 15 > 0xfff) return 'IRO (of ecap) to keep IVA and IOTLB inside 0xf0..0xfff';
  return iva <= last && first <= iva + 15
    ? 'fault records (FRO, NFR) and IOTLB registers (IRO of ecap) that do not overlap'
    : undefined;
}
