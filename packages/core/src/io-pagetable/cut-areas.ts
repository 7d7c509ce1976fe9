import { left } from 'fp-ts/lib/Either.js';
import { done, type IoResult, type Refusal } from '../errno/index.js';
import { Area, sliceOf } from './area.js';
import { byteOf, pageOf } from './iova-key.js';
import { refusals } from './refusals.js';
import { AREA_BYTES, type TableState } from './table-state.js';

const { refusal } = refusals;

/**
 * Cuts the area under each IOVA behind that IOVA, for an unmap that wants only a part of it (Linux: `iopt_cut_iova`). Cuts that were made
 * stay when a later one is refused.
 */
export function cut(table: TableState, iovas: readonly bigint[]): IoResult<0> {
  for (const iova of iovas) {
    const page = pageOf(iova);
    const byte = byteOf(iova);
    const area = table.areas.firstIn(page, byte, page, byte);
    const refused = area === null ? null : split(table, area, iova);
    if (refused !== null) return left(refused);
  }
  return done;
}

/** Makes `[start, iova]` and `[iova + 1, last]` of an area. Domains and pins need no change: the pages stay the same. */
function split(table: TableState, area: Area, iova: bigint): Refusal | null {
  const start = area.iova;
  const { last, pages } = area;
  // The kernel compares with the start as well, so an area is never cut behind its first byte.
  if (iova === start || iova === last) return null;
  const facts = { iova, areaStart: start, areaLast: last };
  if (pages === null || area.preventAccess) return refusal('CUT_AREA_BUSY', facts);
  const second = iova + 1n;
  const mask = BigInt(table.alignment - 1);
  const secondByte = area.startByteOf(second);
  if ((second & mask) !== 0n || (secondByte & mask) !== 0n) {
    return refusal('CUT_UNALIGNED', { ...facts, alignment: table.alignment });
  }
  if (table.lacksMemory(AREA_BYTES)) return refusal('IOPT_OUT_OF_MEMORY', { what: 'area' });
  if (table.lacksMemory(AREA_BYTES)) {
    table.budget.uncharge(AREA_BYTES);
    return refusal('IOPT_OUT_OF_MEMORY', { what: 'area' });
  }
  const code =
    area.accessCount > 0
      ? 'CUT_ACCESS_HELD'
      : area.storage !== null && !table.largePagesDisabled
        ? 'CUT_LARGE_PAGES'
        : null;
  if (code !== null) {
    table.budget.uncharge(2 * AREA_BYTES);
    return refusal(code, facts);
  }
  const front = half(table, area, start, area.startByteOf(start), second - start);
  const back = half(table, area, second, secondByte, last - iova);
  table.removeArea(area);
  table.areas.insert(front);
  table.areas.insert(back);
  if (area.storage !== null) {
    pages.filled.remove(area);
    pages.filled.insert(front);
    pages.filled.insert(back);
  }
  pages.hold();
  return null;
}

function half(table: TableState, area: Area, iova: bigint, startByte: bigint, length: bigint): Area {
  const { firstIndex, pageOffset, spanPage, spanByte } = sliceOf(area.pages!, startByte, length, table.pageSize);
  const made = new Area(table, pageOf(iova), byteOf(iova), spanPage, spanByte, firstIndex, pageOffset, area.prot);
  made.pages = area.pages;
  made.storage = area.storage;
  return made;
}
