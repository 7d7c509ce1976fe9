/** Inclusive range of 64-bit numbers. `last` is inclusive because 2^64 does not fit in 64 bits, and real kernels broke there. */
export interface Range64 {
  readonly start: bigint;
  readonly last: bigint;
}

/** Highest 64-bit number. */
export const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** True when the two inclusive ranges share at least one number. */
export const rangesOverlap = (a: Range64, b: Range64): boolean => a.start <= b.last && b.start <= a.last;

/** True when `outer` holds every number of `inner`. */
export const rangeContains = (outer: Range64, inner: Range64): boolean =>
  outer.start <= inner.start && inner.last <= outer.last;
