import { right } from 'fp-ts/lib/Either.js';
import type { IoResult, Process } from '@ioasis/core';
import { UnmapFlag } from '../abi/constants.js';
import type { DmaEntry } from './dma-list.js';
import { notifyUntilUnpinned } from './mediated-port.js';
import { type1Refusals } from './refusals.js';
import { removeMapping } from './release-mapping.js';
import type { Type1State } from './state.js';

const { refuse } = type1Refusals;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Arguments of VFIO_IOMMU_UNMAP_DMA after the flags were checked. */
export interface UnmapRequest {
  readonly flags: number;
  readonly iova: bigint;
  readonly size: bigint;
  /** With GET_DIRTY_BITMAP: page size and address of the program's bitmap. */
  readonly bitmap: { readonly pgsize: bigint; readonly data: bigint } | undefined;
}

/** VFIO_IOMMU_UNMAP_DMA of the classic container, in the order of `vfio_dma_do_unmap`. @returns bytes unmapped */
export function unmapDma(state: Type1State, process: Process, request: UnmapRequest): IoResult<bigint> {
  const { iova, bitmap } = request;
  let { size } = request;
  const all = (request.flags & UnmapFlag.ALL) !== 0;
  const page = state.smallestPage;
  if ((iova & (page - 1n)) !== 0n) return refuse('TYPE1_UNMAP_ALIGNMENT', { iova, page });
  if (all) {
    if (iova !== 0n || size !== 0n) return refuse('TYPE1_UNMAP_ALL_RANGE', { iova, size });
    size = U64_MAX;
  } else {
    if (size === 0n) return refuse('TYPE1_UNMAP_SIZE', { iova });
    if ((size & (page - 1n)) !== 0n) return refuse('TYPE1_UNMAP_ALIGNMENT', { size, page });
    if (iova + size - 1n > U64_MAX) return refuse('TYPE1_UNMAP_WRAPS', { iova, size });
  }
  if (bitmap !== undefined && !state.tracking) return refuse('TYPE1_DIRTY_OFF');
  if (bitmap !== undefined && bitmap.pgsize !== page)
    return refuse('TYPE1_BITMAP_PGSIZE', { pgsize: bitmap.pgsize, page });
  if (state.v2 && !all) {
    const cut = mappingCutBy(state, iova, size);
    if (cut !== undefined)
      return refuse('TYPE1_UNMAP_BISECTS', { iova, size, mappingIova: cut.iova, mappingSize: cut.size });
  }
  return (request.flags & UnmapFlag.VADDR) !== 0
    ? invalidateAddresses(state, iova, size)
    : removeRange(state, process, iova, size, bitmap?.data);
}

/** A mapping that the range would cut, at its start or at its end. */
export function mappingCutBy(
  state: Type1State,
  iova: bigint,
  size: bigint,
): { readonly iova: bigint; readonly size: bigint } | undefined {
  const atStart = state.mappings.find(iova, 1n);
  if (atStart !== undefined && atStart.iova !== iova) return atStart;
  const atEnd = state.mappings.find(iova + size - 1n, 0n);
  return atEnd !== undefined && atEnd.iova + atEnd.size !== iova + size ? atEnd : undefined;
}

/**
 * The mappings that an unmap reaches. TYPE1 (v1) goes by the first IOVA of a mapping: one that begins before the range stops the walk, one that
 * begins inside goes as a whole.
 */
function reached(state: Type1State, iova: bigint, size: bigint): readonly DmaEntry[] {
  const end = BigInt.asUintN(64, iova + size);
  const entries: DmaEntry[] = [];
  for (let entry = state.mappings.firstFrom(iova, size); entry !== undefined; entry = state.mappings.next(entry)) {
    if (entry.iova >= end || (!state.v2 && iova > entry.iova)) break;
    entries.push(entry);
  }
  return entries;
}

function removeRange(
  state: Type1State,
  process: Process,
  iova: bigint,
  size: bigint,
  bitmap: bigint | undefined,
): IoResult<bigint> {
  let unmapped = 0n;
  for (const entry of reached(state, iova, size)) {
    notifyUntilUnpinned(state, entry);
    if (bitmap !== undefined && !handOutDirty(state, process, entry, bitmap, iova)) {
      return refuse('TYPE1_BITMAP_UNWRITABLE', { bitmap, mappingIova: entry.iova, unmapped });
    }
    unmapped += entry.size;
    removeMapping(state, entry);
  }
  return right(unmapped);
}

/** Adds the dirty pages of one mapping to the program's bitmap, whose first bit is `base`. False: it cannot be written. */
export function handOutDirty(
  state: Type1State,
  process: Process,
  entry: DmaEntry,
  bitmap: bigint,
  base: bigint,
): boolean {
  // A device behind an IOMMU may have written everywhere that it could reach.
  if (state.domains.length > 0 && entry.mapped) entry.dirty?.setAll();
  const bitOffset = Number((entry.iova - base) / state.smallestPage);
  return entry.dirty?.copyOut(process.addressSpace, bitmap, bitOffset) ?? true;
}

/** First half of an update of virtual addresses: all addresses in the range become invalid, or none. */
function invalidateAddresses(state: Type1State, iova: bigint, size: bigint): IoResult<bigint> {
  const entries = reached(state, iova, size);
  const invalid = entries.find((entry) => entry.vaddrInvalid);
  if (invalid !== undefined) return refuse('TYPE1_VADDR_INVALID_ALREADY', { mappingIova: invalid.iova });
  for (const entry of entries) entry.vaddrInvalid = true;
  state.vaddrInvalid += entries.length;
  return right(entries.reduce((bytes, entry) => bytes + entry.size, 0n));
}
