import type { Refusal } from '../errno/index.js';
import { joinKey, KEY_BYTES, KEY_PAGES, pageLo } from './iova-key.js';
import { refusals } from './refusals.js';
import type { TableState } from './table-state.js';

const { refusal } = refusals;

/**
 * Finds the place of new areas and leaves it in `table.automatic`, where a fixed one is already.
 * @param userPage page that the first area shows, virtual address / page size
 * @param pageOffset bytes into that page
 * @param spanPage length of all - 1 as a key pair
 */
export function choosePlace(
  table: TableState,
  userPage: number,
  pageOffset: number,
  spanPage: number,
  spanByte: number,
  fixed: boolean,
): Refusal | null {
  const { alignment, automatic, pageSize } = table;
  if (((((spanPage & 15) << 12) | spanByte) + 1) & (alignment - 1)) {
    return refusal('MAP_LENGTH_UNALIGNED', { length: joinKey(spanPage, spanByte) + 1n, alignment });
  }
  if (fixed) return checkFixed(table, spanPage, spanByte);
  const firstPage = userPage * (pageSize / KEY_BYTES);
  const code = automatic.find(pageLo(firstPage, 0) | pageOffset, spanPage, spanByte, alignment);
  if (code === null) return null;
  const length = joinKey(spanPage, spanByte) + 1n;
  return refusal(code, { length, alignment, userPage: firstPage, pageOffset });
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

/** The start of what an area shows must be as aligned as its IOVA. @param pageOffset bytes into the first page */
export function checkPageOffset({ alignment }: TableState, pageOffset: number): Refusal | null {
  return (pageOffset & (alignment - 1)) === 0 ? null : refusal('MAP_USER_ADDRESS_UNALIGNED', { pageOffset, alignment });
}
