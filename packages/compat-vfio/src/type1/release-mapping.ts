import { FRAME_BYTES, frameOf, type IommuDomain } from '@ioasis/core';
import type { DmaEntry } from './dma-list.js';
import type { Type1State } from './state.js';
import { UnmappedRuns } from './unmapped-runs.js';

/**
 * An IOVA in pages as the words that domains take. Pages are doubles: a page number below 2^52 is exact where a byte address would not be.
 */
export const pageHi = (page: number, pageSize: number): number => Math.floor(page / (0x1_0000_0000 / pageSize)) | 0;
/** Low word of {@link pageHi}. */
export const pageLo = (page: number, pageSize: number): number => Math.imul(page, pageSize);

/** The 4 KiB frame behind an IOVA page, or -1. */
export function frameBehind(domain: IommuDomain, page: number, pageSize: number): number {
  if (!domain.iovaToPhys(pageHi(page, pageSize), pageLo(page, pageSize))) return -1;
  return frameOf(domain.foundPaHi, domain.foundPaLo);
}

/** Pages from `page` on, at most `count`, that lie behind each other in physical memory like in IOVA space; `frame` is the first one's. */
export function contiguousPages(
  domain: IommuDomain,
  page: number,
  count: number,
  frame: number,
  pageSize: number,
): number {
  const framesPerPage = pageSize / FRAME_BYTES;
  let pages = 1;
  while (pages < count && frameBehind(domain, page + pages, pageSize) === frame + pages * framesPerPage) pages++;
  return pages;
}

/** Takes pages out of the count of locked ones. */
export function uncountLocked(entry: DmaEntry, pages: number): void {
  entry.lockedPages -= pages;
  entry.space.lockedPages -= pages;
}

/**
 * Takes a mapping out of all domains and unpins its memory (`vfio_unmap_unpin`). The tables are the only record of what is pinned, so they
 * are asked run by run; nothing is unpinned before no domain and no cache can lead to it.
 */
function releasePages(state: Type1State, entry: DmaEntry): void {
  const [first, ...others] = state.domains;
  if (first === undefined || entry.size === 0n) return;
  const { pageSize } = state;
  const bytes = Number(entry.size);
  const firstPage = Number(entry.iova / BigInt(pageSize));
  for (const { mapper } of others) mapper.unmap(pageHi(firstPage, pageSize), pageLo(firstPage, pageSize), bytes);
  const released = new UnmappedRuns(entry, first.domain);
  let page = firstPage;
  const endPage = firstPage + bytes / pageSize;
  while (page < endPage) {
    const frame = frameBehind(first.domain, page, pageSize);
    if (frame < 0) throw new Error(`a pinned page of the mapping at 0x${entry.iova.toString(16)} is not in the domain`);
    const pages = contiguousPages(first.domain, page, endPage - page, frame, pageSize);
    const hi = pageHi(page, pageSize);
    const lo = pageLo(page, pageSize);
    const unmapped = first.mapper.unmapGathering(hi, lo, pages * pageSize, released.gather) / pageSize;
    if (unmapped < 1) throw new Error('a domain did not unmap what it maps');
    released.add(frame, unmapped);
    page += unmapped;
  }
  released.invalidateAndUnpin();
  entry.mapped = false;
  uncountLocked(entry, released.unlocked);
}

/** Removes a mapping with all it holds (`vfio_remove_dma`). */
export function removeMapping(state: Type1State, entry: DmaEntry): void {
  releasePages(state, entry);
  state.mappings.remove(entry);
  if (entry.vaddrInvalid) state.vaddrInvalid--;
  state.available++;
}

/** Removes every mapping. */
export function removeAllMappings(state: Type1State): void {
  for (let entry = state.mappings.first(); entry !== undefined; entry = state.mappings.first()) {
    removeMapping(state, entry);
  }
}
