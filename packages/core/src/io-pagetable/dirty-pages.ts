import { isLeft, left } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import { DIRTY_NO_CLEAR, IotlbGather, type DomainDirtyOps, type IommuDomain } from '../domain/index.js';
import { done, type IoResult } from '../errno/index.js';
import type { Process } from '../process/index.js';
import { contiguousAreas, lastOf } from './contiguous-areas.js';
import { DirtyBitmap } from './dirty-bitmap.js';
import type { TableState } from './table-state.js';
import { backendRefused, refusals } from './refusals.js';

const { refuse } = refusals;

/** One IOMMU_HWPT_GET_DIRTY_BITMAP. */
export interface DirtyBitmapRequest {
  readonly process: Process;
  readonly iova: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** Bytes of IOVA that a bit stands for; of a number that is no power of two the lowest set bit counts. */
  readonly pageSize: bigint;
  /** User address of bit 0, which stands for `iova`. */
  readonly bitmap: bigint;
  /** `DIRTY_NO_CLEAR` or 0. */
  readonly flags: number;
  /** False: a length of 0 is taken for 2^64, as kernels did before they refused it. */
  readonly refusesEmpty: boolean;
}

/** `iopt_set_dirty_tracking` */
export function setDirtyTracking(table: TableState, domain: IommuDomain, enabled: boolean): IoResult<0> {
  const { dirty } = domain;
  if (dirty === undefined) return refuse('DIRTY_UNSUPPORTED');
  if (enabled) {
    const cleared = clearDirty(table, domain, dirty);
    if (isLeft(cleared)) return cleared;
  }
  const errno = dirty.setTracking(enabled);
  return errno === 0 ? done : left(backendRefused(errno, { enabled }));
}

/** Forgets what was dirty, so that a snapshot starts clean (`iopt_clear_dirty_data`). */
function clearDirty(table: TableState, domain: IommuDomain, dirty: DomainDirtyOps): IoResult<0> {
  const gather = new IotlbGather();
  let errno = 0;
  table.areas.forEach((area) => {
    if (area.pages === null) return true;
    errno = readAndClear(dirty, area.iova, area.last, 0, null, gather);
    return errno === 0;
  });
  domain.syncUnmap(gather);
  return errno === 0 ? done : left(backendRefused(errno, {}));
}

/**
 * `iopt_read_and_clear_dirty_data`. Holes, bits that cannot be written and errors of the driver end the reading without an error, as in
 * Linux, where nobody looks at the result of the walk.
 */
export function readAndClearDirty(table: TableState, domain: IommuDomain, request: DirtyBitmapRequest): IoResult<0> {
  const { iova, flags } = request;
  const checked = checkRange(table, request);
  if (isLeft(checked)) return checked;
  const { dirty } = domain;
  if (dirty === undefined) return refuse('DIRTY_UNSUPPORTED');
  if (table.failure !== null && table.failure.fails('allocate')) {
    return refuse('IOPT_OUT_OF_MEMORY', { what: 'bitmap' });
  }
  const last = lastIova(request);
  const bitmap = new DirtyBitmap(request.process.addressSpace, iova, last, request.pageSize, request.bitmap);
  const gather = new IotlbGather();
  let at = iova;
  for (const area of contiguousAreas(table, iova, last)) {
    const end = lastOf(area, last);
    if (readAndClear(dirty, at, end, flags, bitmap, gather) !== 0) break;
    at = end + 1n;
  }
  bitmap.close();
  if ((flags & DIRTY_NO_CLEAR) === 0) domain.syncUnmap(gather);
  return done;
}

const lastIova = ({ iova, length }: DirtyBitmapRequest): bigint => BigInt.asUintN(64, iova + length - 1n);

/** `iommufd_check_iova_range` */
function checkRange(table: TableState, request: DirtyBitmapRequest): IoResult<0> {
  const { iova, length, pageSize, refusesEmpty } = request;
  if (length === 0n && refusesEmpty) return refuse('DIRTY_LENGTH_ZERO', { iova });
  if (iova + BigInt.asUintN(64, length - 1n) > U64_MAX) return refuse('DIRTY_RANGE_OVERFLOW', { iova, length });
  const ends = iova | BigInt.asUintN(64, lastIova(request) + 1n);
  const { alignment } = table;
  if ((ends & BigInt(alignment - 1)) !== 0n) return refuse('DIRTY_RANGE_UNALIGNED', { iova, length, alignment });
  if (pageSize === 0n) return refuse('DIRTY_PAGE_SIZE_ZERO');
  if ((ends & (pageSize - 1n)) !== 0n) return refuse('DIRTY_PAGE_SIZE_UNALIGNED', { iova, length, pageSize });
  return done;
}

function readAndClear(
  dirty: DomainDirtyOps,
  first: bigint,
  last: bigint,
  flags: number,
  bitmap: DirtyBitmap | null,
  gather: IotlbGather,
): number {
  const hi = Number(first >> 32n) | 0;
  const lo = Number(first & 0xffff_ffffn) | 0;
  return dirty.readAndClear(hi, lo, Number(last - first + 1n), flags, bitmap, gather);
}
