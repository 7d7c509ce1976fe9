import { isLeft, left, right } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import { Prot } from '../domain/index.js';
import { done, type IoResult } from '../errno/index.js';
import type { AddressSpace } from '../memory/index.js';
import type { Area } from './area.js';
import { copyPages } from './copy-pages.js';
import { contiguousAreas, lastOf } from './contiguous-areas.js';
import { holdPages, releasePages } from './hold-pages.js';
import type { TableAccess, TableState } from './table-state.js';
import { refusals } from './refusals.js';

const { refuse } = refusals;
/** Pages that one call can pin: what an array of pointers in kernel memory holds (INT_MAX bytes). */
const MAX_PINNED = 0x7fff_ffff / 8;

/** `iommufd_access_pin_pages` */
export function pinPages(
  table: TableState,
  access: TableAccess,
  iova: bigint,
  length: bigint,
  write: boolean,
): IoResult<Float64Array> {
  if (!access.pinsPages) return refuse('ACCESS_CANNOT_PIN', { iova });
  const bad = checkRange(iova, length);
  if (isLeft(bad)) return bad;
  const last = iova + length - 1n;
  const count = (length + BigInt(table.pageSize - 1)) / BigInt(table.pageSize);
  if (count > MAX_PINNED) return refuse('IOPT_OUT_OF_MEMORY', { what: 'page list', pages: count });
  const frames = new Float64Array(Number(count));
  let at = iova;
  let held = 0;
  let refused: IoResult<0> = done;
  for (const area of contiguousAreas(table, iova, last)) {
    const end = lastOf(area, last);
    refused = checkAligned(area, at, end === last);
    if (isLeft(refused)) break;
    refused = checkPermission(area, write);
    if (isLeft(refused)) break;
    const first = area.indexOf(at);
    const lastIndex = area.indexOf(end);
    const refusal = holdPages(area.pages!, first, lastIndex, frames, held, table.failure);
    if (refusal !== null) {
      refused = left(refusal);
      break;
    }
    area.accessCount++;
    held += lastIndex - first + 1;
    at = end + 1n;
  }
  if (at > last) return right(frames);
  if (at > iova) unpinPages(table, iova, at - 1n);
  return isLeft(refused) ? refused : refuse('ACCESS_HOLE', { iova, last, hole: at });
}

/** `iommufd_access_unpin_pages`; the range is one that was pinned. */
export function unpinPages(table: TableState, iova: bigint, last: bigint): void {
  let at = iova;
  for (const area of contiguousAreas(table, iova, last)) {
    const end = lastOf(area, last);
    releasePages(area.pages!, area.indexOf(at), area.indexOf(end));
    area.accessCount--;
    at = end + 1n;
  }
  if (at <= last) table.warn(`an access unpins a hole at 0x${at.toString(16)}`);
}

/** `iommufd_access_rw`; bytes in front of the one that fails are copied. */
export function readWriteBytes(
  table: TableState,
  iova: bigint,
  bytes: Uint8Array,
  write: boolean,
  current: AddressSpace | null,
): IoResult<0> {
  const bad = checkRange(iova, BigInt(bytes.length));
  if (isLeft(bad)) return bad;
  const last = iova + BigInt(bytes.length) - 1n;
  let at = iova;
  for (const area of contiguousAreas(table, iova, last)) {
    const end = lastOf(area, last);
    if (area.preventAccess) return refuse('ACCESS_UNMAP_WAITS', { iova: area.iova });
    const permitted = checkPermission(area, write);
    if (isLeft(permitted)) return permitted;
    const part = bytes.subarray(Number(at - iova), Number(end - iova) + 1);
    const copied = copyPages(table, area.pages!, area.startByteOf(at), part, write, current);
    if (isLeft(copied)) return copied;
    at = end + 1n;
  }
  return at > last ? done : refuse('ACCESS_HOLE', { iova, last, hole: at });
}

function checkRange(iova: bigint, length: bigint): IoResult<0> {
  if (length === 0n) return refuse('ACCESS_LENGTH_ZERO', { iova });
  return iova + length - 1n > U64_MAX ? refuse('ACCESS_RANGE_OVERFLOW', { iova, length }) : done;
}

/** Pages can be listed one after the other only where each area begins and ends with a whole page (`iopt_area_contig_is_aligned`). */
function checkAligned(area: Area, at: bigint, isLast: boolean): IoResult<0> {
  if (area.preventAccess) return refuse('ACCESS_UNMAP_WAITS', { iova: area.iova });
  const starts = area.startByteOf(at) % BigInt(area.table.pageSize) === 0n;
  return starts && (isLast || area.tailBytes === 0) ? done : refuse('ACCESS_UNALIGNED', { iova: at });
}

function checkPermission(area: Area, write: boolean): IoResult<0> {
  if ((area.prot & (write ? Prot.WRITE : Prot.READ)) === 0) return refuse('ACCESS_PROTECTION', { iova: area.iova });
  return write && !area.pages!.writable ? refuse('ACCESS_PAGES_READ_ONLY', { iova: area.iova }) : done;
}
