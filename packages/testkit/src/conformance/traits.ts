import {
  HwptFlag,
  rangesOverlap,
  type BackendDefinition,
  type ContractClause,
  type DeviceCapabilities,
  type Range64,
  type ReservedRegion,
} from '@ioasis/core';
import { Bench } from './bench.js';

const GIB = 1n << 30n;
/** RAM that pages are mapped to begins here, unless their size asks for another place. */
export const TARGET = 0x1000_0000n;

/** What a backend says of itself, read once before cases are made. Nothing of it can be given from outside. */
export interface BackendTraits {
  readonly definition: BackendDefinition;
  readonly capabilities: DeviceCapabilities;
  /** log2 bytes of the pages of an ordinary domain, ascending. */
  readonly pageShifts: readonly number[];
  readonly aperture: Range64;
  readonly reserved: readonly ReservedRegion[];
  /** The unit has registers, so there is hardware to look at; false for a mock that asks its domains. */
  readonly hasHardware: boolean;
  /** Nest parents can be had. */
  readonly hasNesting: boolean;
  /** The unit answers a second request from a cache. */
  readonly keepsTranslations: boolean;
  /** Why the backend does not keep a clause; undefined: it says it does. */
  deviation(clause: ContractClause): string | undefined;
}

/** Reads the traits of a backend. */
export function readTraits(definition: BackendDefinition): BackendTraits {
  const bench = new Bench(definition);
  const device = bench.device();
  const { backend } = bench;
  const unit = bench.unit();
  const bare = bench.attached();
  const { aperture, pageSizes } = bare.domain;
  const traits = {
    definition,
    capabilities: backend.capabilitiesOf(device),
    pageShifts: Array.from({ length: 64 }, (_, shift) => shift).filter(
      (shift) => ((pageSizes >> BigInt(shift)) & 1n) === 1n,
    ),
    aperture,
    reserved: backend.reservedRegions(device),
    hasHardware: unit.mmioBytes > 0,
    hasNesting: typeof backend.allocPaging(device, HwptFlag.NEST_PARENT, undefined) !== 'number',
    deviation: (clause: ContractClause): string | undefined =>
      definition.deviations?.find((deviation) => deviation.clause === clause)?.why,
  };
  const iova = placeFor({ ...traits, keepsTranslations: false }, 1n << 16n);
  bare.tryMap(iova, TARGET, 1n << 16n);
  bench.request(device, iova);
  const { iotlbHits } = unit.counters;
  bench.request(device, iova);
  return { ...traits, keepsTranslations: unit.counters.iotlbHits > iotlbHits };
}

/** Ranges that a device cannot use at all. */
const isBlocking = ({ kind }: ReservedRegion): boolean => kind !== 'sw-msi' && kind !== 'direct-relaxable';

/**
 * An IOVA for `bytes` bytes, aligned, where DMA is possible: from 1 GiB on if there is room, else as low as can be.
 * @throws RangeError when there is none
 */
export function placeFor(traits: BackendTraits, bytes: bigint, align: bigint = bytes): bigint {
  const { aperture } = traits;
  const place = firstPlace(traits, GIB, bytes, align) ?? firstPlace(traits, aperture.start, bytes, align);
  if (place === undefined) throw new RangeError(`no IOVA for ${bytes} bytes`);
  return place;
}

/** Whether {@link placeFor} finds a place. */
export const hasPlace = (traits: BackendTraits, bytes: bigint): boolean =>
  firstPlace(traits, traits.aperture.start, bytes, bytes) !== undefined;

function firstPlace(
  { aperture, reserved }: BackendTraits,
  from: bigint,
  bytes: bigint,
  align: bigint,
): bigint | undefined {
  let at = roundUp(from > aperture.start ? from : aperture.start, align);
  for (;;) {
    const range = { start: at, last: at + bytes - 1n };
    if (range.last > aperture.last) return undefined;
    const blocking = reserved.find((region) => isBlocking(region) && rangesOverlap(region, range));
    if (blocking === undefined) return at;
    at = roundUp(blocking.last + 1n, align);
  }
}

const roundUp = (value: bigint, align: bigint): bigint => ((value + align - 1n) / align) * align;

/** Physical address for a page of this size, aligned: RAM where the size allows it, else 0, which every alignment divides. */
export const targetFor = (bytes: bigint): bigint => (bytes > GIB ? 0n : bytes > TARGET ? bytes : TARGET);

/** Bytes of the smallest page. */
export const smallest = ({ pageShifts }: BackendTraits): bigint => 1n << BigInt(pageShifts[0]!);

/** Page sizes up to 1 GiB of which `count` have room, as log2 bytes: all of them, or where there are many the ends and the usual ones. */
export function someShifts(traits: BackendTraits, count: bigint): number[] {
  const fitting = traits.pageShifts.filter((shift) => shift <= 30 && hasPlace(traits, count << BigInt(shift)));
  return fitting.length <= 4
    ? fitting
    : fitting.filter((shift, at) => at <= 1 || at === fitting.length - 1 || shift === 21);
}

/** `4 KiB`, `2 MiB` ... */
export function sizeName(shift: number): string {
  const unit = Math.floor(shift / 10);
  return `${2 ** (shift % 10)} ${['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][unit]}`;
}
