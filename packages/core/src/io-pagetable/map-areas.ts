import { Prot } from '../domain/prot.js';
import type { Refusal } from '../errno/index.js';
import type { Process } from '../process/index.js';
import { checkPageOffset, choosePlace } from './area-place.js';
import { Area, indexSpan } from './area.js';
import { fillDomains } from './fill.js';
import { byteOf, joinKey, KEY_BYTES, KEY_PAGES, pageOf } from './iova-key.js';
import { Pages, type AccountMode } from './pages.js';
import { refusals } from './refusals.js';
import { AREA_BYTES, type TableState } from './table-state.js';

const { refusal } = refusals;

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
  automatic.page = request.iovaPage;
  automatic.byte = request.iovaByte;
  const refused = mapWhole(table, pages, pageOffset, spanPage, spanByte, request.fixed, prot);
  if (refused !== null) pages.drop();
  return refused;
}

/** One area that shows all pages of a new array. @param fixed the place is in `table.automatic` already */
function mapWhole(
  table: TableState,
  pages: Pages,
  pageOffset: number,
  spanPage: number,
  spanByte: number,
  fixed: boolean,
  prot: number,
): Refusal | null {
  if (table.lacksMemory(AREA_BYTES)) return refusal('IOPT_OUT_OF_MEMORY', { what: 'area' });
  let refused =
    choosePlace(table, pages.firstPage, pageOffset, spanPage, spanByte, fixed) ?? checkPageOffset(table, pageOffset);
  if (refused === null) {
    const { page, byte } = table.automatic;
    const area = new Area(table, page, byte, spanPage, spanByte, 0, pageOffset, prot);
    table.areas.insert(area);
    refused = fillDomains(table, area, pages);
    if (refused === null) {
      area.pages = pages;
      return null;
    }
    table.areas.remove(area);
  }
  table.budget.uncharge(AREA_BYTES);
  return refused;
}
