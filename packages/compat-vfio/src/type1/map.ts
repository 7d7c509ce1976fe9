import { done, Errno, frameHi, frameLo, hi32, lo32, Prot, type IoResult, type Process } from '@ioasis/core';
import { MapFlag } from '../abi/constants.js';
import { DmaEntry } from './dma-list.js';
import { BITMAP_PAGES_MAX, DirtyBits } from './dirty-bits.js';
import { windowsAllow } from './iova-windows.js';
import { lockLimitPages, PageRuns, releaseRun } from './page-runs.js';
import { driverRefused, type1Refusals } from './refusals.js';
import { removeMapping, uncountLocked } from './release-mapping.js';
import type { Type1State } from './state.js';

const { refuse } = type1Refusals;

/** Arguments of VFIO_IOMMU_MAP_DMA after the flags were checked. */
export interface MapRequest {
  readonly flags: number;
  readonly vaddr: bigint;
  readonly iova: bigint;
  readonly size: bigint;
}

/** VFIO_IOMMU_MAP_DMA of the classic container, in the order of `vfio_dma_do_map`. */
export function mapDma(state: Type1State, process: Process, request: MapRequest): IoResult<0> {
  const { flags, vaddr, iova, size } = request;
  const prot = (flags & MapFlag.READ ? Prot.READ : 0) | (flags & MapFlag.WRITE ? Prot.WRITE : 0);
  const replacesAddress = (flags & MapFlag.VADDR) !== 0;
  if (prot !== 0 && replacesAddress) return refuse('TYPE1_MAP_VADDR_AND_ACCESS', { flags });
  if (prot === 0 && !replacesAddress) return refuse('TYPE1_MAP_NO_ACCESS', { flags });
  const page = state.smallestPage;
  if (size === 0n) return refuse('TYPE1_MAP_EMPTY', { iova });
  if (((size | iova | vaddr) & (page - 1n)) !== 0n) return refuse('TYPE1_MAP_ALIGNMENT', { iova, vaddr, size, page });
  if (wraps(iova, size) || wraps(vaddr, size)) return refuse('TYPE1_MAP_WRAPS', { iova, vaddr, size });
  const existing = state.mappings.find(iova, size) ?? state.mappings.atTop(iova, size);
  if (replacesAddress) return replaceAddress(state, process, request, existing);
  if (existing !== undefined) {
    return refuse('TYPE1_MAP_EXISTS', { iova, size, existingIova: existing.iova, existingSize: existing.size });
  }
  if (state.available === 0) return refuse('TYPE1_MAP_LIMIT', { limit: state.parameters.dmaEntryLimit });
  const last = iova + size - 1n;
  if (!windowsAllow(state.windows, iova, last)) {
    const highest = state.windows.at(-1)?.last ?? 0n;
    const hint = `the highest usable IOVA is 0x${highest.toString(16)}; IOVA_RANGE lists all windows`;
    return refuse('TYPE1_MAP_OUTSIDE', { iova, last, highest }, hint);
  }
  return makeMapping(state, new DmaEntry(iova, vaddr, prot, process, process.capable('ipc_lock')), size);
}

const wraps = (start: bigint, size: bigint): boolean => BigInt.asUintN(64, start + size - 1n) < start;

function makeMapping(state: Type1State, entry: DmaEntry, size: bigint): IoResult<0> {
  if (state.failure !== null && state.failure.fails('allocate')) return refuse('TYPE1_NO_MEMORY', { iova: entry.iova });
  state.available--;
  state.mappings.insert(entry);
  const mapped = pinAndMap(state, entry, size);
  if (mapped._tag === 'Left') {
    removeMapping(state, entry);
    return mapped;
  }
  if (!state.tracking) return done;
  const tracked = startTracking(entry, state.smallestPage);
  if (tracked._tag === 'Left') removeMapping(state, entry);
  return tracked;
}

/** Pins the buffer piece by piece and maps each piece in every domain; the mapping grows with each (`vfio_pin_map_dma`). */
function pinAndMap(state: Type1State, entry: DmaEntry, size: bigint): IoResult<0> {
  const { pageSize, parameters } = state;
  const runs = new PageRuns(entry, entry.process, !parameters.disableHugePages);
  const pages = Number(size / BigInt(pageSize));
  const firstPage = Number(entry.vaddr / BigInt(pageSize));
  entry.mapped = true;
  for (let mapped = 0; mapped < pages; mapped += runs.pages) {
    const errno = runs.next(firstPage + mapped, pages - mapped);
    if (errno !== 0) return refusePin(entry, errno, firstPage + mapped, pageSize);
    const refused = mapRun(state, entry.iova + entry.size, runs.firstFrame, runs.pages, entry.prot);
    if (refused !== 0) {
      uncountLocked(entry, releaseRun(entry.space, runs.firstFrame, runs.pages));
      runs.abandon();
      return driverRefused(refused, 'map', { iova: entry.iova + entry.size, pages: runs.pages });
    }
    entry.size += BigInt(runs.pages * pageSize);
  }
  return done;
}

/** Why pinning stopped, as a refusal. */
function refusePin(entry: DmaEntry, errno: number, page: number, pageSize: number): IoResult<never> {
  const vaddr = BigInt(page) * BigInt(pageSize);
  if (errno === Errno.EFAULT)
    return refuse('TYPE1_PIN_FAILED', { fromVaddr: vaddr, write: (entry.prot & Prot.WRITE) !== 0 });
  const limitPages = lockLimitPages(entry.process);
  return refuse('TYPE1_MEMLOCK', { lockedPages: entry.space.lockedPages, limitPages, fromVaddr: vaddr });
}

/** Maps a run in every domain, or in none. @returns 0 or an errno number */
function mapRun(state: Type1State, iova: bigint, frame: number, pages: number, prot: number): number {
  const { failure, pageSize } = state;
  const bytes = pages * pageSize;
  for (const [at, { mapper }] of state.domains.entries()) {
    const failed = failure !== null && failure.fails('backend');
    const errno = failed
      ? Errno.ENOMEM
      : mapper.map(hi32(iova), lo32(iova), frameHi(frame), frameLo(frame), bytes, prot | Prot.CACHE);
    if (errno === 0) continue;
    for (const earlier of state.domains.slice(0, at)) earlier.mapper.unmap(hi32(iova), lo32(iova), bytes);
    return errno;
  }
  return 0;
}

/** Gives a mapping its dirty bits (`vfio_dma_bitmap_alloc`). */
export function startTracking(entry: DmaEntry, page: bigint): IoResult<0> {
  const pages = entry.size / page;
  if (pages > BITMAP_PAGES_MAX) return refuse('TYPE1_BITMAP_TOO_MANY_PAGES', { pages });
  entry.dirty = new DirtyBits(Number(pages));
  return done;
}

/** Ends the replacement of a virtual address; the pages' account moves to the caller if it is another process (`vfio_change_dma_owner`). */
function replaceAddress(
  state: Type1State,
  process: Process,
  { vaddr, iova, size }: MapRequest,
  entry: DmaEntry | undefined,
): IoResult<0> {
  if (entry === undefined) return refuse('TYPE1_VADDR_NO_MAPPING', { iova, size });
  if (!entry.vaddrInvalid || entry.iova !== iova || entry.size !== size) {
    const facts = { invalidated: entry.vaddrInvalid, existingIova: entry.iova, existingSize: entry.size };
    return refuse('TYPE1_VADDR_MISMATCH', { iova, size, ...facts });
  }
  if (process.addressSpace !== entry.space) {
    const unlimited = process.capable('ipc_lock');
    const space = process.addressSpace;
    if (!unlimited && space.lockedPages + entry.lockedPages > lockLimitPages(process)) {
      return refuse('TYPE1_MEMLOCK', { lockedPages: space.lockedPages, limitPages: lockLimitPages(process) });
    }
    space.lockedPages += entry.lockedPages;
    entry.space.lockedPages -= entry.lockedPages;
    entry.process = process;
    entry.unlimited = unlimited;
  }
  entry.vaddr = vaddr;
  entry.vaddrInvalid = false;
  state.vaddrInvalid--;
  return done;
}
