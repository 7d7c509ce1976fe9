import type { Area } from './area.js';
import type { TableState } from './table-state.js';
import type { Pages } from './pages.js';
import { frameInDomain } from './run-batch.js';

/** Most frames that are compared between domains per area. */
const COMPARED = 64;

/** What is wrong with the areas of a table and the pages behind them; empty when nothing is. For tests. */
export function findInvariantFaults(table: TableState): string[] {
  const faults = table.areas.check();
  const seen = new Set<Pages>();
  let previous: Area | null = null;
  table.areas.forEach((area) => {
    const name = `area at 0x${area.iova.toString(16)}`;
    if (previous !== null && previous.last >= area.iova) faults.push(`${name} overlaps the one before`);
    previous = area;
    if (area.pages === null) {
      faults.push(`${name} has no pages`);
      return;
    }
    seen.add(area.pages);
    const reserved = table.reserved.firstIn(area.iova, area.last);
    if (reserved !== undefined) faults.push(`${name} is reserved`);
    if (area.lastIndex >= area.pages.count) faults.push(`${name} shows pages behind the end of its array`);
    faults.push(...storageFaults(table, area).map((fault) => `${name} ${fault}`));
  });
  for (const { pinned, charged } of seen) {
    if (pinned !== charged) faults.push(`${pinned} pages are pinned and ${charged} charged`);
  }
  return faults;
}

function storageFaults(table: TableState, area: Area): string[] {
  const { storage, pages } = area;
  if (table.mappers.length === 0) return storage === null ? [] : ['is kept by a domain that left'];
  if (storage === null || !table.mappers.includes(storage)) return ['is kept by no domain of the table'];
  if (pages!.filled.firstIn(area.firstIndex, area.firstIndex) === null) return ['is not among the filled areas'];
  const faults: string[] = [];
  const step = Math.max(1, Math.floor((area.lastIndex - area.firstIndex) / COMPARED));
  for (const mapper of table.mappers) {
    for (let index = area.firstIndex; index <= area.lastIndex; index += step) {
      if (frameInDomain(mapper, area, index) === frameInDomain(storage, area, index)) continue;
      faults.push(`shows different frames of page ${index} in two domains`);
      break;
    }
  }
  return faults;
}
