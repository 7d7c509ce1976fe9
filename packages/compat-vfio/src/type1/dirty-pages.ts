import {
  done,
  VfioIommuType1DirtyBitmap,
  VfioIommuType1DirtyBitmapGet,
  type IoctlCall,
  type IoResult,
} from '@ioasis/core';
import { DirtyFlag } from '../abi/constants.js';
import { copyArgument, copyStruct } from '../argument.js';
import { bitmapSizeValid } from './dirty-bits.js';
import { startTracking } from './map.js';
import { type1Refusals } from './refusals.js';
import type { Type1State } from './state.js';
import { handOutDirty, mappingCutBy } from './unmap.js';

const { refuse } = type1Refusals;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
/** First address that is not a program's: what `access_ok` compares with on x86-64. */
const USER_END = 0x7fff_ffff_f000n;
const ANY_FLAG: number = DirtyFlag.START | DirtyFlag.STOP | DirtyFlag.GET_BITMAP;

/** VFIO_IOMMU_DIRTY_PAGES of the classic container (`vfio_iommu_type1_dirty_pages`). */
export function dirtyPages(state: Type1State, call: IoctlCall): IoResult<0> {
  if (!state.v2) return refuse('TYPE1_DIRTY_NEEDS_V2');
  const argument = copyArgument(call, VfioIommuType1DirtyBitmap);
  if (argument._tag === 'Left') return argument;
  const { argsz, flags } = argument.right.values;
  if ((flags & ~ANY_FLAG) !== 0) return refuse('TYPE1_DIRTY_FLAGS', { flags });
  switch (flags) {
    case DirtyFlag.START:
      return state.tracking ? done : start(state);
    case DirtyFlag.STOP:
      state.tracking = false;
      for (const entry of state.mappings) entry.dirty = undefined;
      return done;
    case DirtyFlag.GET_BITMAP:
      return argsz - VfioIommuType1DirtyBitmap.size < VfioIommuType1DirtyBitmapGet.size
        ? refuse('TYPE1_BITMAP_ARGSZ', { argsz })
        : getBitmap(state, call);
    default:
      return refuse('TYPE1_DIRTY_FLAGS', { flags });
  }
}

function start(state: Type1State): IoResult<0> {
  for (const entry of state.mappings) {
    const tracked = startTracking(entry, state.smallestPage);
    if (tracked._tag === 'Right') continue;
    for (const earlier of state.mappings) earlier.dirty = undefined;
    return tracked;
  }
  state.tracking = true;
  return done;
}

/**
 * Checks a program's bitmap as far as it can be checked without the container: pointer and size. A page size of 0 has no lowest set bit;
 * processors shift by 0 then, and the page size is refused later.
 */
export function checkBitmap(data: bigint, bytes: bigint, pgsize: bigint, rangeBytes: bigint): IoResult<0> {
  if (data + bytes > USER_END) return refuse('TYPE1_BITMAP_POINTER', { data, bytes });
  const page = pgsize === 0n ? 1n : pgsize & -pgsize;
  const pages = rangeBytes / page;
  return bitmapSizeValid(pages, bytes) ? done : refuse('TYPE1_BITMAP_SIZE', { pages, bytes });
}

function getBitmap(state: Type1State, call: IoctlCall): IoResult<0> {
  const argument = copyStruct(call, VfioIommuType1DirtyBitmapGet, BigInt(VfioIommuType1DirtyBitmap.size));
  if (argument._tag === 'Left') return argument;
  const { iova, size, pgsize, bitmap_size: bytes, data } = argument.right.values;
  if (iova + size > U64_MAX) return refuse('TYPE1_BITMAP_RANGE', { iova, size });
  const checked = checkBitmap(data, bytes, pgsize, size);
  if (checked._tag === 'Left') return checked;
  const page = state.smallestPage;
  if (pgsize !== page) return refuse('TYPE1_BITMAP_PGSIZE', { pgsize, page });
  if (((iova | size) & (page - 1n)) !== 0n || size === 0n) return refuse('TYPE1_BITMAP_RANGE', { iova, size, page });
  if (!state.tracking) return refuse('TYPE1_DIRTY_OFF');
  const cut = mappingCutBy(state, iova, size);
  if (cut !== undefined)
    return refuse('TYPE1_BITMAP_BISECTS', { iova, size, mappingIova: cut.iova, mappingSize: cut.size });
  for (const entry of state.mappings) {
    if (entry.iova < iova || entry.iova > iova + size - 1n) continue;
    if (!handOutDirty(state, call.process, entry, data, iova)) {
      return refuse('TYPE1_BITMAP_UNWRITABLE', { data, mappingIova: entry.iova });
    }
    entry.dirty?.clearPages();
  }
  return done;
}
