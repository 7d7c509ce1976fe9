import { join64, WalkStop, type CarefulWalker } from '@ioasis/core';

/** Where a walk ended: what a fault tells besides its reason. */
export type WalkFailure = Readonly<Record<string, bigint | number | string>>;

/** The stage, level, entry address and entry at which a walker stopped; what it did not get to is left out. */
export function describeStop(stage: 'first' | 'second', walker: CarefulWalker): WalkFailure {
  if (walker.stop === WalkStop.INPUT) return { stage };
  const level = walker.level + 1;
  const entryAddress = join64(walker.entryAddressHi, walker.entryAddressLo);
  if (walker.stop === WalkStop.STAGE || walker.stop === WalkStop.ABORT) return { stage, level, entryAddress };
  return { stage, level, entryAddress, entry: join64(walker.entryHi, walker.entryLo) };
}
