import type { Random } from './random.js';

/** A part of RAM for page contents, inclusive start, exclusive end, multiples of 1 GiB. */
export interface TargetRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The part of a PC's first MiB that is not plain RAM: passed through, a write there is lost. */
const FIRMWARE = { start: 0xa_0000n, end: 0x10_0000n } as const;

/** The address, moved up where a PC has no RAM below 1 MiB. */
export const aboveFirmware = (address: bigint): bigint =>
  address >= FIRMWARE.start && address < FIRMWARE.end ? address + FIRMWARE.end : address;

/** Whether a page of 2^shift bytes has addresses that are not plain RAM, for a requester that is passed through. */
export const touchesFirmware = (address: bigint, shift: number): boolean =>
  address < FIRMWARE.end && address + (1n << BigInt(shift)) > FIRMWARE.start;

/** A random aligned physical address for a page of 2^shift bytes in one of the ranges. */
export function targetPage(random: Random, shift: number, ranges: readonly TargetRange[]): bigint {
  const { start, end } = random.pick(ranges);
  const pages = (end - start) >> BigInt(shift);
  if (pages === 0n) return start;
  return start + ((random.bits(40) % pages) << BigInt(shift));
}
