import { left } from 'fp-ts/lib/Either.js';
import { U64_MAX } from '../bits/index.js';
import type { IommuDomain } from '../domain/iommu-domain.js';
import { RunMapper } from '../domain/map-run.js';
import { done, type IoResult, type Refusal } from '../errno/index.js';
import { checkAlignment, updateAlignment } from './alignment.js';
import type { Area } from './area.js';
import { fillDomain, unfillDomain, unmapDomain } from './fill.js';
import { refusals } from './refusals.js';
import { removeReserved, reserveRange } from './reserve.js';
import type { TableState } from './table-state.js';

const { refusal } = refusals;

/** A domain joins: it must fit, then it gets every area (Linux: `iopt_table_add_domain`). On refusal nothing has changed. */
export function addDomain(table: TableState, domain: IommuDomain): IoResult<0> {
  if (table.mappers.some((mapper) => mapper.domain === domain)) throw new Error('the domain is in this table already');
  const mapper = new RunMapper(domain);
  const alignment = Math.max(2 ** mapper.smallestShift, table.alignment);
  const refused =
    alignment > table.pageSize
      ? refusal('DOMAIN_PAGE_TOO_LARGE', { smallestPage: alignment, pageSize: table.pageSize })
      : alignment === table.alignment
        ? null
        : checkAlignment(table, alignment);
  if (refused !== null) return left(refused);
  const failed = reserveOutside(table, domain) ?? enter(table) ?? fillAll(table, mapper);
  if (failed !== null) {
    removeReserved(table, domain);
    return left(failed);
  }
  table.alignment = alignment;
  table.mappers.push(mapper);
  return done;
}

/** A domain leaves: another one keeps the frames from now on, or all pages are unpinned (Linux: `iopt_table_remove_domain`). Cannot fail. */
export function removeDomain(table: TableState, domain: IommuDomain): void {
  const { mappers } = table;
  const at = mappers.findIndex((mapper) => mapper.domain === domain);
  if (at < 0) throw new Error('the domain is not in this table');
  const gone = mappers[at]!;
  // The last one takes the place, as in the kernel: which domain keeps frames follows from it.
  mappers[at] = mappers[mappers.length - 1]!;
  mappers.pop();
  const heir = mappers[0];
  table.areas.forEach((area) => {
    const { pages } = area;
    if (pages === null) return;
    if (heir !== undefined) {
      if (area.storage === gone) area.storage = heir;
      unmapDomain(area, gone);
      return;
    }
    pages.filled.remove(area);
    area.storage = null;
    unfillDomain(table, area, pages, gone);
  });
  removeReserved(table, domain);
  updateAlignment(table);
}

/** No area may lie where the domain cannot translate. */
function reserveOutside(table: TableState, domain: IommuDomain): Refusal | null {
  const { start, last } = domain.aperture;
  const below = start === 0n ? null : reserveRange(table, { start: 0n, last: start - 1n, owner: domain });
  if (below !== null || last === U64_MAX) return below;
  return reserveRange(table, { start: last + 1n, last: U64_MAX, owner: domain });
}

function enter({ failure }: TableState): Refusal | null {
  return failure !== null && failure.fails('allocate')
    ? refusal('IOPT_OUT_OF_MEMORY', { what: 'list of domains' })
    : null;
}

function fillAll(table: TableState, mapper: RunMapper): Refusal | null {
  const isFirst = table.mappers.length === 0;
  const filled: Area[] = [];
  let refused: Refusal | null = null;
  table.areas.forEach((area) => {
    const { pages } = area;
    if (pages === null) return true;
    refused = fillDomain(table, area, pages, mapper);
    if (refused !== null) return false;
    filled.push(area);
    if (isFirst) {
      area.storage = mapper;
      pages.filled.insert(area);
    }
    return true;
  });
  if (refused === null) return null;
  for (const area of filled) {
    const pages = area.pages!;
    if (isFirst) {
      pages.filled.remove(area);
      area.storage = null;
    }
    unfillDomain(table, area, pages, mapper);
  }
  return refused;
}
