import { right } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import { Prot } from '../domain/prot.js';
import type { IoResult, Refusal } from '../errno/index.js';
import type { Process } from '../process/index.js';
import { Area, indexSpan, sliceOf, type PagesSlice } from './area.js';
import { contiguousAreas, lastOf } from './contiguous-areas.js';
import { fillDomains, unfillDomains } from './fill.js';
import { byteOf, joinKey, KEY_BYTES, KEY_PAGES, pageLo, pageOf } from './iova-key.js';
import { Pages, type AccountMode } from './pages.js';
import { refusals } from './refusals.js';
import { AREA_BYTES, type TableState } from './table-state.js';

const { refuse, refusal } = refusals;

/** A map of user memory. */
export interface MapRequest {
  /** Whose memory it is, who pays for it, whose limit counts. */
  readonly process: Process;
  /** First byte, any alignment that the table accepts. */
  readonly userVa: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** Where it goes; undefined: the table chooses. */
  readonly iova: bigint | undefined;
  /** OR of `Prot` bits; with WRITE the pages are pinned for writing. */
  readonly prot: number;
  /** Who is charged unless the process has CAP_IPC_LOCK. */
  readonly accountMode: AccountMode;
}

/** As {@link MapRequest}, in key pairs: for callers that map page by page and have no use for a bigint. */
export interface MapKeys extends Pick<MapRequest, 'process' | 'prot' | 'accountMode'> {
  readonly userPage: number;
  readonly userByte: number;
  readonly lengthPage: number;
  readonly lengthByte: number;
  /** False: the table chooses, and `iovaPage` and `iovaByte` mean nothing. */
  readonly fixed: boolean;
  readonly iovaPage: number;
  readonly iovaByte: number;
}

/** The request in key pairs. */
export function keysOf({ process, userVa, length, iova, prot, accountMode }: MapRequest): MapKeys {
  return {
    process,
    prot,
    accountMode,
    userPage: pageOf(userVa),
    userByte: byteOf(userVa),
    lengthPage: pageOf(length),
    lengthByte: byteOf(length),
    fixed: iova !== undefined,
    iovaPage: pageOf(iova ?? 0n),
    iovaByte: byteOf(iova ?? 0n),
  };
}

/** Maps user memory (Linux: `iopt_map_user_pages`); the place is in `table.automatic`. Without a domain nothing is pinned yet. */
export function mapUserMemory(table: TableState, request: MapKeys): Refusal | null {
  const { process, userPage, userByte, lengthPage, lengthByte, prot } = request;
  const { pageSize, failure, automatic } = table;
  const keyPages = pageSize / KEY_BYTES;
  if (lengthPage === 0 && lengthByte === 0) return refusal('MAP_LENGTH_ZERO');
  if (lengthPage >= KEY_PAGES - keyPages) {
    return refusal('MAP_LENGTH_TOO_LARGE', { length: joinKey(lengthPage, lengthByte) });
  }
  if (userPage + lengthPage + (userByte + lengthByte >= KEY_BYTES ? 1 : 0) >= KEY_PAGES) {
    const facts = { userVa: joinKey(userPage, userByte), length: joinKey(lengthPage, lengthByte) };
    return refusal('MAP_USER_RANGE_OVERFLOW', facts);
  }
  const firstPage = Math.floor(userPage / keyPages);
  const pageOffset = (userPage - firstPage * keyPages) * KEY_BYTES + userByte;
  const spanPage = lengthByte === 0 ? lengthPage - 1 : lengthPage;
  const spanByte = lengthByte === 0 ? KEY_BYTES - 1 : lengthByte - 1;
  const count = indexSpan(pageSize, spanPage, spanByte, pageOffset) + 1;
  const writable = (prot & Prot.WRITE) !== 0;
  const pages =
    failure !== null && failure.fails('allocate')
      ? null
      : Pages.create(process, firstPage, count, writable, request.accountMode, table.budget);
  if (pages === null) return refusal('IOPT_OUT_OF_MEMORY', { what: 'page array' });
  const slice = { pages, firstIndex: 0, pageOffset, spanPage, spanByte };
  automatic.page = request.iovaPage;
  automatic.byte = request.iovaByte;
  const refused = placeAreas(table, [slice], spanPage, spanByte, request.fixed, prot);
  if (refused !== null) pages.drop();
  return refused;
}

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
  const refused = placeAreas(table, slices, pageOf(length - 1n), byteOf(length - 1n), iova !== undefined, prot);
  if (refused === null) for (const { pages } of slices) pages.hold();
  return refused;
}

/** @param fixed the place is in `table.automatic` already */
function placeAreas(
  table: TableState,
  slices: readonly PagesSlice[],
  spanPage: number,
  spanByte: number,
  fixed: boolean,
  prot: number,
): Refusal | null {
  const areas: Area[] = [];
  let charged = 0;
  while (charged < slices.length && !table.lacksMemory(AREA_BYTES)) charged++;
  const refused =
    charged < slices.length
      ? refusal('IOPT_OUT_OF_MEMORY', { what: 'area' })
      : (choosePlace(table, slices[0]!, spanPage, spanByte, fixed) ??
        insertAreas(table, areas, slices, prot) ??
        fillAreas(table, areas, slices));
  if (refused !== null) {
    for (const area of areas) table.areas.remove(area);
    table.budget.uncharge(charged * AREA_BYTES);
    return refused;
  }
  for (let at = 0; at < areas.length; at++) areas[at]!.pages = slices[at]!.pages;
  return null;
}

/** Leaves the place in `table.automatic`, where a fixed one is already. */
function choosePlace(
  table: TableState,
  first: PagesSlice,
  spanPage: number,
  spanByte: number,
  fixed: boolean,
): Refusal | null {
  const { alignment, automatic, pageSize } = table;
  if (((((spanPage & 15) << 12) | spanByte) + 1) & (alignment - 1)) {
    return refusal('MAP_LENGTH_UNALIGNED', { length: joinKey(spanPage, spanByte) + 1n, alignment });
  }
  if (fixed) return checkFixed(table, spanPage, spanByte);
  const firstPage = (first.pages.firstPage + first.firstIndex) * (pageSize / KEY_BYTES);
  const code = automatic.find(pageLo(firstPage, 0) | first.pageOffset, spanPage, spanByte, alignment);
  if (code === null) return null;
  const length = joinKey(spanPage, spanByte) + 1n;
  return refusal(code, { length, alignment, userPage: firstPage, pageOffset: first.pageOffset });
}

function checkFixed(table: TableState, spanPage: number, spanByte: number): Refusal | null {
  const { alignment } = table;
  const { page, byte } = table.automatic;
  if (pageLo(page, byte) & (alignment - 1))
    return refusal('MAP_IOVA_UNALIGNED', { iova: joinKey(page, byte), alignment });
  const lastPage = page + spanPage + (byte + spanByte >= KEY_BYTES ? 1 : 0);
  const lastByte = (byte + spanByte) & (KEY_BYTES - 1);
  if (lastPage >= KEY_PAGES) {
    return refusal('MAP_IOVA_OVERFLOW', { iova: joinKey(page, byte), length: joinKey(spanPage, spanByte) + 1n });
  }
  const reserved = table.reserved.firstInKeys(page, byte, lastPage, lastByte);
  if (reserved !== undefined) {
    const place = { iova: joinKey(page, byte), last: joinKey(lastPage, lastByte) };
    return refusal('MAP_IOVA_RESERVED', { ...place, reservedStart: reserved.start, reservedLast: reserved.last });
  }
  const area = table.areas.firstIn(page, byte, lastPage, lastByte);
  if (area === null) return null;
  const place = { iova: joinKey(page, byte), last: joinKey(lastPage, lastByte) };
  return refusal('MAP_IOVA_OCCUPIED', { ...place, areaStart: area.iova, areaLast: area.last });
}

function insertAreas(table: TableState, areas: Area[], slices: readonly PagesSlice[], prot: number): Refusal | null {
  let { page, byte } = table.automatic;
  for (const { pages, firstIndex, pageOffset, spanPage, spanByte } of slices) {
    if ((prot & Prot.WRITE) !== 0 && !pages.writable) {
      return refusal('MAP_PAGES_READ_ONLY', { iova: joinKey(page, byte) });
    }
    if (pageOffset & (table.alignment - 1)) {
      return refusal('MAP_USER_ADDRESS_UNALIGNED', { pageOffset, alignment: table.alignment });
    }
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
