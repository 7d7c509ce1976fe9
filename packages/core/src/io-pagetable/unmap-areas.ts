import { left, right } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import type { IoResult, Refusal } from '../errno/index.js';
import type { Area } from './area.js';
import { unfillDomains } from './fill.js';
import { byteOf, isBefore, KEY_BYTES, KEY_PAGES, pageOf } from './iova-key.js';
import { refusals } from './refusals.js';
import type { TableState } from './table-state.js';

const { refuse, refusal } = refusals;

/** How often accesses are asked to give an area back before the unmap is given up. */
const MAX_TRIES = 100;

/** Removes the areas inside `[iova, iova + length)` (Linux: `iopt_unmap_iova`). @returns bytes removed, 0 when nothing was there */
export function unmap(table: TableState, iova: bigint, length: bigint): IoResult<bigint> {
  table.forgetUnmapped();
  if (length === 0n) return refuse('UNMAP_LENGTH_ZERO', { iova });
  const last = iova + length - 1n;
  if (last > U64_MAX) return refuse('UNMAP_RANGE_OVERFLOW', { iova, length });
  return answer(table, unmapRange(table, pageOf(iova), byteOf(iova), pageOf(last), byteOf(last)));
}

/** Removes every area (Linux: `iopt_unmap_all`). @returns bytes removed modulo 2^64, as the kernel counts */
export function unmapAll(table: TableState): IoResult<bigint> {
  table.forgetUnmapped();
  return answer(table, unmapRange(table, 0, 0, KEY_PAGES - 1, KEY_BYTES - 1));
}

function answer(table: TableState, refused: Refusal | null): IoResult<bigint> {
  return refused === null ? right(table.unmappedBytes) : left(refused);
}

function unmapRange(
  table: TableState,
  startPage: number,
  startByte: number,
  lastPage: number,
  lastByte: number,
): Refusal | null {
  let page = startPage;
  let byte = startByte;
  let tries = 0;
  for (;;) {
    const area = table.areas.firstIn(page, byte, lastPage, lastByte);
    if (area === null) return null;
    const { pages } = area;
    if (pages === null) return refusal('AREA_BUSY', factsOf(area));
    if (
      isBefore(area.startPage, area.startByte, page, byte) ||
      isBefore(lastPage, lastByte, area.lastPage, area.lastByte)
    ) {
      return refusal('UNMAP_CUTS_AREA', { ...factsOf(area), unmappedBytes: table.unmappedBytes });
    }
    if (area.startPage !== page || area.startByte !== byte) tries = 0;
    if (area.accessCount > 0) {
      page = area.startPage;
      byte = area.startByte;
      area.preventAccess = true;
      notifyUnmap(table, area);
      if (++tries > MAX_TRIES) {
        table.warn(`an access keeps pages of the area at 0x${area.iova.toString(16)}`);
        return refusal('ACCESS_KEEPS_PAGES', { ...factsOf(area), pins: area.accessCount });
      }
      continue;
    }
    area.pages = null;
    unfillDomains(table, area, pages);
    table.removeArea(area);
    pages.drop();
    table.countUnmapped(area);
    if (area.lastPage === lastPage && area.lastByte === lastByte) return null;
    page = area.lastPage;
    byte = area.lastByte + 1;
    if (byte === KEY_BYTES) {
      page++;
      byte = 0;
    }
  }
}

function notifyUnmap(table: TableState, area: Area): void {
  for (const access of table.accesses) access?.unmap(area.iova, area.length);
}

const factsOf = (area: Area): { areaStart: bigint; areaLast: bigint } => ({
  areaStart: area.iova,
  areaLast: area.last,
});
