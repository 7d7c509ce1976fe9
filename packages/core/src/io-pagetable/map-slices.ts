import { right } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import { Prot } from '../domain/prot.js';
import type { IoResult, Refusal } from '../errno/index.js';
import { checkPageOffset, choosePlace } from './area-place.js';
import { Area, sliceOf, type PagesSlice } from './area.js';
import { contiguousAreas, lastOf } from './contiguous-areas.js';
import { fillDomains, unfillDomains } from './fill.js';
import { byteOf, joinKey, KEY_BYTES, pageOf } from './iova-key.js';
import { refusals } from './refusals.js';
import { AREA_BYTES, type TableState } from './table-state.js';

const { refuse, refusal } = refusals;

/** What the areas of `[iova, iova + length)` show, piece by piece (Linux: `iopt_get_pages`). Holds nothing: use it at once. */
export function slicesOf(table: TableState, iova: bigint, length: bigint): IoResult<PagesSlice[]> {
  if (length === 0n) return refuse('COPY_LENGTH_ZERO');
  const last = iova + length - 1n;
  if (last > U64_MAX) return refuse('COPY_RANGE_OVERFLOW', { iova, length });
  const slices: PagesSlice[] = [];
  let at = iova;
  for (const area of contiguousAreas(table, iova, last)) {
    if (table.failure !== null && table.failure.fails('allocate')) {
      return refuse('IOPT_OUT_OF_MEMORY', { what: 'list of areas' });
    }
    const end = lastOf(area, last);
    slices.push(sliceOf(area.pages!, area.startByteOf(at), end - at + 1n, table.pageSize));
    at = end + 1n;
  }
  return at > last ? right(slices) : refuse('COPY_SOURCE_HOLE', { iova, last, hole: at });
}

/**
 * Maps slices of existing page arrays one behind the other (Linux: `iopt_map_pages`); the place of the first is in `table.automatic`.
 */
export function mapSlices(
  table: TableState,
  slices: readonly PagesSlice[],
  length: bigint,
  iova: bigint | undefined,
  prot: number,
): Refusal | null {
  const { automatic } = table;
  automatic.page = pageOf(iova ?? 0n);
  automatic.byte = byteOf(iova ?? 0n);
  const areas: Area[] = [];
  let charged = 0;
  while (charged < slices.length && !table.lacksMemory(AREA_BYTES)) charged++;
  const refused =
    charged < slices.length
      ? refusal('IOPT_OUT_OF_MEMORY', { what: 'area' })
      : (placeFirst(table, slices[0]!, length - 1n, iova !== undefined) ??
        insertAreas(table, areas, slices, prot) ??
        fillAreas(table, areas, slices));
  if (refused !== null) {
    for (const area of areas) table.areas.remove(area);
    table.budget.uncharge(charged * AREA_BYTES);
    return refused;
  }
  areas.forEach((area, at) => {
    const { pages } = slices[at]!;
    area.pages = pages;
    pages.hold();
  });
  return null;
}

function placeFirst(table: TableState, first: PagesSlice, span: bigint, fixed: boolean): Refusal | null {
  const userPage = first.pages.firstPage + first.firstIndex;
  return choosePlace(table, userPage, first.pageOffset, pageOf(span), byteOf(span), fixed);
}

function insertAreas(table: TableState, areas: Area[], slices: readonly PagesSlice[], prot: number): Refusal | null {
  let { page, byte } = table.automatic;
  for (const { pages, firstIndex, pageOffset, spanPage, spanByte } of slices) {
    if ((prot & Prot.WRITE) !== 0 && !pages.writable) {
      return refusal('MAP_PAGES_READ_ONLY', { iova: joinKey(page, byte) });
    }
    const refused = checkPageOffset(table, pageOffset);
    if (refused !== null) return refused;
    const area = new Area(table, page, byte, spanPage, spanByte, firstIndex, pageOffset, prot);
    table.areas.insert(area);
    areas.push(area);
    page = area.lastPage;
    byte = area.lastByte + 1;
    if (byte === KEY_BYTES) {
      page++;
      byte = 0;
    }
  }
  return null;
}

/** Fills the domains with all of the areas or with none. */
function fillAreas(table: TableState, areas: readonly Area[], slices: readonly PagesSlice[]): Refusal | null {
  for (let at = 0; at < areas.length; at++) {
    const refused = fillDomains(table, areas[at]!, slices[at]!.pages);
    if (refused === null) continue;
    for (let done = 0; done < at; done++) unfillDomains(table, areas[done]!, slices[done]!.pages);
    return refused;
  }
  return null;
}
