import { WalkStop, type RadixWalker, type TableRoot } from '@ioasis/core';
import type { Request } from './request.js';
import type { TranslationCaches } from './translation-caches.js';

/**
 * Walks the tables of a request from the lowest one that the page directory cache knows, or from their root, and keeps the tables that
 * it went through.
 * @param domainId, tag of the cached tables
 * @returns as `RadixWalker.walk`
 */
export function walkFromCache(
  walker: RadixWalker,
  root: TableRoot,
  caches: TranslationCaches,
  request: Request,
  domainId: number,
  tag: number,
  access: number,
): boolean {
  const { iovaHi, iovaLo } = request;
  const { directories } = caches;
  if (!directories.isOn) return walker.walk(root, iovaHi, iovaLo, access);
  const isKnown = directories.find(iovaHi, iovaLo, domainId, tag);
  const { level, tableFrame, allowedHi, allowedLo } = directories;
  // The lowest table leads to no other: nothing is there to be kept.
  if (isKnown && level === 0) return walker.resume(root, 0, tableFrame, allowedHi, allowedLo, iovaHi, iovaLo, access);
  walker.isWatched = true;
  const isAllowed = isKnown
    ? walker.resume(root, level, tableFrame, allowedHi, allowedLo, iovaHi, iovaLo, access)
    : walker.walk(root, iovaHi, iovaLo, access);
  // An address beyond the tables read none: the walker still has the path of another walk.
  if (isAllowed || walker.stop !== WalkStop.INPUT) caches.keepTables(request, walker, domainId, tag);
  walker.isWatched = false;
  return isAllowed;
}
