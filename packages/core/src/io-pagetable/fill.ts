import type { RunMapper } from '../domain/map-run.js';
import type { Refusal } from '../errno/index.js';
import type { Area } from './area.js';
import { unpinUnheld } from './page-reader.js';
import type { Pages } from './pages.js';
import { backendRefused } from './refusals.js';
import { unmapPages } from './run-batch.js';
import type { TableState } from './table-state.js';

/*
 * Areas into domains and out of them. Whatever the order of calls: what is unpinned was unmapped before, and a filling that fails
 * leaves domains, pins and charges as they were.
 */

/**
 * Maps a new area into every domain of its table (Linux: `iopt_area_fill_domains`). The area has no pages yet; on success its first
 * domain keeps the frames.
 */
export function fillDomains(table: TableState, area: Area, pages: Pages): Refusal | null {
  const { mappers, reader, tempMemoryLimit } = table;
  if (mappers.length === 0) return null;
  let refusal = reader.first(pages, area.firstIndex, area.lastIndex, tempMemoryLimit);
  if (refusal !== null) return refusal;
  let end = area.firstIndex;
  while (refusal === null && !reader.done) {
    refusal = mapEverywhere(table, area);
    if (refusal !== null) break;
    end = reader.batchEnd;
    refusal = reader.next();
  }
  refusal ??= reader.settle();
  if (refusal === null) {
    area.storage = mappers[0]!;
    pages.filled.insert(area);
  } else {
    reader.releasePins();
    const last = mappers.length - 1;
    for (let i = 0; i < last && end > area.firstIndex; i++) unmapPages(mappers[i]!, area, area.firstIndex, end - 1);
    // The area is in no tree, so nothing says yet that these pages are held: the last domain's tables are what they are unpinned from.
    if (end > area.firstIndex) unfillFrom(table, area, pages, mappers[last]!, end - 1);
  }
  reader.end();
  return refusal;
}

/** Maps the current batch into every domain, or into none. */
function mapEverywhere(table: TableState, area: Area): Refusal | null {
  const { mappers, reader } = table;
  for (let i = 0; i < mappers.length; i++) {
    const refusal = mapBatch(table, area, mappers[i]!);
    if (refusal === null) continue;
    for (let done = 0; done < i; done++) unmapPages(mappers[done]!, area, reader.batchStart, reader.batchEnd - 1);
    return refusal;
  }
  return null;
}

/** Maps an existing area into a domain that joins (Linux: `iopt_area_fill_domain`). */
export function fillDomain(table: TableState, area: Area, pages: Pages, mapper: RunMapper): Refusal | null {
  const { reader, tempMemoryLimit } = table;
  let refusal = reader.first(pages, area.firstIndex, area.lastIndex, tempMemoryLimit);
  if (refusal !== null) return refusal;
  let end = area.firstIndex;
  while (refusal === null && !reader.done) {
    refusal = mapBatch(table, area, mapper);
    if (refusal !== null) break;
    end = reader.batchEnd;
    refusal = reader.next();
  }
  refusal ??= reader.settle();
  if (refusal !== null) {
    reader.releasePins();
    if (end !== area.firstIndex) unfillFrom(table, area, pages, mapper, end - 1);
  }
  reader.end();
  return refusal;
}

/**
 * Unmaps an area from a domain and unpins what nothing else holds (Linux: `iopt_area_unfill_domain`). The area must have left
 * `pages.filled`. Cannot fail.
 */
export function unfillDomain(table: TableState, area: Area, pages: Pages, mapper: RunMapper): void {
  unfillFrom(table, area, pages, mapper, area.lastIndex);
}

/** Takes an area out of all domains of its table (Linux: `iopt_area_unfill_domains`). Cannot fail. */
export function unfillDomains(table: TableState, area: Area, pages: Pages): void {
  const storage = area.storage;
  if (storage === null) return;
  for (const mapper of table.mappers) {
    if (mapper !== storage) unmapPages(mapper, area, area.firstIndex, area.lastIndex);
  }
  pages.filled.remove(area);
  unfillDomain(table, area, pages, storage);
  area.storage = null;
}

/** Unmaps an area from one domain while others keep its frames. Cannot fail. */
export function unmapDomain(area: Area, mapper: RunMapper): void {
  unmapPages(mapper, area, area.firstIndex, area.lastIndex);
}

function mapBatch(table: TableState, area: Area, mapper: RunMapper): Refusal | null {
  const { reader } = table;
  const errno = reader.batch.mapInto(mapper, area, reader.batchStart);
  return errno === 0 ? null : backendRefused(errno, { iova: area.iova, last: area.last });
}

/**
 * Reads frames of `[firstIndex, last]` back from the domain, unmaps them, unpins those not held elsewhere; a batch at a time. A batch
 * ends where the frames are not adjacent, which is where the map calls were cut.
 */
function unfillFrom(table: TableState, area: Area, pages: Pages, mapper: RunMapper, last: number): void {
  const { unfillBatch: batch, tempMemoryLimit } = table;
  let index = area.firstIndex;
  batch.open(last - index + 1, tempMemoryLimit);
  while (index <= last) {
    batch.clear();
    batch.addFromDomain(mapper, area, index, last);
    const end = index + batch.total - 1;
    unmapPages(mapper, area, index, end);
    unpinUnheld(batch, pages, index, end);
    index = end + 1;
  }
  pages.settle();
}
