import { rangesOverlap, type CacheFill, type UnitInvalidation } from '@ioasis/core';

/** One reason why an invalidation leaves an entry alone. */
export type Mismatch =
  | { readonly what: 'cache'; readonly entry: CacheFill['cache']; readonly asked: UnitInvalidation['caches'] }
  | { readonly what: 'tag'; readonly tag: string; readonly entry: number; readonly asked: number }
  | { readonly what: 'range'; readonly entry: CacheFill['range']; readonly asked: UnitInvalidation['range'] };

/**
 * Why an invalidation does not drop an entry, by the contract of `UnitObserver`: it must name the entry's kind of cache, no tag that the
 * entry has with another value, and no range without a byte of the entry's.
 * @returns empty: it does
 */
export function mismatches(fill: CacheFill, invalidation: UnitInvalidation): readonly Mismatch[] {
  const found: Mismatch[] = [];
  const { cache, tags, range } = fill;
  if (!invalidation.caches.includes(cache)) found.push({ what: 'cache', entry: cache, asked: invalidation.caches });
  for (const [tag, asked] of Object.entries(invalidation.tags)) {
    const entry = tags[tag];
    if (entry !== undefined && entry !== asked) found.push({ what: 'tag', tag, entry, asked });
  }
  const asked = invalidation.range;
  if (range !== undefined && asked !== undefined && !rangesOverlap(range, asked)) {
    found.push({ what: 'range', entry: range, asked });
  }
  return found;
}
