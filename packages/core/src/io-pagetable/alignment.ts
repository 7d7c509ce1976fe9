import { left } from 'fp-ts/lib/Either.js';
import { done, type IoResult, type Refusal } from '../errno/index.js';
import { pageLo } from './iova-key.js';
import { refusals } from './refusals.js';
import type { TableState } from './table-state.js';

const { refusal, refuse } = refusals;

/** Refuses when an existing area does not fit a larger alignment, bytes (Linux: `iopt_check_iova_alignment`). */
export function checkAlignment(table: TableState, alignment: number): Refusal | null {
  const mask = alignment - 1;
  let refused: Refusal | null = null;
  table.areas.forEach((area) => {
    const start = pageLo(area.startPage, area.startByte);
    const end = pageLo(area.lastPage, area.lastByte) + 1;
    if (((start | end | area.pageOffset) & mask) === 0) return true;
    refused = refusal('ALIGNMENT_IN_USE', { alignment, areaStart: area.iova, areaLast: area.last });
    return false;
  });
  return refused;
}

/** Computes the alignment anew from page-size mode, domains and accesses (Linux: `iopt_calculate_iova_alignment`). */
export function updateAlignment(table: TableState): Refusal | null {
  let alignment = table.largePagesDisabled ? table.pageSize : 1;
  for (const { smallestShift } of table.mappers) alignment = Math.max(alignment, 2 ** smallestShift);
  for (const access of table.accesses) if (access?.pinsPages === true) alignment = Math.max(alignment, table.pageSize);
  if (alignment > table.alignment) {
    const refused = checkAlignment(table, alignment);
    if (refused !== null) return refused;
  }
  table.alignment = alignment;
  return null;
}

/** From now on every page is a map call of its own (Linux: `iopt_disable_large_pages`). */
export function disableLargePages(table: TableState): IoResult<0> {
  if (table.largePagesDisabled) return done;
  if (table.mappers.length > 0 && table.areas.size > 0) {
    return refuse('LARGE_PAGES_IN_USE', { domains: table.mappers.length, areas: table.areas.size });
  }
  table.largePagesDisabled = true;
  const refused = updateAlignment(table);
  if (refused === null) return done;
  table.largePagesDisabled = false;
  return left(refused);
}

/** New areas may use large pages again (Linux: `iopt_enable_large_pages`). */
export function enableLargePages(table: TableState): IoResult<0> {
  table.largePagesDisabled = false;
  updateAlignment(table);
  return done;
}
