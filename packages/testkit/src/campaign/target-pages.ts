import type { Random } from './random.js';

/** A part of RAM for page contents, inclusive start, exclusive end, multiples of 1 GiB. */
export interface TargetRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** A random aligned physical address for a page of 2^shift bytes in one of the ranges, or anywhere below 2^`bits` in a few of 100. */
export function targetPage(random: Random, shift: number, ranges: readonly TargetRange[]): bigint {
  const { start, end } = random.pick(ranges);
  const pages = (end - start) >> BigInt(shift);
  if (pages === 0n) return start;
  return start + ((random.bits(40) % pages) << BigInt(shift));
}
