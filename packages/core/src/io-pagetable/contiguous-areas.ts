import type { Area } from './area.js';
import type { TableState } from './table-state.js';
import { byteOf, pageOf } from './iova-key.js';

/**
 * Areas from the one that shows `iova` on, as long as each begins where the one before ends, up to the one that shows `last` (Linux:
 * `iopt_for_each_contig_area`). The caller sees a hole by where the last area ends.
 */
export function* contiguousAreas(table: TableState, iova: bigint, last: bigint): Generator<Area> {
  let at = iova;
  for (;;) {
    const page = pageOf(at);
    const byte = byteOf(at);
    const area = table.areas.firstIn(page, byte, page, byte);
    if (area === null || area.pages === null) return;
    yield area;
    if (area.last >= last) return;
    at = area.last + 1n;
  }
}

/** Last IOVA of an area, but no later than `last`. */
export function lastOf(area: Area, last: bigint): bigint {
  const end = area.last;
  return end < last ? end : last;
}
