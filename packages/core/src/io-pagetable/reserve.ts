import { left, right } from 'fp-ts/lib/Either.js';
import type { Range64 } from '../bits/index.js';
import type { ReservedRegion } from '../domain/index.js';
import { done, type IoResult, type Refusal } from '../errno/index.js';
import { byteOf, pageOf } from './iova-key.js';
import { refusals } from './refusals.js';
import type { ReservedOwner, ReservedRange } from './reserved-ranges.js';
import { RANGE_BYTES, type TableState } from './table-state.js';

const { refusal, refuse } = refusals;

/** What `IoPageTable.reserveDeviceRegions` found out. */
export interface DeviceRegions {
  /** Start of the window where the device's driver places MSI doorbells (SW_MSI). */
  readonly swMsi: bigint | undefined;
}

/** Keeps a range away from areas and allowed ranges (Linux: `iopt_reserve_iova`). */
export function reserveRange(table: TableState, range: ReservedRange): Refusal | null {
  const { start, last } = range;
  const area = table.areas.firstIn(pageOf(start), byteOf(start), pageOf(last), byteOf(last));
  if (area !== null) return refusal('RESERVE_OVER_AREA', { start, last, areaStart: area.iova, areaLast: area.last });
  const allowed = table.allowed.find((other) => other.start <= last && start <= other.last);
  if (allowed !== undefined) {
    return refusal('RESERVE_OVER_ALLOWED', { start, last, allowedStart: allowed.start, allowedLast: allowed.last });
  }
  if (table.lacksMemory(RANGE_BYTES)) return refusal('IOPT_OUT_OF_MEMORY', { what: 'reserved range' });
  table.reserved.add(range);
  table.automatic.reserve(table.reserved.holes());
  return null;
}

/** Drops every range of an owner. */
export function removeReserved(table: TableState, owner: ReservedOwner): void {
  const removed = table.reserved.removeOwner(owner);
  table.budget.uncharge(removed * RANGE_BYTES);
  if (removed > 0) table.automatic.reserve(table.reserved.holes());
}

/** Replaces the list of IOVAs that may not become reserved (Linux: `iopt_set_allow_iova`). On refusal the old list stays. */
export function setAllowed(table: TableState, ranges: readonly Range64[]): IoResult<0> {
  for (let charged = 0; charged < ranges.length; charged++) {
    if (!table.lacksMemory(RANGE_BYTES)) continue;
    table.budget.uncharge(charged * RANGE_BYTES);
    return refuse('IOPT_OUT_OF_MEMORY', { what: 'allowed range' });
  }
  for (const { start, last } of ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const reserved = table.reserved.firstIn(start, last);
    if (reserved !== undefined) {
      table.budget.uncharge(ranges.length * RANGE_BYTES);
      return refuse('ALLOWED_OVER_RESERVED', {
        start,
        last,
        reservedStart: reserved.start,
        reservedLast: reserved.last,
      });
    }
  }
  forgetAllowed(table);
  table.allowed = [...ranges];
  table.automatic.allow(ranges);
  return done;
}

/** Gives the memory of the allowed ranges back. */
export function forgetAllowed(table: TableState): void {
  table.budget.uncharge(table.allowed.length * RANGE_BYTES);
  table.allowed = [];
}

/**
 * Keeps what a device cannot use away from the table, with the device as owner (Linux: `iopt_table_enforce_dev_resv_regions`). Regions
 * that are only a default of the DMA API (direct-relaxable) are left out. On refusal the device has no range.
 */
export function reserveDeviceRegions(
  table: TableState,
  device: object,
  regions: readonly ReservedRegion[],
): IoResult<DeviceRegions> {
  let hardwareWindows = 0;
  let softwareWindows = 0;
  let swMsi: bigint | undefined;
  for (const { kind, start, last } of regions) {
    if (kind === 'direct-relaxable') continue;
    if (kind === 'msi') hardwareWindows++;
    if (kind === 'sw-msi') {
      softwareWindows++;
      swMsi = start;
    }
    const refused = reserveRange(table, { start, last, owner: device });
    if (refused !== null) {
      removeReserved(table, device);
      return left(refused);
    }
  }
  if (softwareWindows > 1 || (softwareWindows > 0 && hardwareWindows > 0)) {
    removeReserved(table, device);
    return refuse('MSI_WINDOWS_CONFLICT', { softwareWindows, hardwareWindows });
  }
  return right({ swMsi });
}
