import type { Area } from './area.js';
import type { TableState } from './table-state.js';
import type { Pages } from './pages.js';
import { frameInDomain } from './run-batch.js';

/** Most frames that are compared between domains per area. */
const COMPARED = 64;

/** What is wrong with the areas of a table and the pages behind them; empty when nothing is. For tests. */
export function findInvariantFaults(table: TableState): string[] {
  const faults = table.areas.check();
  const areasOf = new Map<Pages, number>();
  table.areas.forEach((area) => {
    const { pages } = area;
    if (pages !== null) areasOf.set(pages, (areasOf.get(pages) ?? 0) + 1);
    faults.push(...areaFaults(table, area).map((fault) => `area at 0x${area.iova.toString(16)} ${fault}`));
  });
  for (const [pages, areas] of areasOf) faults.push(...pagesFaults(pages, areas));
  return faults;
}

function areaFaults(table: TableState, area: Area): string[] {
  const { pages, iova, last, pageOffset } = area;
  if (pages === null) return ['has no pages although no call is running'];
  const faults: string[] = [];
  const mask = BigInt(table.alignment - 1);
  if (((iova | (last + 1n) | BigInt(pageOffset)) & mask) !== 0n) faults.push('does not fit the IOVA alignment');
  if (table.reserved.firstIn(iova, last) !== undefined) faults.push('is reserved');
  if (area.lastIndex >= pages.count) faults.push('shows pages behind the end of its array');
  return [...faults, ...storageFaults(table, area, pages)];
}

function storageFaults({ mappers }: TableState, area: Area, pages: Pages): string[] {
  const { storage, firstIndex, lastIndex } = area;
  if (mappers.length === 0) return storage === null ? [] : ['is kept by a domain that left'];
  if (storage === null || !mappers.includes(storage)) return ['is kept by no domain of the table'];
  if (pages.filled.exact(firstIndex, lastIndex) === null) return ['is not among the filled areas of its pages'];
  const faults: string[] = [];
  const step = Math.max(1, Math.floor((lastIndex - firstIndex) / COMPARED));
  for (const mapper of mappers) {
    for (let index = firstIndex; index <= lastIndex; index += step) {
      if (frameInDomain(mapper, area, index) === frameInDomain(storage, area, index)) continue;
      faults.push(`shows different frames of page ${index} in two domains`);
      break;
    }
  }
  return faults;
}

/** A page is pinned when an area in a domain or an access covers it, once, and pays for that. */
function pagesFaults(pages: Pages, areas: number): string[] {
  const faults: string[] = [];
  if (pages.uses < areas) faults.push(`${areas} areas share a page array that counts ${pages.uses} uses`);
  const covered: { readonly firstIndex: number; readonly lastIndex: number }[] = [];
  pages.filled.forEach((range) => covered.push(range));
  pages.held?.accesses.forEach((range) => covered.push(range));
  const expected = pagesIn(covered);
  if (pages.pinned !== expected) faults.push(`${pages.pinned} pages are pinned where ${expected} are in use`);
  if (pages.pinned !== pages.charged) faults.push(`${pages.pinned} pages are pinned and ${pages.charged} charged`);
  return faults;
}

/** Different indexes in ranges that may overlap. */
function pagesIn(ranges: readonly { readonly firstIndex: number; readonly lastIndex: number }[]): number {
  let count = 0;
  let next = 0;
  for (const { firstIndex, lastIndex } of ranges.toSorted((a, b) => a.firstIndex - b.firstIndex)) {
    if (lastIndex < next) continue;
    count += lastIndex - Math.max(firstIndex, next) + 1;
    next = lastIndex + 1;
  }
  return count;
}
